"""Normals of a mesh, and the colours that a model gives to it."""

from typing import Any

import numpy as np
import torch
from nerfstudio.field_components.field_heads import FieldHeadNames
from numpy.typing import NDArray
from torch import Tensor

from s3im_methods.console import warn
from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.volume import field_of, samples_at
from s3im_methods.exporters.mesh.world_frame import WorldFrame
from s3im_methods.progress import track

_POINTS_AT_ONCE = 1 << 16
# Of the points of a surface, with colours that are not finite; with more the field is broken everywhere.
_MOST_BROKEN = 0.1
_GREY = 0.5


def vertex_normals(mesh: Triangles) -> NDArray[np.float64]:
    """Unit normals ``[V, 3]``, of the triangles around each vertex weighted by area."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]] for corner in range(3))
    cross = np.cross(b - a, c - a)
    corners, size = mesh.faces.reshape(-1), len(mesh.vertices)
    total = np.stack([np.bincount(corners, np.repeat(cross[:, axis], 3), minlength=size) for axis in range(3)], -1)
    return total / np.maximum(np.linalg.norm(total, axis=-1, keepdims=True), 1e-300)


def surface_colours(
    model: Any, points: NDArray, normals: NDArray, frame: WorldFrame, device: torch.device | str
) -> NDArray[np.uint8]:
    """What the model shows at points of a surface, seen from straight above it.

    Args:
        model: A model whose field has colours, in evaluation mode.
        points: ``[N, 3]``, world units.
        normals: ``[N, 3]``, unit, world axes, outwards.
        frame: Of the world.
        device: Where the model is.

    Returns:
        sRGB, ``[N, 3]``.

    Raises:
        InputError: If more than a tenth of the colours are not finite. If fewer are, those points become grey.
    """
    colours, broken = np.empty((len(points), 3), dtype=np.uint8), 0
    for start in track(range(0, len(points), _POINTS_AT_ONCE), "Colouring"):
        part = slice(start, start + _POINTS_AT_ONCE)
        scene, towards = (
            torch.from_numpy(array.astype(np.float32)).to(device)
            for array in (frame.to_scene(points[part]), -frame.directions_to_scene(normals[part]))
        )
        found = field_colours(model, scene, towards)
        is_broken = ~found.isfinite().all(dim=-1)
        broken += int(is_broken.sum())
        found = torch.where(is_broken[:, None], _GREY, found)
        colours[part] = (found * 255 + 0.5).to(torch.uint8).cpu().numpy()
    if broken > _MOST_BROKEN * len(points):
        raise InputError(
            f"{broken} of {len(points)} colours of {type(model).__name__} on the surface are not finite (NaN or "
            "infinite): take the mesh of an earlier checkpoint, or train again."
        )
    if broken:
        warn(
            f"{broken} of {len(points)} colours on the surface are not finite (NaN or infinite): these points become "
            "grey."
        )
    return colours


@torch.no_grad()
def field_colours(model: Any, points: Tensor, directions: Tensor) -> Tensor:
    """Colours ``[N, 3]`` in [0, 1] at points in scene units seen along unit directions, both ``[N, 3]``."""
    return field_of(model)(samples_at(points, directions))[FieldHeadNames.RGB][:, 0].float().clamp(0, 1)
