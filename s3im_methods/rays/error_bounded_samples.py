"""VolSDF's samples: look at signed distances along rays until the opacity is known well enough (Yariv et al., NeurIPS
2021, algorithm 1).

Naming is that of :mod:`s3im_methods.rays.error_bound`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import Sampler
from torch import Tensor

from s3im_methods.rays.error_bound import doubt, drawn_edges, least_beta, opacity_error, opacity_mass
from s3im_methods.rays.known_distances import KnownDistances, least_distance
from s3im_methods.rays.sparse_looks import sparse_distances

_RIM = 2e-3
"""Shares of the opacity in the bins from near to where it begins, and from where it ends to far. Their middles, where
they are evaluated, are far from what they hold."""


@dataclass(frozen=True)
class ErrorBound:
    """How samples are looked for."""

    first: int
    """Intervals of the first look."""
    more: int
    """Edges that each further look adds to a ray."""
    looks: int
    """Looks in all, the first included; 1 or more."""
    eps: float
    """The error of the opacity that is good enough, above 0."""
    convergence: Literal["ray", "batch"]
    """batch is the original's search: every ray is looked at again while the error of one is too large, where the bound
    of its error is large under the least beta that is good enough. ray leaves a ray alone that is good enough, and
    looks where :func:`~s3im_methods.rays.error_bound.doubt` is."""
    drawn: int
    """Intervals that are drawn from the opacity, 4 or more; 0 takes those of the search."""
    extra: int
    """Edges of the search that are kept beside them, taken at random."""
    bisections: int = 10
    """Halvings in search of the least beta whose error is good enough."""
    band: float = 0.0
    """Above 0 the first look, with convergence ray, leaves out what is more than so many beta from the surface, see
    :func:`~s3im_methods.rays.sparse_looks.sparse_distances`."""


@dataclass
class Search:
    """What is known along rays."""

    edges: Tensor
    """``[R, n + 1]``."""
    sdf: Tensor
    """Signed distances there, or nearly so where there was no need to look, ``[R, n + 1]``."""
    least: Tensor
    """``[R, n]``."""

    @property
    def lengths(self) -> Tensor:
        """``[R, n]``."""
        return self.edges.diff(dim=-1)


class ErrorBoundedSampler(Sampler):
    """Samples by which the opacity is known well enough.

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
            Samples ``[R, drawn + extra]``, or as many as the search has, then with what is known of their distances.
        """
        nears, fars = ray_bundle.nears, ray_bundle.fars
        assert nears is not None and fars is not None
        beta = beta.detach().to(nears.dtype)

        def distances(rays: Tensor | slice, edges: Tensor) -> Tensor:
            points = ray_bundle.origins[rays, None] + ray_bundle.directions[rays, None] * edges[..., None]
            return sdf(points.reshape(-1, 3)).to(edges.dtype).view(edges.shape)

        found = self._search(ray_bundle, distances, beta)
        edges = self._drawn(found, beta) if self.settings.drawn else found.edges
        shares = (edges - nears) / (fars - nears).clamp(min=torch.finfo(nears.dtype).tiny)
        samples = ray_bundle.get_ray_samples(
            bin_starts=edges[:, :-1, None],
            bin_ends=edges[:, 1:, None],
            spacing_starts=shares[:, :-1, None],
            spacing_ends=shares[:, 1:, None],
            spacing_to_euclidean_fn=lambda share: nears + share * (fars - nears),
        )
        if self.settings.drawn:
            return samples
        return KnownDistances((found.sdf[:, 1:] + found.sdf[:, :-1]) / 2, found.least).noted(samples)

    def _search(self, rays: RayBundle, distances: Callable[..., Tensor], beta: Tensor) -> Search:
        settings = self.settings
        edges = self._first_edges(rays)
        if settings.band > 0 and settings.convergence == "ray":
            sdf = sparse_distances(lambda of, at: distances(of, at[:, None])[:, 0], edges, settings.band * beta)
        else:
            sdf = distances(slice(None), edges)
        found = Search(edges, sdf, least_distance(edges, sdf))
        for _ in range(settings.looks - 1):
            error = opacity_error(found.lengths, found.sdf, found.least, beta).amax(dim=-1)
            open_rays = error > settings.eps
            if settings.convergence == "batch":
                open_rays = open_rays.any().expand(len(open_rays))
            which = open_rays.nonzero()[:, 0]
            if settings.drawn and not len(which):
                break
            found = self._look_again(found, beta, which, distances)
        if not settings.drawn:
            nobody = torch.arange(0, device=edges.device)
            found = self._look_again(found, beta, nobody, distances)
        return found

    def _first_edges(self, rays: RayBundle) -> Tensor:
        nears, fars = rays.nears, rays.fars
        assert nears is not None and fars is not None
        samples = self.first_sampler(rays, num_samples=self.settings.first)
        # nerfstudio's jitter moves the ends too, and rounding leaves a ray that misses a length below 0.
        inner = torch.minimum(torch.maximum(samples.frustums.starts[:, 1:, 0], nears), fars)
        return torch.cat([nears, inner, fars], dim=-1)

    def _look_again(
        self, found: Search, beta: Tensor, which: Tensor, distances: Callable[[Tensor, Tensor], Tensor]
    ) -> Search:
        """Every ray with ``more`` new edges; on those of ``which`` they are where the error is, and looked at."""
        lengths = found.lengths
        mass = opacity_mass(lengths, found.sdf, beta)
        if len(which):
            mass[which] = self._errors(Search(*(x[which] for x in (found.edges, found.sdf, found.least))), beta)
        new, parents, within = drawn_edges(found.edges, mass, self._shares(found.edges, self.settings.more))
        new_sdf = torch.lerp(found.sdf.gather(-1, parents), found.sdf.gather(-1, parents + 1), within)
        if len(which):
            new_sdf[which] = distances(which, new[which])
        edges, order = torch.cat([found.edges, new], dim=-1).sort(dim=-1, stable=True)
        sdf = torch.cat([found.sdf, new_sdf], dim=-1).gather(-1, order)
        # A piece of an interval comes no nearer to the surface than all of it.
        count = found.edges.shape[-1]
        of_pieces = ((order < count).cumsum(dim=-1) - 1)[:, :-1].clamp(max=count - 2)
        least = found.least.gather(-1, of_pieces)
        if len(which):
            least[which] = least_distance(edges[which], sdf[which])
        return Search(edges, sdf, least)

    def _errors(self, found: Search, beta: Tensor) -> Tensor:
        settings, known = self.settings, (found.lengths, found.sdf, found.least)
        if settings.convergence == "ray":
            return doubt(*known, beta)
        return opacity_error(*known, least_beta(*known, beta, settings.eps, settings.bisections))

    def _shares(self, like: Tensor, count: int) -> Tensor:
        """Shares in the middles of ``count`` equal parts, in training anywhere in them, ``[R, count]``."""
        places = torch.arange(count, device=like.device, dtype=like.dtype).expand(len(like), -1)
        return (places + (torch.rand_like(places) if self.training else 0.5)) / count

    def _drawn(self, found: Search, beta: Tensor) -> Tensor:
        """Edges ``[R, drawn + extra + 1]`` of samples that follow the opacity."""
        settings, edges = self.settings, found.edges
        if settings.convergence == "batch":
            beta = least_beta(found.lengths, found.sdf, found.least, beta, settings.eps, settings.bisections)
        rim = torch.full_like(edges[:, :1], _RIM)
        shares = torch.cat([rim, _RIM + (1 - 2 * _RIM) * self._shares(edges, settings.drawn - 3), 1 - rim], dim=-1)
        inner = drawn_edges(edges, opacity_mass(found.lengths, found.sdf, beta), shares)[0]
        parts = [edges[:, :1], inner, edges[:, -1:]]
        if settings.extra:
            parts.append(edges.gather(-1, self._some(edges, settings.extra)))
        return torch.cat(parts, dim=-1).sort(dim=-1).values

    def _some(self, edges: Tensor, count: int) -> Tensor:
        """Places of edges, at random in training, else evenly spread, ``[R, count]``."""
        if self.training:
            return torch.randint(edges.shape[-1], (len(edges), count), device=edges.device)
        return torch.linspace(0, edges.shape[-1] - 1, count, device=edges.device).long().expand(len(edges), -1)
