"""The lidar losses of Urban Radiance Fields (Rematas et al., CVPR 2022).

    loss = mean over rays of  (E[t] - D)^2 + sum_i (w_i - m_i)^2

where m_i is the mass that the normal distribution N(D, (sigma / 3)^2) has in bin i, and 0 in bins that lie wholly
outside D - sigma .. D + sigma. So weight in the empty space before the surface and behind it is penalised as well.
The paper compares densities; bins have masses, so masses are compared.
"""

import torch
from torch import Tensor

from s3im_methods.losses.depth.valid_rays import (
    above,
    check_bins,
    check_sigma,
    full_precision,
    per_ray,
    trusted_depth,
    trusted_mean,
)

_SIGMAS_IN_REGION = 3.0


@full_precision
def urban_depth_loss(
    weights: Tensor,
    starts: Tensor,
    ends: Tensor,
    depth: Tensor,
    sigma: float | Tensor,
    predicted_depth: Tensor,
    confidence: Tensor | None = None,
    stock: bool = False,
) -> Tensor:
    """The loss of the module's formula.

    Args:
        weights: Rendering weights, ``[B, S]``.
        starts: Distances along the ray where the bins start, ``[B, S]``, in scene units.
        ends: Where they end.
        depth: Distance along the ray of the surface, ``[B]``, in scene units; 0 where it is not known.
        sigma: Half the width of the surface's region, three standard deviations, in scene units; one number, or one
            per ray.
        predicted_depth: The rendered depth E[t], ``[B]``, in scene units.
        confidence: How much each ray counts in the mean, ``[B]``, 0 or above; by default all count the same.
        stock: Whether to repeat nerfstudio 1.1.5's arithmetic: weights compared with the Gaussian's density at the
            midpoint, which is no mass and well above 1, nothing behind the surface, and the mean over all rays.

    Returns:
        A scalar; 0, with a gradient of 0, where no ray has a depth.

    Raises:
        InputError: If shapes do not match or sigma is not above 0.

    Example:
        >>> ends = torch.linspace(0.1, 2.0, 20)[None]
        >>> empty = torch.zeros(1, 20)
        >>> depth = torch.tensor([1.05])
        >>> round(urban_depth_loss(empty, ends - 0.1, ends, depth, sigma=0.03, predicted_depth=depth).item(), 4)
        1.0
    """
    check_bins(weights, starts, ends, depth)
    check_sigma(sigma)
    depth, trust = trusted_depth(depth, confidence)
    deviation = per_ray(sigma) / _SIGMAS_IN_REGION
    z_start, z_end = (starts - depth[:, None]) / deviation, (ends - depth[:, None]) / deviation
    if stock:
        z = (z_start + z_end) / 2
        density = torch.exp(-(z**2) / 2) / (deviation * (2 * torch.pi) ** 0.5)
        not_behind = 1 - above(z - _SIGMAS_IN_REGION)
        in_region = not_behind - above(-_SIGMAS_IN_REGION - z)
        sight = ((weights - density * in_region) * not_behind).square()
    else:
        in_region = above(z_end + _SIGMAS_IN_REGION) * above(_SIGMAS_IN_REGION - z_start)
        mass = torch.special.ndtr(z_end) - torch.special.ndtr(z_start)
        sight = (weights - mass * in_region).square()
    of_rays = (predicted_depth - depth).square() + sight.sum(-1)
    return (of_rays * trust).mean() if stock else trusted_mean(of_rays, trust)
