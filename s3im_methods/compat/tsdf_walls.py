"""``ns-export tsdf`` builds no walls at the border of the space that cameras have seen.

Voxels that no camera has seen keep the value -1, "inside of something". ``TSDF.get_mesh`` puts a surface at each change
of sign (``exporter/tsdf_utils.py``), also between such voxels and seen free space. Scenes come out wrapped in the
outlines of what the cameras saw. No issue of nerfstudio's reports it. We leave out the faces with an unseen voxel at a
corner's edge. If no other faces are there, they stay, and a line says so.
"""

import dataclasses
import functools
import sys
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from s3im_methods.console import say
from s3im_methods.errors import NoSurfaceError

if TYPE_CHECKING:
    from nerfstudio.exporter.tsdf_utils import TSDF

# Vertices lie on edges between voxels, so that two of their three coordinates are whole but for rounding.
_ROUNDING = 1e-3


def leave_out_walls() -> None:
    """Let every TSDF of nerfstudio give the faces between seen voxels only.

    Called where ``compat.tsdf`` is, and for the same reason only once nerfstudio's module has been imported.
    """
    module = sys.modules.get("nerfstudio.exporter.tsdf_utils")
    if module is None or hasattr(module.TSDF.get_mesh, "__wrapped__"):
        return
    get_mesh = module.TSDF.get_mesh

    @functools.wraps(get_mesh)
    def get_mesh_of_what_was_seen(self: "TSDF") -> Any:
        if not ((self.values < 0).any() and (self.values > 0).any()):
            raise NoSurfaceError(
                "The training cameras see no surface in the box of the export, or the whole box is empty: give another "
                "--bounding-box-min and --bounding-box-max, or train longer."
            )
        mesh = get_mesh(self)
        places = (mesh.vertices - self.origin) / self.voxel_size
        kept = between_seen(places, self.weights > 0)[mesh.faces.long()].all(dim=1)
        if not kept.any():
            say(
                "The training cameras see no surface in the box of the export, so its mesh is only the outline of "
                "what they see: give ns-export tsdf another --bounding-box-min and --bounding-box-max, or train longer."
            )
            return mesh
        used, faces = mesh.faces[kept].unique(return_inverse=True)
        used = used.long()
        return dataclasses.replace(
            mesh,
            vertices=mesh.vertices[used],
            faces=faces.to(mesh.faces),
            normals=mesh.normals[used],
            colors=None if mesh.colors is None else mesh.colors[used],
        )

    module.TSDF.get_mesh = get_mesh_of_what_was_seen


def between_seen(places: Tensor, seen: Tensor) -> Tensor:
    """Whether both ends of the edges on which vertices lie have been seen.

    Args:
        places: In voxels, ``[n, 3]``.
        seen: ``[x, y, z]``, true or false.

    Returns:
        ``[n]``, true or false.

    Example:
        >>> seen = torch.tensor([True, True, False]).view(3, 1, 1)
        >>> between_seen(torch.tensor([[0.5, 0.0, 0.0], [1.5, 0.0, 0.0]]), seen).tolist()
        [True, False]
    """
    most = torch.tensor(seen.shape, device=seen.device) - 1
    ends = (places + _ROUNDING).floor(), (places - _ROUNDING).ceil()
    below, above = (seen[tuple(end.long().clamp(min=0).minimum(most).unbind(dim=-1))] for end in ends)
    return below & above
