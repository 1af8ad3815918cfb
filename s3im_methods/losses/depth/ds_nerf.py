"""DS-NeRF's depth loss (Deng et al., "Depth-supervised NeRF: Fewer Views and Faster Training for Free", CVPR 2022).

    loss = mean over rays of  -sum_i log(w_i + 1e-5) exp(-(t_i - D)^2 / (2 sigma^2)) dt_i

with t_i the midpoint and dt_i the length of bin i: the cross entropy of a ray's weights against a Gaussian.
"""

import torch
from torch import Tensor

from s3im_methods.losses.depth.valid_rays import (
    check_bins,
    check_sigma,
    full_precision,
    per_ray,
    trusted_depth,
    trusted_mean,
)


@full_precision
def ds_nerf_depth_loss(
    weights: Tensor,
    starts: Tensor,
    ends: Tensor,
    depth: Tensor,
    sigma: float | Tensor,
    confidence: Tensor | None = None,
    stock: bool = False,
) -> Tensor:
    """The loss of the module's formula.

    Args:
        weights: Rendering weights, ``[B, S]``.
        starts: Distances along the ray where the bins start, ``[B, S]``, in scene units.
        ends: Where they end.
        depth: Distance along the ray of the surface, ``[B]``, in scene units; 0 where it is not known.
        sigma: Its standard deviation, in scene units; one number, or one per ray.
        confidence: How much each ray counts in the mean, ``[B]``, 0 or above; by default all count the same.
        stock: Whether to repeat nerfstudio 1.1.5's arithmetic: 2 sigma where 2 sigma^2 belongs, so that sigma is a
            variance, 1e-7 in the logarithm, and the mean over all rays, so that the loss falls with the share of rays
            that have a depth.

    Returns:
        A scalar; 0, with a gradient of 0, where no ray has a depth.

    Raises:
        InputError: If shapes do not match or sigma is not above 0.

    Example:
        >>> ends = torch.linspace(0.1, 2.0, 20)[None]
        >>> weights = torch.full((1, 20), 0.05)
        >>> round(ds_nerf_depth_loss(weights, ends - 0.1, ends, torch.tensor([1.05]), sigma=0.1).item(), 4)
        0.7509
    """
    check_bins(weights, starts, ends, depth)
    check_sigma(sigma)
    depth, trust = trusted_depth(depth, confidence)
    sigma = per_ray(sigma)
    spread = sigma if stock else sigma**2
    floor = 1e-7 if stock else 1e-5
    kernel = torch.exp(-(((starts + ends) / 2 - depth[:, None]) ** 2) / (2 * spread))
    of_rays = -(torch.log(weights + floor) * kernel * (ends - starts)).sum(-1)
    return (of_rays * trust).mean() if stock else trusted_mean(of_rays, trust)
