"""Where the training cameras see a surface: the box that a mesh fills, and the level that it is taken at."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from numpy.typing import NDArray
from torch import Tensor

from s3im_methods.errors import InputError, NoSurfaceError
from s3im_methods.exporters.mesh.volume import ScalarField
from s3im_methods.exporters.mesh.world_frame import WorldFrame

_RAYS_AT_ONCE = 4096
_OPAQUE = 0.5
# Single rays end in floaters or at the horizon.
_OUTLIERS = 0.005
_PADDING = 0.05
# Three quarters of the seen surface are at least as dense: a lower level swells, a higher one has holes.
_LEVEL_QUANTILE = 0.25
SURFACE_LEVELS = {"sdf": 0.0, "occupancy": 0.5}
"""Where fields of these kinds have their surface by definition; that of an occupancy is UNISURF's."""


@torch.no_grad()
def seen_surface(model: Any, cameras: Cameras, count: int = 16384, seed: int = 0) -> Tensor:
    """Points at the rendered depth of random pixels of the cameras; rays that are mostly transparent give none.

    Args:
        model: Any ray-based model, in evaluation mode.
        cameras: On the model's device.
        count: Number of rays.
        seed: The same seed gives the same pixels.

    Returns:
        ``[N, 3]``, scene units.

    Raises:
        NoSurfaceError: If no ray meets anything.
    """
    generator = torch.Generator().manual_seed(seed)
    view = torch.randint(len(cameras), (count,), generator=generator)
    size = torch.cat([cameras.height.cpu(), cameras.width.cpu()], dim=-1)[view]
    pixel = torch.rand(count, 2, generator=generator) * size
    points = []
    for index, coords in _chunks(view.to(cameras.device), pixel.to(cameras.device)):
        bundle = cameras.generate_rays(camera_indices=index[:, None], coords=coords)
        outputs = model(bundle)
        met = outputs["accumulation"][:, 0] >= _OPAQUE
        points.append((bundle.origins + bundle.directions * outputs["depth"])[met])
    found = torch.cat(points)
    found = found[torch.isfinite(found).all(dim=-1)]
    if len(found) == 0:
        raise NoSurfaceError("The training cameras see nothing but empty space in this run: train it longer.")
    return found


def _chunks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    return zip(*(tensor.split(_RAYS_AT_ONCE) for tensor in tensors), strict=True)


def seen_box(points: Tensor, frame: WorldFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The box along the world's axes around nearly all points, with some air on each side.

    Args:
        points: ``[N, 3]``, scene units.
        frame: Of the world.

    Returns:
        Its lowest and highest corner, ``[3]`` each, world units.
    """
    world = frame.to_world(points.double().cpu().numpy())
    low, high = np.quantile(world, [_OUTLIERS, 1 - _OUTLIERS], axis=0)
    padding = max(_PADDING * float((high - low).max()), 1e-6)
    return low - padding, high + padding


def default_level(field: ScalarField, points: Tensor) -> float:
    """The level of the surface: 0 for signed distances, 0.5 for occupancies; for densities, what most of the seen
    surface reaches.

    Args:
        field: Whose level.
        points: On the seen surface, ``[N, 3]``, scene units.

    Raises:
        InputError: If the density is 0 on most of the surface.
    """
    if field.kind in SURFACE_LEVELS:
        return SURFACE_LEVELS[field.kind]
    level = float(torch.quantile(field.value(points), _LEVEL_QUANTILE))
    if not level > 0:
        raise InputError("The density is 0 on the surface that the training cameras see: give --level.")
    return level
