"""The part of a pixel's cone between two distances, as a Gaussian: mip-NeRF (Barron et al., ICCV 2021), section 3.1.

A pixel of width w at distance 1 has a cone of radius ``2 / sqrt(12) w`` there, whose cross-section has the pixel's
variance. nerfstudio's ``get_gaussian_blob`` gives cone and pixel the same area, a radius that is 2.3 % smaller.
"""

import math
from typing import NamedTuple

import torch
from nerfstudio.cameras.rays import Frustums
from torch import Tensor

CONE_RADIUS = 2.0 / math.sqrt(12.0)
"""Radius of the cone at distance 1, in widths of the pixel there."""


class FrustumMoments(NamedTuple):
    """Mean distance, variance along the ray and variance across it, each of the shape of its inputs."""

    mean: Tensor
    along: Tensor
    across: Tensor


class GaussianSamples(NamedTuple):
    """Gaussians in space: means ``[*batch, 3]`` and covariances ``[*batch, 3, 3]``."""

    mean: Tensor
    covariance: Tensor


def frustum_moments(starts: Tensor, ends: Tensor, radius: Tensor | float) -> FrustumMoments:
    """Moments of points spread evenly over conical frustums, by mip-NeRF's stable form (eq. 7).

    Args:
        starts: Distances at which the frustums begin, ``[*batch]``.
        ends: Distances at which they end; beyond ``starts``.
        radius: Of the cones, at distance 1.

    Example:
        >>> moments = frustum_moments(torch.tensor(1.0), torch.tensor(2.0), 0.1)
        >>> [round(value.item(), 6) for value in moments]
        [1.607143, 0.074235, 0.006643]
    """
    middle, half = (starts + ends) / 2, (ends - starts) / 2
    squared, half_squared = middle**2, half**2
    # Of a frustum of length 0 at the camera there is only a point.
    below = (3 * squared + half_squared).clamp(min=torch.finfo(middle.dtype).tiny)
    # half / below stays finite where half^4 would vanish or overflow.
    share = half_squared / below
    mean = middle + 2 * middle * share
    along = half_squared / 3 - (4 / 15) * share**2 * (12 * squared - half_squared)
    across = radius**2 * (squared / 4 + (5 / 12) * half_squared - (4 / 15) * half_squared * share)
    return FrustumMoments(mean, along, across)


def frustum_gaussians(frustums: Frustums) -> GaussianSamples:
    """The Gaussians of samples along rays, in the world.

    Args:
        frustums: ``[*batch]``, with directions of length 1.
    """
    radius = CONE_RADIUS * frustums.pixel_area.clamp(min=0).sqrt()
    moments = frustum_moments(frustums.starts, frustums.ends, radius)
    directions = frustums.directions
    outer = directions[..., :, None] * directions[..., None, :]
    eye = torch.eye(3, dtype=directions.dtype, device=directions.device)
    across = moments.across[..., None]
    covariance = across * eye + (moments.along[..., None] - across) * outer
    return GaussianSamples(frustums.origins + directions * moments.mean, covariance)


def contract_gaussians(samples: GaussianSamples) -> GaussianSamples:
    """Mip-NeRF 360's contraction into a ball of radius 2, of Gaussians (Barron et al., CVPR 2022, eq. 9 and 10).

    The mean m moves to ``g m`` with ``g = (2 - 1 / |m|) / |m|`` outside the unit ball, and the covariance C becomes
    ``J C J^T`` with the Jacobian ``J = g I + (g' / |m|) m m^T``, in closed form.

    Args:
        samples: In the world.

    Example:
        >>> ball = GaussianSamples(torch.tensor([2.0, 0.0, 0.0]), torch.eye(3))
        >>> contract_gaussians(ball).mean.tolist(), contract_gaussians(ball).covariance.diagonal().tolist()
        ([1.5, 0.0, 0.0], [0.0625, 0.5625, 0.5625])
    """
    mean, covariance = samples
    norm = mean.square().sum(dim=-1, keepdim=True).clamp(min=1.0).sqrt()
    # Both are 1 and 0 inside, where the norm is held at 1 but the contraction is none.
    outside = (norm > 1).to(mean)
    scale = 1 + outside * ((2 - 1 / norm) / norm - 1)
    slope = outside * 2 * (1 - norm) / norm**4
    eye = torch.eye(3, dtype=mean.dtype, device=mean.device)
    jacobian = scale[..., None] * eye + slope[..., None] * (mean[..., :, None] * mean[..., None, :])
    return GaussianSamples(scale * mean, jacobian @ covariance @ jacobian.transpose(-1, -2))
