"""A ball in the unit sphere, rays at both, and cameras around it."""

import torch
from nerfstudio.cameras.cameras import Cameras
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


def six_cameras(centre: torch.Tensor) -> Cameras:
    """Six, two scene units from a ball, each looking at it along an axis; a radius of 0.5 is 60 pixels wide."""
    poses = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            back = torch.zeros(3)
            back[axis] = sign
            right = torch.roll(back, 1)
            poses.append(torch.stack([right, torch.linalg.cross(back, right), back, centre + 2 * back], dim=1))
    return Cameras(torch.stack(poses), 120.0, 120.0, 64.0, 48.0, 128, 96)
