"""``ns-export`` finds the texels of a mesh's texture in seconds.

nerfstudio unfolds the mesh with xatlas, then compares every texel with every face (``exporter/texture_utils.py``). With
the defaults of ``ns-export``, 2048 x 2048 texels and 50,000 faces, that is 2 * 10^11 comparisons: hours on a CPU. It
takes ten faces at a time and leaves out the remainder, so up to nine faces get the colours of others. No issue reports
either (1421 asks for a faster ns-export in general). We compare each face with the texels of its bounding box alone, as
``s3im export-mesh --texture`` does.
"""

import functools
import sys

import torch
from torch import Tensor

from s3im_methods.errors import InputError

_MODULE, _NAME = "nerfstudio.exporter.texture_utils", "unwrap_mesh_with_xatlas"


def replace_unwrapping() -> None:
    """Let ns-export unfold its meshes by :func:`unwrap_mesh`.

    Called when a pipeline of ours is built for it: by then the command has imported nerfstudio's module, and other
    commands need not import what exporting needs.
    """
    module = sys.modules.get(_MODULE)
    if module is None or hasattr(getattr(module, _NAME), "__wrapped__"):
        return
    setattr(module, _NAME, functools.update_wrapper(functools.partial(unwrap_mesh), getattr(module, _NAME)))


def unwrap_mesh(
    vertices: Tensor,
    faces: Tensor,
    vertex_normals: Tensor,
    num_pixels_per_side: int = 1024,
    num_faces_per_barycentric_chunk: int = 10,
) -> tuple[Tensor, Tensor, Tensor]:
    """What nerfstudio's ``unwrap_mesh_with_xatlas`` is for, with its arguments.

    Args:
        vertices: Scene units, ``[V, 3]``.
        faces: ``[F, 3]``.
        vertex_normals: Outwards, ``[V, 3]``.
        num_pixels_per_side: S, of the texture.
        num_faces_per_barycentric_chunk: Without effect; the memory is bounded anyway.

    Returns:
        Texture coordinates of the faces' corners, ``[F, 3, 2]`` in [0, 1], and for each texel where its ray meets the
        surface and the ray's unit direction, inwards, ``[S, S, 3]`` each; (0, 0) is the outer corner of texel [0, 0].
        A texel that no face covers has the ray of the nearest one.

    Raises:
        InputError: If the texture is so small that no texel's centre lies on a face.
    """
    import numpy as np
    import xatlas

    from s3im_methods.exporters.mesh.texture import covered_texels, nearest_covered

    side = num_pixels_per_side
    points, normals = (tensor.cpu().numpy().astype(np.float64) for tensor in (vertices, vertex_normals))
    triangles = faces.cpu().numpy()
    _, indices, uv = xatlas.parametrize(
        points.astype(np.float32), triangles.astype(np.uint32), normals.astype(np.float32)
    )
    corners = uv[indices].astype(np.float64)
    origins, towards = np.zeros((2, side, side, 3), dtype=np.float32)
    covered = np.zeros((side, side), dtype=bool)
    for texels in covered_texels(corners * side, side):
        at, around = (texels.row, texels.column), triangles[texels.face]
        origins[at] = np.einsum("nk,nkd->nd", texels.weights, points[around])
        towards[at] = -np.einsum("nk,nkd->nd", texels.weights, normals[around])
        covered[at] = True
    if not covered.any():
        raise InputError("No texel of the texture lies on the mesh: give a larger --num-pixels-per-side.")
    nearest = nearest_covered(covered)
    coordinates, rays, directions = (
        torch.from_numpy(array).to(vertices.device)
        for array in (corners.astype(np.float32), origins[nearest], towards[nearest])
    )
    return coordinates, rays, torch.nn.functional.normalize(directions, dim=-1)
