"""See that what masks or transparency cut out lies where a model looks for it: the rest of it is background."""

from typing import Any

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components.scene_colliders import AABBBoxCollider, NearFarCollider
from PIL import Image
from torch import Tensor

from s3im_methods.data.few_views import spread_evenly
from s3im_methods.data.scene_sphere import fit_scene_sphere
from s3im_methods.data.wording import are, some
from s3im_methods.rays.sphere_bounds import SphereBounds, closest_approach

_LOOKED_AT, _RAYS_EACH = 8, 1024
_OPAQUE = 128
# An object may have a foot or a wire that reaches outside.
_MOST_OUTSIDE = 0.05
# In lengths of a ray; a box that is missed leaves as much.
_EMPTY = 1e-4


def check_foreground(model: Any, dataset: Any) -> list[str]:
    """A sentence where rays of the foreground miss the sphere, box or distances in which a model learns.

    Args:
        model: A model of this package; those that cut rays to none of these are fine.
        dataset: The training views.
    """
    collider = model.collider
    if not isinstance(collider, SphereBounds | AABBBoxCollider | NearFarCollider):
        return []
    rays = _rays_of_the_foreground(dataset)
    if rays is None:
        return []
    if isinstance(collider, NearFarCollider):
        return _out_of_reach(collider, dataset.cameras)
    if isinstance(collider, AABBBoxCollider):
        # The box is part of the model, which may be on a GPU by now.
        rays = rays.to(collider.scene_box.aabb.device)
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


def _out_of_reach(collider: NearFarCollider, cameras: Cameras) -> list[str]:
    sphere = fit_scene_sphere(cameras)
    if sphere.kind != "object":
        return []
    away = (cameras.camera_to_worlds[:, :, 3].cpu() - torch.tensor(sphere.center)).norm(dim=-1)
    near, far = collider.near_plane, collider.far_plane
    missed = int(((away < near) | (away > far)).sum())
    if 2 * missed < len(away):
        return []
    nearest, farthest = float(away.min()), float(away.max())
    return [
        f"{some(missed, len(away), 'training camera')} {are(missed)} {nearest:.2g} to {farthest:.2g} scene units away "
        f"from the object, and rays are sampled from {near:g} to {far:g} alone: set --pipeline.model.near-plane below "
        f"{max(0.0, nearest - sphere.radius):.2g} and --pipeline.model.far-plane above {farthest + sphere.radius:.2g}."
    ]


def _rays_of_the_foreground(dataset: Any) -> RayBundle | None:
    """Rays of some of its pixels; None where nothing is cut out."""
    if not getattr(dataset, "foreground_filenames", None):
        with Image.open(dataset.image_filenames[0]) as file:
            # Without masks nothing else is decoded for this.
            if file.mode != "RGBA":
                return None
    coords, indices = [], []
    for index in spread_evenly(min(_LOOKED_AT, len(dataset)), len(dataset)):
        # As it is stored: a parser may put a colour behind it.
        image = torch.from_numpy(dataset.get_numpy_image(index))
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
