"""What lies behind a surface's sphere: nerfstudio's contracted fields, or NeRF++'s network in inverted distances."""

from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.model_components.ray_samplers import Sampler
from nerfstudio.model_components.renderers import RGBRenderer
from torch import Tensor
from torch.nn import Module

from s3im_methods.fields.inverted_sphere_field import InvertedSphereField
from s3im_methods.rays.inverse_sphere import InverseSphereSampler


def inverted_background(config: Any, center: Tensor, radius: float) -> tuple[Module, Sampler]:
    """NeRF++'s field and sampler outside a sphere.

    Args:
        config: With ``background_layers``, ``background_width``, ``num_samples_outside`` and ``far_plane_bg``.
        center: Of the sphere, ``[3]``, scene units.
        radius: Its radius.
    """
    field = InvertedSphereField(
        center,
        radius,
        base_mlp_num_layers=config.background_layers,
        base_mlp_layer_width=config.background_width,
        head_mlp_layer_width=config.background_width,
    )
    return field, InverseSphereSampler(config.num_samples_outside, center, radius, config.far_plane_bg)


def beyond(rays: RayBundle, far_plane: float) -> RayBundle:
    """The rays from where they end to a far plane; the caller's stay as they are, which nerfstudio changes.

    Args:
        rays: ``[R]``, with fars.
        far_plane: Distance from the camera, scene units.
    """
    assert rays.fars is not None
    behind = rays[...]
    behind.nears, behind.fars = rays.fars, torch.full_like(rays.fars, far_plane)
    return behind


def background_colour(rays: RayBundle, field: Module, sampler: Sampler, renderer: RGBRenderer) -> Tensor:
    """What rays ``[R]`` see of a background alone, ``[R, 3]``."""
    samples = sampler(rays)
    found = field(samples)
    weights = samples.get_weights(found[FieldHeadNames.DENSITY])
    return renderer(rgb=found[FieldHeadNames.RGB], weights=weights)
