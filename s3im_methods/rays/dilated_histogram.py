"""Wider proposals than were found: mip-NeRF 360's dilation (Barron et al., CVPR 2022, appendix, "Dilation").

An interval of a proposal is found where the training views needed it. Views between them see it elsewhere, so each
interval is stretched by epsilon to both sides before the next samples are drawn: the density of the stretched histogram
is the largest of the densities whose stretched intervals cover a point.
"""

import torch
from torch import Tensor


def dilated(edges: Tensor, weights: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Stretch the intervals of histograms.

    Args:
        edges: From 0 to 1, ascending, ``[R, S + 1]``.
        weights: Of the intervals, 0 or above, ``[R, S]``.
        epsilon: By how much each is stretched to either side.

    Returns:
        Edges ``[R, 3 S + 1]`` and weights ``[R, 3 S]``, which add up to 1 where any was above 0.

    Example:
        >>> edges, weights = dilated(torch.tensor([[0.0, 0.4, 0.6, 1.0]]), torch.tensor([[0.0, 1.0, 0.0]]), 0.1)
        >>> edges[:, :-1][weights > 0].min(), edges[:, 1:][weights > 0].max()
        (tensor(0.3000), tensor(0.7000))
    """
    density = weights / edges.diff(dim=-1).clamp(min=torch.finfo(edges.dtype).eps)
    starts, ends = edges[:, :-1] - epsilon, edges[:, 1:] + epsilon
    # Two edges of every interval, and the one that all have in common between neighbours.
    wider = torch.cat([edges, starts, ends], dim=-1).clamp(0, 1).sort(dim=-1).values
    middles = (wider[:, 1:] + wider[:, :-1]) / 2
    covers = (starts[:, None] <= middles[..., None]) & (middles[..., None] < ends[:, None])
    highest = torch.where(covers, density[:, None], 0).amax(dim=-1)
    mass = highest * wider.diff(dim=-1)
    return wider, mass / mass.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(edges.dtype).eps)
