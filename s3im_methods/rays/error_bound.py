"""Samples along rays that bound the error of their opacity (VolSDF, Yariv et al., NeurIPS 2021, sec. 3.3 and 3.4).

Naming: ``edges`` are distances along a ray ``[R, n + 1]``, ``sdf`` the signed distances there, ``lengths`` those of
the ``n`` intervals between them, ``beta`` the scale of the Laplace density, ``[R, 1]``; all in one unit. Distances are
those of a field that grows no faster than along a line, as the theorem asks for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import Sampler
from torch import Tensor

from s3im_methods.fields.laplace_opacity import laplace_density, mean_density

_LARGEST_EXPONENT = 30.0
"""A bound beyond its exponential is no bound; float32 would overflow at 88."""
_EVERYWHERE = 1e-3
"""Share of a ray's samples that its opacity does not place, so that every interval has a chance."""
_RIM = 2e-3
"""Shares of the opacity in the bins from near to where it begins, and from where it ends to far. Their middles, where
they are evaluated, are far from what they hold."""


@dataclass(frozen=True)
class ErrorBound:
    """How samples are looked for."""

    first: int
    """Intervals of the first look."""
    more: int
    """Intervals that each further look adds to a ray."""
    looks: int
    """Looks in all, the first included; 1 or more."""
    eps: float
    """The error of the opacity that is good enough, above 0."""
    convergence: Literal["ray", "batch"]
    """batch is the original's search: every ray is looked at again while the error of one is too large, where the bound
    of its error is large under the least beta that is good enough. ray leaves a ray alone that is good enough, and
    looks where :func:`doubt` is."""
    drawn: int
    """Intervals that are drawn from the opacity, 4 or more."""
    extra: int
    """Edges of the search that are kept beside them, taken at random."""
    bisections: int = 10
    """Halvings in search of the least beta whose error is good enough."""


def least_distance(lengths: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Lower bound of the distance to the surface from any point of an interval, d* of theorem 1.

    The balls around both ends hold no surface. d* is the distance between what they leave free and the interval: that
    of the nearer end, or the height of the triangle of both distances over the interval.

    Args:
        lengths: Of the intervals, any shape.
        first: Signed distances at their starts.
        second: At their ends.

    Returns:
        Distances of 0 or more, never NaN.

    Example:
        >>> third = torch.tensor([1.0, 0.2, 0.0, 1.0])
        >>> least_distance(third, torch.tensor([0.4, 0.4, 0.5, 0.4]), torch.tensor([0.6, 0.6, 0.5, -0.6]))
        tensor([0.0000, 0.4000, 0.5000, 0.0000])
    """
    a, b, c = lengths, first.abs(), second.abs()
    half = (a + b + c) / 2
    # Below 0 where the balls do not meet (Heron's formula is for triangles), or by rounding.
    area = (half * (half - a) * (half - b) * (half - c)).clamp(min=0).sqrt()
    height = 2 * area / a.clamp(min=torch.finfo(a.dtype).tiny)
    height = torch.where((a + b > c) & (a + c > b), height, 0)
    is_obtuse = (a.square() + b.square() <= c.square()) | (a.square() + c.square() <= b.square())
    # A length of 0 leaves rounding between both ends.
    height = torch.where(is_obtuse | (a <= 0), torch.minimum(b, c), height)
    return torch.where(first.sign() * second.sign() == 1, height, 0)


def opacity_error(lengths: Tensor, sdf: Tensor, beta: Tensor) -> Tensor:
    """Bound of the opacity's error within each interval, ``[R, n]`` (theorem 1, eq. 9 to 12).

    Args:
        lengths: ``[R, n]``.
        sdf: At the edges, ``[R, n + 1]``.
        beta: ``[R, 1]``.
    """
    return _error(lengths, sdf, least_distance(lengths, sdf[:, :-1], sdf[:, 1:]), beta)


def _error(lengths: Tensor, sdf: Tensor, distances: Tensor, beta: Tensor) -> Tensor:
    error = _shares_of_error(lengths, distances, beta).cumsum(dim=-1)
    return _reaching(lengths, sdf, beta) * torch.expm1(error.clamp(max=_LARGEST_EXPONENT))


def _reaching(lengths: Tensor, sdf: Tensor, beta: Tensor) -> Tensor:
    """The light that reaches each interval, by the densities at the starts of those before it."""
    optical = lengths * laplace_density(sdf[:, :-1], beta)
    return torch.exp(optical - optical.cumsum(dim=-1))


def _shares_of_error(lengths: Tensor, distances: Tensor, beta: Tensor) -> Tensor:
    return (lengths / beta).square() * torch.exp(-distances / beta) / 4


def doubt(lengths: Tensor, sdf: Tensor, beta: Tensor) -> Tensor:
    """How much of a ray's light an interval may turn out to stop, for all that is known, ``[R, n]``, 0 to 1.

    That is what reaches the interval, times the interval's own share of the error, which is 1 at most. So a ray's
    doubt lies in the few intervals that may hold its first surface, at any beta; the bound of the opacity's error adds
    up all shares before an interval, and is as large behind such an interval as in it.

    Args:
        lengths: ``[R, n]``.
        sdf: ``[R, n + 1]``.
        beta: ``[1]`` or ``[R, 1]``.

    Example:
        >>> lengths, sdf = torch.full((1, 4), 0.1), torch.tensor([[0.25, 0.15, 0.05, -0.05, -0.15]])
        >>> doubt(lengths, sdf, torch.tensor([0.01])).round(decimals=3)
        tensor([[0.0000, 0.1680, 1.0000, 0.1630]])
    """
    distances = least_distance(lengths, sdf[:, :-1], sdf[:, 1:])
    return _reaching(lengths, sdf, beta) * _shares_of_error(lengths, distances, beta).clamp(max=1)


def sufficient_beta(lengths: Tensor, eps: float) -> Tensor:
    """beta+: from it on the opacity's error is at most ``eps`` whatever the distances are, ``[R, 1]`` (eq. 14).

    Example:
        >>> round(sufficient_beta(torch.full((1, 128), 2 / 128), 0.1).item(), 5)
        0.2863
    """
    return (lengths.square().sum(dim=-1, keepdim=True) / (4 * math.log1p(eps))).sqrt()


def least_beta(lengths: Tensor, sdf: Tensor, beta: Tensor, eps: float, bisections: int) -> Tensor:
    """The least beta from ``beta`` on whose error is at most ``eps``, by bisection, ``[R, 1]``.

    Args:
        lengths: ``[R, n]``.
        sdf: ``[R, n + 1]``.
        beta: The density's, ``[1]`` or ``[R, 1]``.
        eps: The error.
        bisections: How often the interval up to :func:`sufficient_beta` is halved.
    """
    distances = least_distance(lengths, sdf[:, :-1], sdf[:, 1:])
    beta = beta.expand(len(lengths), 1)
    is_enough = _error(lengths, sdf, distances, beta).amax(dim=-1, keepdim=True) <= eps
    low, high = beta, torch.maximum(sufficient_beta(lengths, eps), beta)
    for _ in range(bisections):
        middle = (low + high) / 2
        is_above = _error(lengths, sdf, distances, middle).amax(dim=-1, keepdim=True) > eps
        low, high = torch.where(is_above, middle, low), torch.where(is_above, high, middle)
    return torch.where(is_enough, beta, high)


def opacity_mass(lengths: Tensor, sdf: Tensor, beta: Tensor) -> Tensor:
    """What each interval adds to a ray's opacity, ``[R, n]``, with distances that run evenly through it."""
    optical = lengths * mean_density(sdf[:, :-1], sdf[:, 1:], beta)
    before = optical.cumsum(dim=-1) - optical
    return torch.exp(-before) * -torch.expm1(-optical)


def drawn_edges(edges: Tensor, mass: Tensor, shares: Tensor) -> Tensor:
    """Where a piecewise even distribution along rays reaches given shares of its mass, ``[R, m]``.

    Args:
        edges: ``[R, n + 1]``.
        mass: Of the intervals, ``[R, n]``, 0 or more. A ray without any is drawn from evenly.
        shares: Ascending, from 0 to 1, ``[R, m]``.
    """
    lengths = edges.diff(dim=-1)
    evenly = lengths / lengths.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(edges.dtype).tiny)
    total = mass.sum(dim=-1, keepdim=True)
    is_empty = total <= torch.finfo(edges.dtype).tiny
    mass = torch.where(is_empty, evenly, mass / torch.where(is_empty, 1, total))
    reached = ((1 - _EVERYWHERE) * mass + _EVERYWHERE * evenly).cumsum(dim=-1)
    reached = torch.cat([torch.zeros_like(reached[:, :1]), reached], dim=-1)
    reached = reached / reached[:, -1:].clamp(min=torch.finfo(edges.dtype).tiny)
    place = torch.searchsorted(reached, shares.contiguous(), right=True).clamp(1, lengths.shape[-1])
    low, high = (reached.gather(-1, place - 1), reached.gather(-1, place))
    start, end = (edges.gather(-1, place - 1), edges.gather(-1, place))
    within = ((shares - low) / (high - low).clamp(min=torch.finfo(edges.dtype).tiny)).clamp(0, 1)
    return start + within * (end - start)


class ErrorBoundedSampler(Sampler):
    """VolSDF's algorithm 1: looks at signed distances until the opacity is known well enough, and draws from it.

    Differences to the original: bins join and reach from near to far, so that nothing of a ray is left out, and the
    opacity that is drawn from counts distances between two looks, not only at them.

    With convergence ``ray`` each ray is looked at as often as it needs, where its first surface may be. Forty looks do
    not prove the error small on a sharp surface, and the least beta that they do prove is tens of times the density's;
    but they find the surface, so that samples are drawn by the density's own beta. With ``batch`` a ray without
    convergence is drawn from by the least beta that is good enough, as in the original.

    Args:
        settings: How samples are looked for.
        first_sampler: The bins of the first look.
    """

    def __init__(self, settings: ErrorBound, first_sampler: Sampler) -> None:
        super().__init__(settings.drawn + settings.extra)
        self.settings = settings
        self.first_sampler = first_sampler

    @torch.no_grad()
    def generate_ray_samples(  # type: ignore[override]
        self, ray_bundle: RayBundle, sdf: Callable[[Tensor], Tensor], beta: Tensor
    ) -> RaySamples:
        """Sample.

        Args:
            ray_bundle: Rays ``[R]`` with nears and fars.
            sdf: From points ``[N, 3]`` to signed distances ``[N]``.
            beta: The density's scale, ``[1]``, scene units.

        Returns:
            Samples ``[R, drawn + extra]``.
        """
        nears, fars = ray_bundle.nears, ray_bundle.fars
        assert nears is not None and fars is not None
        beta = beta.detach().to(nears.dtype)

        def distances(rays: Tensor | slice, edges: Tensor) -> Tensor:
            points = ray_bundle.origins[rays, None] + ray_bundle.directions[rays, None] * edges[..., None]
            return sdf(points.reshape(-1, 3)).to(edges.dtype).view(edges.shape)

        edges = self._search(ray_bundle, distances, beta)
        length = (fars - nears).clamp(min=torch.finfo(nears.dtype).tiny)
        shares = (edges - nears) / length
        return ray_bundle.get_ray_samples(
            bin_starts=edges[:, :-1, None],
            bin_ends=edges[:, 1:, None],
            spacing_starts=shares[:, :-1, None],
            spacing_ends=shares[:, 1:, None],
            spacing_to_euclidean_fn=lambda share: nears + share * (fars - nears),
        )

    def _search(self, rays: RayBundle, distances: Callable[..., Tensor], beta: Tensor) -> Tensor:
        settings = self.settings
        edges = self._first_edges(rays)
        sdf = distances(slice(None), edges)
        result = edges.new_empty(len(edges), settings.drawn + settings.extra + 1)
        left = torch.arange(len(edges), device=edges.device)
        for look in range(settings.looks):
            lengths = edges.diff(dim=-1)
            error = opacity_error(lengths, sdf, beta)
            is_enough = error.amax(dim=-1) <= settings.eps
            if settings.convergence == "batch":
                is_enough = is_enough.all().expand(len(left))
            if look == settings.looks - 1:
                is_enough = torch.ones_like(is_enough)
            done = is_enough.nonzero()[:, 0]
            if len(done):
                result[left[done]] = self._chosen(edges[done], sdf[done], beta)
            left = left[~is_enough]
            if not len(left):
                break
            edges, sdf = edges[~is_enough], sdf[~is_enough]
            edges, sdf = self._look_again(edges, sdf, beta, lambda new, of=left: distances(of, new))
        return result

    def _first_edges(self, rays: RayBundle) -> Tensor:
        nears, fars = rays.nears, rays.fars
        assert nears is not None and fars is not None
        samples = self.first_sampler(rays, num_samples=self.settings.first)
        # nerfstudio's jitter moves the ends too, and rounding leaves a ray that misses a length below 0.
        inner = torch.minimum(torch.maximum(samples.frustums.starts[:, 1:, 0], nears), fars)
        return torch.cat([nears, inner, fars], dim=-1)

    def _look_again(
        self, edges: Tensor, sdf: Tensor, beta: Tensor, distances: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Edges and their distances with new ones where the error is."""
        settings = self.settings
        lengths = edges.diff(dim=-1)
        if settings.convergence == "ray":
            error = doubt(lengths, sdf, beta)
        else:
            error = opacity_error(lengths, sdf, least_beta(lengths, sdf, beta, settings.eps, settings.bisections))
        new = drawn_edges(edges, error, self._shares(edges, settings.more))
        edges, order = torch.cat([edges, new], dim=-1).sort(dim=-1)
        return edges, torch.cat([sdf, distances(new)], dim=-1).gather(-1, order)

    def _shares(self, like: Tensor, count: int) -> Tensor:
        """Shares in the middles of ``count`` equal parts, in training anywhere in them, ``[R, count]``."""
        places = torch.arange(count, device=like.device, dtype=like.dtype).expand(len(like), -1)
        return (places + (torch.rand_like(places) if self.training else 0.5)) / count

    def _chosen(self, edges: Tensor, sdf: Tensor, beta: Tensor) -> Tensor:
        """Edges ``[R, drawn + extra + 1]`` of the samples that are evaluated in full."""
        settings = self.settings
        lengths = edges.diff(dim=-1)
        if settings.convergence == "batch":
            beta = least_beta(lengths, sdf, beta, settings.eps, settings.bisections)
        rim = torch.full_like(edges[:, :1], _RIM)
        shares = torch.cat([rim, _RIM + (1 - 2 * _RIM) * self._shares(edges, settings.drawn - 3), 1 - rim], dim=-1)
        inner = drawn_edges(edges, opacity_mass(lengths, sdf, beta), shares)
        parts = [edges[:, :1], inner, edges[:, -1:]]
        if settings.extra:
            parts.append(edges.gather(-1, self._some(edges, settings.extra)))
        return torch.cat(parts, dim=-1).sort(dim=-1).values

    def _some(self, edges: Tensor, count: int) -> Tensor:
        """Places of edges, at random in training, else evenly spread, ``[R, count]``."""
        if self.training:
            return torch.randint(edges.shape[-1], (len(edges), count), device=edges.device)
        return torch.linspace(0, edges.shape[-1] - 1, count, device=edges.device).long().expand(len(edges), -1)
