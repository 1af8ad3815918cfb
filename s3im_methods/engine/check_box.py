"""See that the cameras look into the box that a model's rays are cut to: outside it there is nothing to learn."""

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.utils.math import intersect_aabb
from torch import Tensor

from s3im_methods.errors import InputError

_RAYS_PER_SIDE = 9
_MISS = 1e10


def views_into(box: Tensor, cameras: Cameras) -> Tensor:
    """Which cameras see a box, judged by a grid of rays over each image.

    Args:
        box: Its lower and upper corner, ``[2, 3]``, scene units.
        cameras: ``N`` cameras.

    Returns:
        ``[N]``, bool.
    """
    count = len(cameras)
    share = (torch.arange(_RAYS_PER_SIDE) + 0.5) / _RAYS_PER_SIDE
    grid = torch.stack(torch.meshgrid(share, share, indexing="ij"), dim=-1).reshape(-1, 2)
    size = torch.cat([cameras.height, cameras.width], dim=-1).cpu()
    coords = (grid[None] * size[:, None]).reshape(-1, 2)
    indices = torch.arange(count).repeat_interleave(len(grid))[:, None]
    rays = cameras.to("cpu").generate_rays(camera_indices=indices, coords=coords)
    _, leaves = intersect_aabb(rays.origins, rays.directions, box.detach().cpu().flatten(), invalid_value=_MISS)
    return ((leaves > 0) & (leaves < _MISS)).reshape(count, -1).any(dim=1)


def check_box(box: Tensor, cameras: Cameras, advice: str) -> list[str]:
    """Refuse a box that no camera sees.

    Args:
        box: Its lower and upper corner, ``[2, 3]``, scene units.
        cameras: The training cameras.
        advice: What the user can do about it, the end of a sentence.

    Returns:
        A sentence where some cameras do not see it.

    Raises:
        InputError: If no camera sees the box.
    """
    seen = views_into(box, cameras)
    corners = " to ".join(str([round(value, 3) for value in corner]) for corner in box.tolist())
    if not seen.any():
        raise InputError(
            f"None of the {len(seen)} training views sees the box in which the model learns, {corners} in scene units: "
            f"{advice}."
        )
    if seen.all():
        return []
    missing = int((~seen).sum())
    return [
        f"{missing} of {len(seen)} training views do not see the box in which the model learns, {corners} in scene "
        f"units: {advice}."
    ]
