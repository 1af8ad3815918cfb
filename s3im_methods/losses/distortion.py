"""How far apart a ray's weights lie (mip-NeRF 360, Barron et al., CVPR 2022, eq. 15), for samples at equal steps."""

import torch
from torch import Tensor


def distortion(weights: Tensor) -> Tensor:
    """The mean over rays of the distortion of weights ``[R, S]`` over S equal steps of a ray from 0 to 1, a scalar.

    Example:
        >>> distortion(torch.full((1, 1000), 1e-3)).round(decimals=3)
        tensor(0.3330)
    """
    steps = weights.shape[-1]
    middles = (torch.arange(steps, device=weights.device) + 0.5) / steps
    before = weights.cumsum(dim=-1) - weights
    moments = (weights * middles).cumsum(dim=-1) - weights * middles
    apart = 2 * (weights * (middles * before - moments)).sum(dim=-1)
    return (apart + weights.square().sum(dim=-1) / (3 * steps)).mean()
