"""Samples that gather where the signed distance changes its sign (NeuS, Wang et al., NeurIPS 2021, sec. 3.3).

Evenly spaced bins are refined in rounds. Each round turns the distances at the bins' edges into opacities of a fixed
sharpness, which grows from round to round, and puts new edges where these opacities have weight.

Differences to nerfstudio's ``NeuSSampler``:

* all samples are edges of bins, the last one too, so the bins cover the whole ray;
* the fixed sharpness is in units of the scene's sphere;
* the last round's edges are not evaluated;
* the distances are handed on, see :mod:`s3im_methods.rays.known_distances`.

Naming: ``places`` of edges are in the spacing of the first look, from 0 at the near to 1 at the far plane;
``distances`` are those from the camera; ``sdf`` are signed distances, in scene units as all lengths.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import Sampler
from torch import Tensor

from s3im_methods.rays.known_distances import KnownDistances, least_distance

_TINY = 1e-5
_STEEPEST = 1e3


@dataclass
class Edges:
    """Edges of bins along rays, ``[R, N + 1]`` each, ascending."""

    places: Tensor
    """Where they are, from 0 to 1."""
    distances: Tensor
    """From the camera."""
    sdf: Tensor
    """Signed distances there."""


def bin_weights(distances: Tensor, sdf: Tensor, sharpness: Tensor | float) -> Tensor:
    """What each bin weighs along its ray under NeuS's opacity of a fixed sharpness.

    The slope in a bin is the steeper one, downwards, of its own and the previous bin's, so that a surface between two
    edges outside is not lost.

    Args:
        distances: Of the edges, ``[R, N + 1]``.
        sdf: Signed distances there, ``[R, N + 1]``.
        sharpness: s, per scene unit.

    Returns:
        ``[R, N]``.

    Example:
        >>> edges = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
        >>> bin_weights(edges, 1.5 - edges, 20.0).round(decimals=3)  # The surface is in the second bin.
        tensor([[0., 1., 0.]])
    """
    lengths = distances.diff(dim=1)
    slopes = torch.where(lengths > 0, sdf.diff(dim=1) / lengths, 0)
    before = torch.cat([torch.zeros_like(slopes[:, :1]), slopes[:, :-1]], dim=1)
    half = torch.minimum(slopes, before).clamp(-_STEEPEST, 0) * lengths / 2
    middle = (sdf[:, 1:] + sdf[:, :-1]) / 2
    at_start, at_end = torch.sigmoid((middle - half) * sharpness), torch.sigmoid((middle + half) * sharpness)
    alphas = ((at_start - at_end + _TINY) / (at_start + _TINY)).clamp(0, 1)
    left = torch.cumprod(1 - alphas, dim=1)
    return alphas * torch.cat([torch.ones_like(left[:, :1]), left[:, :-1]], dim=1)


def drawn(edges: Edges, weights: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """New edges at the middles of ``count`` equal shares of the weight along each ray.

    Args:
        edges: ``[R, N + 1]``.
        weights: Of their bins, ``[R, N]``; each bin has a little more, so that no ray is without.
        count: New edges per ray.

    Returns:
        Their places, and the signed distances there between those of the edges beside them, ``[R, count]`` each.
    """
    weights = weights + _TINY
    summed = torch.cumsum(weights, dim=1)
    shares = (torch.arange(count, device=weights.device, dtype=weights.dtype) + 0.5) / count
    wanted = (shares * summed[:, -1:]).contiguous()
    bins = torch.searchsorted(summed, wanted, right=True).clamp(max=weights.shape[1] - 1)
    of_bin = weights.gather(1, bins)
    share = ((wanted - summed.gather(1, bins)) / of_bin + 1).clamp(0, 1)
    return _between(edges.places, bins, share), _between(edges.sdf, bins, share)


def _between(at_edges: Tensor, bins: Tensor, share: Tensor) -> Tensor:
    return torch.lerp(at_edges.gather(1, bins), at_edges.gather(1, bins + 1), share)


class HierarchicalSampler(Sampler):
    """NeuS's samples. Edges carry no gradient.

    Args:
        first: Sampler of the first look; in training its jitter is the only one.
        num_samples: Its bins.
        num_new: New bins in each round.
        rounds: Number of rounds.
        base_sharpness: Sharpness of the first round's opacities, per scene unit.
        growth: Factor of the sharpness from round to round.
    """

    def __init__(
        self, first: Sampler, num_samples: int, num_new: int, rounds: int, base_sharpness: float, growth: float
    ) -> None:
        super().__init__(num_samples)
        self.first = first
        self.num_new, self.rounds = num_new, rounds
        self.base_sharpness, self.growth = base_sharpness, growth

    @torch.no_grad()
    def generate_ray_samples(self, ray_bundle: RayBundle, sdf: Callable[[Tensor], Tensor]) -> RaySamples:  # type: ignore[override]
        """Sample.

        Args:
            ray_bundle: Rays ``[R]`` with nears and fars.
            sdf: Gives signed distances ``[N]`` of points ``[N, 3]``.

        Returns:
            Samples ``[R, num_samples + rounds * num_new]``, with what is known of their distances.
        """
        first = self.first(ray_bundle, num_samples=self.num_samples)
        assert first.spacing_starts is not None and first.spacing_ends is not None
        spacing, nears, fars = first.spacing_to_euclidean_fn, ray_bundle.nears, ray_bundle.fars
        assert spacing is not None and nears is not None and fars is not None

        def distance(places: Tensor) -> Tensor:
            # A spacing rounds past its ends.
            return torch.minimum(torch.maximum(spacing(places), nears), fars)

        def evaluated(distances: Tensor) -> Tensor:
            points = ray_bundle.origins[:, None] + ray_bundle.directions[:, None] * distances[..., None]
            return sdf(points.view(-1, 3)).view(distances.shape).to(distances.dtype)

        places = torch.cat([first.spacing_starts[..., 0], first.spacing_ends[:, -1]], dim=1)
        places = places.expand(len(ray_bundle), -1)
        distances = distance(places)
        edges = Edges(places, distances, evaluated(distances))
        least = least_distance(edges.distances, edges.sdf)
        for round_ in range(self.rounds):
            weights = bin_weights(edges.distances, edges.sdf, self.base_sharpness * self.growth**round_)
            places, new_sdf = drawn(edges, weights, self.num_new)
            new = distance(places)
            is_last = round_ == self.rounds - 1
            edges, parents = merged(edges, Edges(places, new, new_sdf if is_last else evaluated(new)))
            # What lies between two new edges that were not evaluated is no nearer than all of their old bin.
            least = least.gather(1, parents) if is_last else least_distance(edges.distances, edges.sdf)
        # Two places that are next to each other may be rounded to distances in the other order.
        distances = edges.distances.cummax(dim=1).values
        samples = ray_bundle.get_ray_samples(
            bin_starts=distances[:, :-1, None],
            bin_ends=distances[:, 1:, None],
            spacing_starts=edges.places[:, :-1, None],
            spacing_ends=edges.places[:, 1:, None],
            spacing_to_euclidean_fn=distance,
        )
        return KnownDistances((edges.sdf[:, 1:] + edges.sdf[:, :-1]) / 2, least).noted(samples)


def merged(edges: Edges, new: Edges) -> tuple[Edges, Tensor]:
    """Old edges and new ones within their bins, in order.

    Returns:
        All edges ``[R, N + M + 1]``, and in which old bin each of their bins lies, ``[R, N + M]``.
    """
    places, order = torch.cat([edges.places, new.places], dim=1).sort(dim=1, stable=True)
    distances = torch.cat([edges.distances, new.distances], dim=1).gather(1, order)
    sdf = torch.cat([edges.sdf, new.sdf], dim=1).gather(1, order)
    count = edges.places.shape[1]
    parents = ((order < count).cumsum(dim=1) - 1)[:, :-1].clamp(max=count - 2)
    return Edges(places, distances, sdf), parents
