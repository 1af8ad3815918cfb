"""See that what masks or transparency cut out lies where a model looks for it: the rest of it is background."""

from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components.scene_colliders import AABBBoxCollider
from torch import Tensor

from s3im_methods.data.few_views import spread_evenly
from s3im_methods.rays.sphere_bounds import SphereBounds, closest_approach

_LOOKED_AT, _RAYS_EACH = 8, 1024
_OPAQUE = 128
# An object may have a foot or a wire that reaches outside.
_MOST_OUTSIDE = 0.05
# In lengths of a ray; a box that is missed leaves as much.
_EMPTY = 1e-4


def check_foreground(model: Any, dataset: Any) -> list[str]:
    """A sentence where rays of the foreground miss the sphere or box in which a model learns.

    Args:
        model: A model of this pack; those that cut rays to neither are fine.
        dataset: The training views.
    """
    collider = model.collider
    if not isinstance(collider, SphereBounds | AABBBoxCollider):
        return []
    rays = _rays_of_the_foreground(dataset)
    if rays is None:
        return []
    with torch.no_grad():
        bounded = collider(rays)
    assert bounded.nears is not None and bounded.fars is not None
    missed = (bounded.fars - bounded.nears).flatten() < _EMPTY
    share = float(missed.double().mean())
    if share <= _MOST_OUTSIDE:
        return []
    if isinstance(collider, SphereBounds):
        _, squared = closest_approach(rays, collider.center.to(rays.origins))
        needed = float(squared.sqrt().flatten().quantile(1 - _MOST_OUTSIDE / 2))
        where, advice = "sphere", f"raise --pipeline.model.sphere-radius to {needed:.2g}, or correct sphere-center"
    else:
        where, advice = "box", model.box_advice
    return [
        f"{share:.0%} of what is cut out of the training images lies outside the {where} in which the object is looked "
        f"for, and is taken for background: {advice}."
    ]


def _rays_of_the_foreground(dataset: Any) -> RayBundle | None:
    """Rays of some of its pixels; None where nothing is cut out."""
    coords, indices = [], []
    for index in spread_evenly(min(_LOOKED_AT, len(dataset)), len(dataset)):
        image = dataset.get_data(index, image_type="uint8")["image"]
        if image.shape[-1] != 4 or bool((image[..., 3] >= _OPAQUE).all()):
            continue
        found = (image[..., 3] >= _OPAQUE).nonzero()
        chosen = found[_evenly(len(found))]
        coords.append(chosen.float() + 0.5)
        indices.append(torch.full((len(chosen), 1), index))
    if not coords or not sum(map(len, coords)):
        return None
    cameras = dataset.cameras.to("cpu")
    return cameras.generate_rays(camera_indices=torch.cat(indices), coords=torch.cat(coords))


def _evenly(count: int) -> Tensor:
    return torch.linspace(0, max(count - 1, 0), min(count, _RAYS_EACH)).round().long()
