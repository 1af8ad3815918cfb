"""Probabilistically bounded ray density: how much of a ray's weight may lie before each distance, given its depth.

With D the depth, sigma its standard deviation, Phi the normal cumulative distribution, w_i the weight of bin i and
W_i = sum_{j <= i} w_j the weight up to the END of bin i, at distance t_i:

    empty, t_i < D - (3 + beta) sigma:        mean of w_i^2
    near,  D - (3 + beta) sigma <= t_i < D:   mean of max(W_i - Phi((t_i - D) / sigma + beta), 0)^2
    far,   D <= t_i:                          mean of max(Phi((t_i - D) / sigma - beta) - W_i, 0)^2
    loss = m_empty * empty + m_surface * (near + far)

So the density is free inside the bounds. The widening beta moves the bounds apart by beta standard deviations to either
side, for depths that are biased as well as noisy, as a monocular network's are.

W_i is a cumulative weight at the end of a bin. Compared with Phi at its midpoint, as the authors' code does, a ray
whose weights are exactly Gaussian is penalised, the more the coarser its bins are; at the ends its loss is 0.

Source: the thesis on "SWB" and its code, whose arithmetic the variant ``fork`` repeats.
"""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.losses.depth.valid_rays import (
    above,
    check_bins,
    check_sigma,
    full_precision,
    per_ray,
    trusted_depth,
)

BoundedVariant = Literal["thesis", "fork"]

REACH = 3.0
"""Standard deviations from the depth at which the surface's region ends."""


class BoundedDepthTerms(NamedTuple):
    """The three terms, scalars."""

    empty: Tensor
    near: Tensor
    far: Tensor


@full_precision
def bounded_depth_terms(
    weights: Tensor,
    starts: Tensor,
    ends: Tensor,
    depth: Tensor,
    sigma: float | Tensor,
    widening: float | Tensor = 0.0,
    confidence: Tensor | None = None,
    variant: BoundedVariant = "thesis",
) -> BoundedDepthTerms:
    """The three terms of the module's formula.

    Variants:
        * ``thesis``: as above; a term is averaged over a ray's samples in its region, then over the rays.
        * ``fork``: Phi at midpoints, no widening, the far region ends at D + 3 sigma, and a term is averaged over all
          samples of the batch in its region, whichever ray they are on.

    Args:
        weights: Rendering weights, ``[B, S]``.
        starts: Distances along the ray where the bins start, ``[B, S]``, in scene units.
        ends: Where they end.
        depth: Distance along the ray of the surface, ``[B]``, in scene units; 0 where it is not known.
        sigma: Its standard deviation, in scene units; one number, or one per ray.
        widening: beta, in standard deviations; one number, or one per ray; ``fork`` ignores it.
        confidence: How much each ray counts in the mean, ``[B]``, 0 or above; by default all count the same.
        variant: See above.

    Returns:
        The terms, each 0, with a gradient of 0, where no ray has a depth.

    Raises:
        InputError: If shapes do not match, sigma is not above 0, or the variant is unknown.
    """
    squares, excess, regions, trust = _parts(weights, starts, ends, depth, sigma, widening, confidence, variant)
    shares = [_shares(region, trust, variant) for region in regions]
    return BoundedDepthTerms(
        *((penalty * share).sum() for penalty, share in zip((squares, excess, excess), shares, strict=True))
    )


@full_precision
def bounded_depth_loss(
    weights: Tensor,
    starts: Tensor,
    ends: Tensor,
    depth: Tensor,
    sigma: float | Tensor,
    widening: float | Tensor = 0.0,
    confidence: Tensor | None = None,
    variant: BoundedVariant = "thesis",
    empty_mult: float = 1.0,
    surface_mult: float = 0.1,
) -> Tensor:
    """The weighted sum of :func:`bounded_depth_terms`, whose arguments it takes.

    Args:
        weights: See there, as for all arguments but the last two.
        starts: See there.
        ends: See there.
        depth: See there.
        sigma: See there.
        widening: See there.
        confidence: See there.
        variant: See there.
        empty_mult: Weight of the empty term.
        surface_mult: Weight of the near and far terms.

    Returns:
        A scalar.

    Example:
        >>> ends = torch.linspace(0.1, 2.0, 20)[None]
        >>> weights = torch.zeros(1, 20)
        >>> weights[0, 10] = 1.0
        >>> bounded_depth_loss(weights, ends - 0.1, ends, torch.tensor([1.05]), sigma=0.01).item()
        0.0
    """
    squares, excess, regions, trust = _parts(weights, starts, ends, depth, sigma, widening, confidence, variant)
    empty, near, far = (_shares(region, trust, variant) for region in regions)
    # One sum, whose shares need no gradient: a term by itself takes as long again.
    return (squares * (empty_mult * empty) + excess * (surface_mult * (near + far))).sum()


def _parts(
    weights: Tensor,
    starts: Tensor,
    ends: Tensor,
    depth: Tensor,
    sigma: float | Tensor,
    widening: float | Tensor,
    confidence: Tensor | None,
    variant: BoundedVariant,
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor], Tensor]:
    """Penalties ``[B, S]`` of empty space and at the surface, the three regions ``[B, S]``, and rays' trust ``[B]``."""
    check_bins(weights, starts, ends, depth)
    check_sigma(sigma)
    if variant not in get_args(BoundedVariant):
        known = ", ".join(get_args(BoundedVariant))
        raise InputError(f"The bounded depth loss has no variant {variant!r}: give one of {known}.")
    depth, trust = trusted_depth(depth, confidence)
    fork = variant == "fork"
    at = (starts + ends) / 2 if fork else ends
    beta = 0.0 if fork else per_ray(widening)
    z = (at - depth[:, None]) / per_ray(sigma)
    # Regions are numbers, 0 or 1.
    before, empty = above(-z), above(-REACH - beta - z)
    far = above(REACH - z) - before if fork else 1 - before
    side = 2 * before - 1
    # Either bound holds on its own side of the depth, so one evaluation of Phi serves both.
    excess = (side * (weights.cumsum(-1) - torch.special.ndtr(z + side * beta))).clamp(min=0).square()
    return weights.square(), excess, (empty, before - empty, far), trust


@torch.no_grad()
def _shares(region: Tensor, trust: Tensor, variant: BoundedVariant) -> Tensor:
    """How much each sample counts in the mean over a region, ``[B, S]``: per ray and then over rays, or over all."""
    if variant == "fork":
        shares = region * trust[:, None]
        return shares / shares.sum().clamp(min=1)
    of_rays = trust / trust.sum().clamp(min=torch.finfo(trust.dtype).tiny)
    return region * (of_rays / region.sum(-1).clamp(min=1))[:, None]
