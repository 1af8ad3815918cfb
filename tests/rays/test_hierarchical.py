"""NeuS's samples: where they gather, and what is asked of every sampler."""

import copy
from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components.ray_samplers import (
    NeuSSampler,
    Sampler,
    UniformLinDispPiecewiseSampler,
    UniformSampler,
)
from torch.nn.functional import normalize

from s3im_methods.rays.hierarchical import Edges, HierarchicalSampler, bin_weights, drawn, merged
from s3im_methods.rays.known_distances import KnownDistances

RADIUS = 0.5


def sphere(points: torch.Tensor) -> torch.Tensor:
    return points.norm(dim=-1) - RADIUS


def rays(count: int = 64, distance: float = 3.0) -> Any:
    """Towards and past a sphere; every eighth has no length, as one that misses the scene's sphere."""
    random = torch.Generator().manual_seed(0)
    origins = distance * normalize(torch.randn(count, 3, generator=random), dim=-1)
    directions = normalize(0.3 * torch.randn(count, 3, generator=random) - origins, dim=-1)
    nears = torch.full((count, 1), max(distance - 1.0, 0.05))
    fars = torch.full((count, 1), distance + 1.0)
    fars[::8] = nears[::8]
    return RayBundle(origins, directions, torch.ones(count, 1), nears=nears, fars=fars)


def sampler(first: type[Sampler] = UniformSampler, rounds: int = 2, training: bool = True) -> HierarchicalSampler:
    return HierarchicalSampler(first(single_jitter=True), 24, 8, rounds, 64.0, 4.0).train(training)  # type: ignore[call-arg]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("distance", [3.0, 0.2])
@pytest.mark.parametrize("first", [UniformSampler, UniformLinDispPiecewiseSampler])
@pytest.mark.parametrize("rounds", [0, 1, 2, 4])
def test_bins_ascend_join_and_stay_within_the_rays(first, rounds, distance, training):
    bundle = rays(distance=distance)
    before = copy.deepcopy(bundle)
    samples = sampler(first, rounds, training)(bundle, sphere)
    starts, ends = samples.frustums.starts[..., 0], samples.frustums.ends[..., 0]
    assert starts.shape == (64, 24 + 8 * rounds)
    assert (ends >= starts).all() and torch.equal(starts[:, 1:], ends[:, :-1])
    assert (starts >= bundle.nears).all() and (ends <= bundle.fars).all()
    assert torch.equal(bundle.nears, before.nears) and torch.equal(bundle.fars, before.fars)
    assert not starts.requires_grad
    assert samples.deltas is not None and samples.spacing_starts is not None and samples.spacing_ends is not None
    assert (samples.spacing_starts >= 0).all() and (samples.spacing_ends <= 1).all()
    if not training:
        torch.testing.assert_close(starts[:, :1], bundle.nears)
        torch.testing.assert_close(ends[:, -1:], bundle.fars)


def test_the_last_bins_at_the_surface_are_a_hundredth_of_the_first():
    bundle = rays()
    samples = sampler(rounds=2)(bundle, sphere)
    middle = -(bundle.origins * bundle.directions).sum(dim=-1)
    off = (bundle.origins.square().sum(dim=-1) - middle**2).clamp(min=0)
    hits = (off.sqrt() < 0.8 * RADIUS) & (bundle.fars > bundle.nears)[:, 0]
    at = (middle - (RADIUS**2 - off).clamp(min=0).sqrt())[hits, None]
    starts, ends = samples.frustums.starts[hits, :, 0], samples.frustums.ends[hits, :, 0]
    holds = (starts <= at) & (at < ends)
    assert torch.equal(holds.sum(dim=1), torch.ones(len(at), dtype=torch.int64))
    assert (ends - starts)[holds].mean() < 2 / 24 / 20
    # A steeper round after the first puts them nearer still.
    once = sampler(rounds=1)(bundle, sphere).frustums
    holds_once = (once.starts[hits, :, 0] <= at) & (at < once.ends[hits, :, 0])
    assert (ends - starts)[holds].mean() < 0.3 * (once.ends - once.starts)[hits, :, 0][holds_once].mean()


def test_before_a_plane_the_weight_is_that_of_the_logistic_distribution():
    edges = torch.linspace(0, 2, 201, dtype=torch.float64)[None]
    weights = bin_weights(edges, 1.0 - edges, 64.0)
    cumulated = torch.sigmoid(64 * (1 - edges[0]))
    # The first bin has no bin before it, whose slope it could take.
    expected = (cumulated[1:-1] - cumulated[2:]) / cumulated[1]
    torch.testing.assert_close(weights[0, 1:], expected, atol=2e-3, rtol=0)
    assert weights.sum().item() == pytest.approx(1, abs=1e-3)


def test_weights_are_those_of_nerfstudios_sampler():
    bundle = rays()
    samples = UniformSampler().eval()(bundle, num_samples=24)
    starts = samples.frustums.starts[..., 0]
    sdf = sphere(samples.frustums.get_start_positions())
    alphas = NeuSSampler.rendering_sdf_with_fixed_inv_s(samples, sdf, inv_s=64)
    expected, _ = samples[:, :-1].get_weights_and_transmittance_from_alphas(alphas[..., None])
    hits = (bundle.fars > bundle.nears)[:, 0]
    found = bin_weights(starts, sdf, 64.0)
    torch.testing.assert_close(found[hits], expected[hits, :, 0], atol=1e-3, rtol=0)
    assert found[hits].sum(dim=1).max() > 0.99


def test_new_edges_part_the_weight_evenly():
    places = torch.linspace(0, 1, 11, dtype=torch.float64)[None]
    edges = Edges(places, 2 * places, 0.35 - places)
    weights = bin_weights(edges.distances, edges.sdf, 40.0)
    new_places, new_sdf = drawn(edges, weights, 4)
    weights = weights[0] + 1e-5
    cumulated = torch.cat([torch.zeros(1, dtype=torch.float64), weights.cumsum(dim=0)]) / weights.sum()
    position = new_places[0] * 10
    lower = position.floor().long()
    reached = cumulated[lower] + (position - lower) * (cumulated[lower + 1] - cumulated[lower])
    torch.testing.assert_close(reached, torch.tensor([0.125, 0.375, 0.625, 0.875], dtype=torch.float64))
    torch.testing.assert_close(new_sdf, 0.35 - new_places)


def test_merged_bins_know_the_bin_that_they_are_of():
    old = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    new = torch.tensor([[1.25, 1.5, 3.0]])
    edges, parents = merged(Edges(old, old, -old), Edges(new, new, -new))
    assert edges.places.tolist() == [[0, 1, 1.25, 1.5, 2, 3, 3]]
    assert torch.equal(edges.sdf, -edges.places)
    assert parents.tolist() == [[0, 1, 1, 1, 2, 2]]


def test_what_is_known_of_the_bins_is_true():
    samples = sampler(training=True)(rays(), sphere)
    known = KnownDistances.of(samples)
    assert known is not None
    starts, ends = samples.frustums.starts, samples.frustums.ends
    shares = torch.linspace(0, 1, 33)
    along = starts + (ends - starts) * shares
    points = samples.frustums.origins[..., None, :] + samples.frustums.directions[..., None, :] * along[..., None]
    true = sphere(points)
    assert (known.least <= true.abs().amin(dim=-1) + 1e-5).all()
    lengths = (ends - starts)[..., 0]
    assert ((known.middle - true[..., 16]).abs() <= lengths / 2 + 1e-5).all()
    near = lengths < 0.005
    assert near.sum() > 100
    assert (known.middle - true[..., 16]).abs()[near].max() < 2e-3


def test_edges_of_the_last_round_are_not_evaluated():
    counts = []

    def counted(points):
        counts.append(len(points))
        return sphere(points)

    sampler(rounds=2)(rays(), counted)
    assert counts == [64 * 25, 64 * 8]


def test_half_precision_distances_are_good_enough():
    """Under autocast the field answers in bfloat16."""
    samples = sampler()(rays(), lambda points: sphere(points).bfloat16())
    assert samples.frustums.starts.dtype == torch.float32
    assert samples.frustums.starts.isfinite().all()


def test_without_jitter_it_draws_no_random_numbers():
    first, second = (sampler(training=False)(rays(), sphere).frustums.starts for _ in range(2))
    assert torch.equal(first, second)
    torch.manual_seed(0)
    jittered = sampler(training=True)(rays(), sphere).frustums.starts
    assert not torch.equal(first, jittered)
