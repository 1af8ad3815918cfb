"""How well the opacity along a ray is known from signed distances at a few places (VolSDF, Yariv et al., NeurIPS 2021,
sec. 3.3 and 3.4), and where to look next.

Naming: ``edges`` are distances along a ray ``[R, n + 1]``, ``sdf`` the signed distances there, ``lengths`` those of
the ``n`` intervals between them, ``least`` how near to the surface each interval may come (d* of theorem 1, see
:func:`~s3im_methods.rays.known_distances.least_distance`), ``beta`` the scale of the Laplace density, ``[1]`` or
``[R, 1]``; all in one unit. Distances are those of a field that grows no faster than along a line, as the theorem asks
for.
"""

import math

import torch
from torch import Tensor

from s3im_methods.fields.laplace_opacity import LEAST_EXPONENT, laplace_density, mean_density

_LARGEST_EXPONENT = 30.0
"""A bound beyond its exponential is no bound; float32 would overflow at 88."""
_EVERYWHERE = 1e-3
"""Share of a ray's edges that are drawn evenly, so that every interval has a chance."""


def opacity_error(lengths: Tensor, sdf: Tensor, least: Tensor, beta: Tensor) -> Tensor:
    """Bound of the opacity's error within each interval, ``[R, n]`` (theorem 1, eq. 9 to 12).

    Args:
        lengths: ``[R, n]``.
        sdf: ``[R, n + 1]``.
        least: ``[R, n]``.
        beta: ``[1]`` or ``[R, 1]``.
    """
    error = _shares_of_error(lengths, least, beta).cumsum(dim=-1)
    return _reaching(lengths, sdf, beta) * torch.expm1(error.clamp(max=_LARGEST_EXPONENT))


def _reaching(lengths: Tensor, sdf: Tensor, beta: Tensor) -> Tensor:
    """The light that reaches each interval, by the densities at the starts of those before it."""
    optical = lengths * laplace_density(sdf[:, :-1], beta)
    return torch.exp((optical - optical.cumsum(dim=-1)).clamp(min=LEAST_EXPONENT))


def _shares_of_error(lengths: Tensor, least: Tensor, beta: Tensor) -> Tensor:
    return (lengths / beta).square() * torch.exp((-least / beta).clamp(min=LEAST_EXPONENT)) / 4


def doubt(lengths: Tensor, sdf: Tensor, least: Tensor, beta: Tensor) -> Tensor:
    """How much of a ray's light an interval may turn out to stop, for all that is known, ``[R, n]``, 0 to 1.

    That is what reaches the interval, times the interval's own share of the error, which is 1 at most. So a ray's
    doubt lies in the few intervals that may hold its first surface, at any beta; the bound of the opacity's error adds
    up all shares before an interval, and is as large behind such an interval as in it.

    Args:
        lengths: ``[R, n]``.
        sdf: ``[R, n + 1]``.
        least: ``[R, n]``.
        beta: ``[1]`` or ``[R, 1]``.

    Example:
        >>> lengths, sdf = torch.full((1, 4), 0.1), torch.tensor([[0.25, 0.15, 0.05, -0.05, -0.15]])
        >>> least = torch.tensor([[0.15, 0.05, 0.0, 0.05]])
        >>> doubt(lengths, sdf, least, torch.tensor([0.01])).round(decimals=3)
        tensor([[0.0000, 0.1680, 1.0000, 0.1630]])
    """
    return _reaching(lengths, sdf, beta) * _shares_of_error(lengths, least, beta).clamp(max=1)


def sufficient_beta(lengths: Tensor, eps: float) -> Tensor:
    """beta+: from it on the opacity's error is at most ``eps`` whatever the distances are, ``[R, 1]`` (eq. 14).

    Example:
        >>> round(sufficient_beta(torch.full((1, 128), 2 / 128), 0.1).item(), 5)
        0.2863
    """
    return (lengths.square().sum(dim=-1, keepdim=True) / (4 * math.log1p(eps))).sqrt()


def least_beta(lengths: Tensor, sdf: Tensor, least: Tensor, beta: Tensor, eps: float, bisections: int) -> Tensor:
    """The least beta from ``beta`` on whose error is at most ``eps``, by bisection, ``[R, 1]``.

    Args:
        lengths: ``[R, n]``.
        sdf: ``[R, n + 1]``.
        least: ``[R, n]``.
        beta: The density's, ``[1]`` or ``[R, 1]``.
        eps: The error.
        bisections: How often the interval up to :func:`sufficient_beta` is halved.
    """
    beta = beta.expand(len(lengths), 1)
    is_enough = opacity_error(lengths, sdf, least, beta).amax(dim=-1, keepdim=True) <= eps
    low, high = beta, torch.maximum(sufficient_beta(lengths, eps), beta)
    for _ in range(bisections):
        middle = (low + high) / 2
        is_above = opacity_error(lengths, sdf, least, middle).amax(dim=-1, keepdim=True) > eps
        low, high = torch.where(is_above, middle, low), torch.where(is_above, high, middle)
    return torch.where(is_enough, beta, high)


def opacity_mass(lengths: Tensor, sdf: Tensor, beta: Tensor) -> Tensor:
    """What each interval adds to a ray's opacity, ``[R, n]``, with distances that run evenly through it."""
    optical = lengths * mean_density(sdf[:, :-1], sdf[:, 1:], beta)
    before = (optical - optical.cumsum(dim=-1)).clamp(min=LEAST_EXPONENT)
    return torch.exp(before) * -torch.expm1(-optical.clamp(max=_LARGEST_EXPONENT))


def drawn_edges(edges: Tensor, mass: Tensor, shares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where a piecewise even distribution along rays reaches given shares of its mass.

    Args:
        edges: ``[R, n + 1]``.
        mass: Of the intervals, ``[R, n]``, 0 or more. A ray without any is drawn from evenly.
        shares: Ascending, from 0 to 1, ``[R, m]``.

    Returns:
        Distances, the intervals that they lie in, and at which share of these, ``[R, m]`` each.
    """
    tiny = torch.finfo(edges.dtype).tiny
    lengths = edges.diff(dim=-1)
    evenly = lengths / lengths.sum(dim=-1, keepdim=True).clamp(min=tiny)
    total = mass.sum(dim=-1, keepdim=True)
    is_empty = total <= tiny
    mass = torch.where(is_empty, evenly, mass / torch.where(is_empty, 1, total))
    reached = ((1 - _EVERYWHERE) * mass + _EVERYWHERE * evenly).cumsum(dim=-1)
    reached = torch.cat([torch.zeros_like(reached[:, :1]), reached], dim=-1)
    reached = reached / reached[:, -1:].clamp(min=tiny)
    place = torch.searchsorted(reached, shares.contiguous(), right=True).clamp(1, lengths.shape[-1])
    low, high = reached.gather(-1, place - 1), reached.gather(-1, place)
    start, end = edges.gather(-1, place - 1), edges.gather(-1, place)
    within = ((shares - low) / (high - low).clamp(min=tiny)).clamp(0, 1)
    return start + within * (end - start), place - 1, within
