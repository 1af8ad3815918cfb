"""Normals of a mesh, and the colours that a model gives to it."""

from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.rays import Frustums, RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames
from numpy.typing import NDArray
from torch import Tensor

from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.world_frame import WorldFrame
from s3im_methods.progress import track

_POINTS_AT_ONCE = 1 << 16


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
        model: A model whose ``field`` has colours, in evaluation mode.
        points: ``[N, 3]``, world units.
        normals: ``[N, 3]``, unit, world axes, outwards.
        frame: Of the world.
        device: Where the model is.

    Returns:
        sRGB, ``[N, 3]``.
    """
    colours = np.empty((len(points), 3), dtype=np.uint8)
    for start in track(range(0, len(points), _POINTS_AT_ONCE), "Colouring"):
        part = slice(start, start + _POINTS_AT_ONCE)
        scene, towards = (
            torch.from_numpy(array.astype(np.float32)).to(device)
            for array in (frame.to_scene(points[part]), -frame.directions_to_scene(normals[part]))
        )
        colours[part] = (field_colours(model, scene, towards) * 255 + 0.5).to(torch.uint8).cpu().numpy()
    return colours


@torch.no_grad()
def field_colours(model: Any, points: Tensor, directions: Tensor) -> Tensor:
    """Colours ``[N, 3]`` in [0, 1] at points in scene units seen along unit directions, both ``[N, 3]``."""
    nothing = torch.zeros_like(points[:, :1])
    frustums = Frustums(points, directions, nothing, nothing, torch.ones_like(nothing))
    samples = RaySamples(frustums=frustums, camera_indices=torch.zeros_like(nothing, dtype=torch.long))
    return model.field(samples)[FieldHeadNames.RGB].float().clamp(0, 1)
