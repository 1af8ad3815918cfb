"""Rays towards a unit sphere, with all that a surface method may learn from them."""

from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle


def batch(step: int = 0, rays: int = 32, distance: float = 3.0) -> tuple[RayBundle, dict[str, Any]]:
    """Rays from around the unit sphere towards its inside."""
    random = torch.Generator().manual_seed(step)
    origins = distance * torch.nn.functional.normalize(torch.randn(rays, 3, generator=random), dim=-1)
    targets = 0.5 * torch.randn(rays, 3, generator=random)
    images = torch.randint(0, 3, (rays, 1), generator=random)
    bundle = RayBundle(
        origins,
        torch.nn.functional.normalize(targets - origins, dim=-1),
        torch.full((rays, 1), 1e-4),
        camera_indices=images,
        metadata={"directions_norm": 1 + torch.rand(rays, 1, generator=random)},
    )
    found = {"image": torch.rand(rays, 3, generator=random), "fg_mask": torch.ones(rays, 1)}
    found |= {"indices": torch.cat([images] * 3, dim=1), "depth_image": torch.full((rays, 1), 2.5)}
    return bundle, found
