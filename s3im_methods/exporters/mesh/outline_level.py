"""The level of a signed distance whose outlines are those of the foreground masks.

VolSDF's density reaches outside the zero of the distance: a ray that only passes by the surface is half opaque a few
beta outside it. Masks want half opacity at the outline, so that training moves the zero inside, slowly, by as much as
it has time for. The level that undoes this is measured: as many rays near the masks' outlines are to meet the surface
as the masks say.
"""

from collections.abc import Callable
from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle
from torch import Tensor
from torch.nn import functional

from s3im_methods.data.few_views import spread_evenly
from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.survey import SURFACE_LEVELS
from s3im_methods.exporters.mesh.volume import scalar_field

_VIEWS, _RAYS_PER_VIEW = 32, 512
# Pixels to either side of an outline.
_WIDTH = 2
_COARSE_STEPS, _FINE_STEPS, _ROUNDS = 96, 8, 2


def surface_level(
    pipeline: Any, flag: str = "s3im export-mesh --level", say: Callable[[str], None] = print
) -> float | None:
    """The level of a surface method's mesh: the one that masks have the outline at, if the model asks for it by
    ``level_from_masks``; else that of its kind. None for a density, whose level depends on what is seen.

    Args:
        pipeline: The run's, in evaluation mode.
        flag: What the user types to choose another.
        say: Takes a line about what masks say.
    """
    if getattr(pipeline.model, "level_from_masks", False) and (level := _mask_level(pipeline, flag, say)) is not None:
        return level
    return SURFACE_LEVELS.get(scalar_field(pipeline.model).kind)


@torch.no_grad()
def _mask_level(pipeline: Any, flag: str, say: Callable[[str], None]) -> float | None:
    model = pipeline.model
    data = pipeline.datamanager.train_dataset
    if not data.has_foreground_mask:
        return None
    value = scalar_field(model).value
    random = torch.Generator().manual_seed(0)
    nearest, shares = [], []
    try:
        for index in spread_evenly(min(_VIEWS, len(data)), len(data)):
            mask = data.get_data(index)["fg_mask"][..., 0].float()
            pixels = outline_pixels(mask, _RAYS_PER_VIEW, random)
            camera = data.cameras[index : index + 1].to(pipeline.device)
            bundle = camera.generate_rays(camera_indices=0, coords=pixels.to(pipeline.device) + 0.5)
            nearest.append(nearest_distance(model.collider(bundle), value))
            shares.append(mask[pixels[:, 0], pixels[:, 1]])
    except (InputError, OSError) as error:
        say(f"The masks cannot be read, so the mesh is taken where the signed distance is 0 ({error}).")
        return None
    level = level_of_outlines(torch.cat(nearest).cpu(), torch.cat(shares))
    if level is not None:
        say(
            f"The mesh is taken where the signed distance is {level:.4g}, because its outlines then are those of the "
            f"masks ({flag} 0 takes the zero)."
        )
    return level


def outline_pixels(mask: Tensor, most: int, random: torch.Generator) -> Tensor:
    """Pixels to both sides of the outline of a mask.

    Args:
        mask: ``[H, W]``, from 0 to 1.
        most: How many to choose, if there are more.
        random: Chooses them.

    Returns:
        Rows and columns, ``[N, 2]``, int64.
    """
    solid = (mask > 0.5).float()[None]
    sides = [functional.max_pool2d(side, 2 * _WIDTH + 1, stride=1, padding=_WIDTH)[0] for side in (solid, 1 - solid)]
    pixels = ((sides[0] > 0) & (sides[1] > 0)).nonzero()
    return pixels[torch.randperm(len(pixels), generator=random)[:most]]


def nearest_distance(rays: RayBundle, value: Callable[[Tensor], Tensor]) -> Tensor:
    """The least signed distance along each of the rays ``[R]`` between nears and fars, ``[R]``.

    Args:
        rays: With nears and fars.
        value: From points ``[N, 3]`` to signed distances ``[N]``; what is not a number counts as far away.
    """
    assert rays.nears is not None and rays.fars is not None
    low, high, count = rays.nears, rays.fars, _COARSE_STEPS
    least = torch.full_like(low, torch.inf)
    for _ in range(1 + _ROUNDS):
        shares = torch.linspace(0, 1, count + 1, device=low.device)
        along = low + (high - low) * shares
        points = rays.origins[:, None] + rays.directions[:, None] * along[..., None]
        found, place = value(points.reshape(-1, 3)).view(along.shape).nan_to_num(torch.inf).min(dim=1, keepdim=True)
        least = torch.minimum(least, found)
        step = (high - low) / count
        at = along.gather(1, place)
        low, high, count = torch.maximum(at - step, low), torch.minimum(at + step, high), _FINE_STEPS
    return least[:, 0]


def level_of_outlines(nearest: Tensor, shares: Tensor) -> float | None:
    """The level that as many rays come as near to as a mask says.

    Args:
        nearest: The least signed distance along each ray, ``[R]``.
        shares: How much of each ray's pixel the mask covers, ``[R]``.

    Returns:
        None without rays on both sides.

    Example:
        >>> level_of_outlines(torch.tensor([-0.25, 0.125, 0.375, 0.5]), torch.tensor([1.0, 1.0, 0.0, 0.0]))
        0.25
    """
    share = float(shares.double().mean()) if len(shares) else 0.0
    if not 0 < share < 1:
        return None
    # Halfway between the last ray that is to meet the surface and the first that is not.
    place = share * len(nearest) - 0.5
    ordered = nearest.double().sort().values
    below = min(max(int(place), 0), len(ordered) - 1)
    above = min(below + 1, len(ordered) - 1)
    return round(float(ordered[below].lerp(ordered[above], min(max(place - below, 0.0), 1.0))), 9)
