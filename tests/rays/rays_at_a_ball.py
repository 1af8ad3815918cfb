"""A ball in the unit sphere, and rays at both."""

import torch
from nerfstudio.cameras.rays import RayBundle
from torch.nn.functional import normalize

from s3im_methods.rays.sphere_bounds import SphereBounds


def ball(points: torch.Tensor, radius: float = 0.5) -> torch.Tensor:
    return points.norm(dim=-1) - radius


def rays(seed: int = 0, count: int = 20, distance: float = 3.0, spread: float = 0.6) -> RayBundle:
    """Rays at the unit sphere, most of which hit the ball, and some of which miss even the sphere."""
    random = torch.Generator().manual_seed(seed)
    origins = distance * normalize(torch.randn(count, 3, generator=random), dim=-1)
    targets = spread * torch.randn(count, 3, generator=random)
    bundle = RayBundle(origins, normalize(targets - origins, dim=-1), torch.ones(count, 1))
    return SphereBounds(torch.zeros(3), 1.0)(bundle)
