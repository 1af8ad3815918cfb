"""VolSDF's samples: where they lie, what is known of them, and what every sampler keeps."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.model_components.ray_samplers import UniformLinDispPiecewiseSampler, UniformSampler
from rays_at_a_ball import ball, rays

from s3im_methods.fields.laplace_opacity import laplace_density
from s3im_methods.rays.error_bound import opacity_error
from s3im_methods.rays.error_bounded_samples import ErrorBound, ErrorBoundedSampler
from s3im_methods.rays.known_distances import KnownDistances

SMALL = ErrorBound(first=16, more=12, looks=3, eps=0.1, convergence="ray", drawn=24, extra=0)


def sampler(chosen: ErrorBound = SMALL, training: bool = False, first: Any = UniformSampler) -> ErrorBoundedSampler:
    return ErrorBoundedSampler(chosen, first(single_jitter=True)).train(training)


def edges_of(samples) -> torch.Tensor:
    return torch.cat([samples.frustums.starts[..., 0], samples.frustums.ends[..., -1:, 0]], dim=-1)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["ray", "batch"]),
    st.sampled_from([(24, 0), (24, 7), (0, 0)]),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1.0, 0.1, 1e-3]),
    st.booleans(),
)
def test_bins_ascend_join_and_lie_within_nears_and_fars(seed, convergence, drawn, looks, beta, training):
    bundle = rays(seed)
    before = {name: getattr(bundle, name).clone() for name in ("origins", "directions", "nears", "fars")}
    chosen = replace(SMALL, convergence=convergence, drawn=drawn[0], extra=drawn[1], looks=looks)
    weight = torch.tensor(0.5, requires_grad=True)
    samples = sampler(chosen, training)(bundle, sdf=lambda p: ball(p) * weight, beta=torch.tensor([beta]))
    edges = edges_of(samples)
    assert (
        edges.shape == (20, (sum(drawn) or 16 + 12 * looks) + 1) and edges.isfinite().all() and not edges.requires_grad
    )
    assert (edges.diff(dim=-1) >= 0).all()
    assert torch.equal(samples.frustums.ends[:, :-1], samples.frustums.starts[:, 1:])
    assert torch.equal(edges[:, :1], before["nears"]) and torch.equal(edges[:, -1:], before["fars"])
    assert all(torch.equal(getattr(bundle, name), value) for name, value in before.items())
    assert samples.spacing_starts is not None and samples.spacing_to_euclidean_fn is not None
    torch.testing.assert_close(samples.spacing_to_euclidean_fn(samples.spacing_starts[..., 0]), edges[:, :-1])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("chosen", [replace(SMALL, looks=2), replace(SMALL, more=64, looks=5, convergence="batch")])
def test_samples_gather_where_rays_meet_the_surface(chosen, training):
    bundle = rays(count=200, spread=0.2)
    edges = edges_of(sampler(chosen, training)(bundle, sdf=ball, beta=torch.tensor([0.004])))
    closest = -(bundle.origins * bundle.directions).sum(-1)
    squared = (bundle.origins + closest[:, None] * bundle.directions).square().sum(-1)
    hits = squared < 0.16
    meets = closest - (0.25 - squared).clamp(min=0).sqrt()
    near = ((edges - meets[:, None]).abs() < 0.05).float().mean(dim=-1)
    # 4 % of a ray's chord lie so near.
    assert hits.sum() > 100
    assert near[hits].mean() > 0.6


def test_the_long_bins_at_both_ends_hold_next_to_nothing():
    """A bin is evaluated in its middle, which is far from what a long one holds."""
    bundle = rays(count=200, spread=0.2)
    edges = edges_of(sampler(replace(SMALL, looks=2))(bundle, sdf=ball, beta=torch.tensor([0.004])))
    shares = (torch.arange(2000) + 0.5) / 2000
    at = edges[:, :1] + (edges[:, 1:2] - edges[:, :1]) * shares
    points = bundle.origins[:, None] + bundle.directions[:, None] * at[..., None]
    optical = laplace_density(ball(points), torch.tensor(0.004)).mean(dim=-1) * (edges[:, 1] - edges[:, 0])
    closest = (bundle.origins + (-bundle.origins * bundle.directions).sum(-1, True) * bundle.directions).norm(dim=-1)
    assert optical[closest < 0.4].amax() < 0.02


def test_a_camera_inside_the_surface_and_a_field_that_is_solid_everywhere_give_samples():
    bundle = rays(distance=0.2)
    for sdf in (ball, lambda p: -ball(p), lambda p: 0 * p[:, 0] - 1, lambda p: 0 * p[:, 0], lambda p: 0 * p[:, 0] + 9):
        edges = edges_of(sampler()(bundle, sdf=sdf, beta=torch.tensor([0.002])))
        assert edges.isfinite().all() and (edges.diff(dim=-1) >= 0).all()


def test_a_ray_that_is_known_well_enough_is_left_alone_and_a_batch_is_not():
    """Rays in the clear need one look, the others more: counted are the points that are looked at."""
    bundle = rays(count=40)
    looked = {}
    for convergence in ("ray", "batch"):
        counts = []

        def counted(points, counts=counts):
            counts.append(len(points))
            return ball(points)

        sampler(replace(SMALL, convergence=convergence))(bundle, sdf=counted, beta=torch.tensor([0.005]))
        looked[convergence] = counts
    assert looked["batch"] == [40 * 17, 40 * 12, 40 * 12]
    assert looked["ray"][0] == 40 * 17
    assert 0 < looked["ray"][1] < 40 * 12 and looked["ray"][2] <= looked["ray"][1]
    # One ray's samples do not depend on the others'.
    alone = edges_of(sampler()(bundle[3:4], sdf=ball, beta=torch.tensor([0.005])))
    together = edges_of(sampler()(bundle, sdf=ball, beta=torch.tensor([0.005])))
    torch.testing.assert_close(alone, together[3:4])


def test_with_enough_looks_the_error_is_what_was_asked_for():
    """The searched edges themselves are evaluated, so that the bound is that of the search."""
    bundle = rays(count=50, spread=0.2)
    chosen = replace(SMALL, first=128, more=128, looks=5, drawn=0)
    samples = sampler(chosen)(bundle, sdf=ball, beta=torch.tensor([0.02]))
    edges, known = edges_of(samples), KnownDistances.of(samples)
    assert known is not None
    points = bundle.origins[:, None] + bundle.directions[:, None] * edges[..., None]
    assert opacity_error(edges.diff(dim=-1), ball(points), known.least, torch.tensor([0.02])).max() <= 0.1


@pytest.mark.parametrize("looks", [1, 2, 3])
def test_bins_of_the_search_come_no_nearer_to_the_surface_than_is_known(looks):
    """Also those on rays that were not looked at again, and those of the last edges, which are not evaluated."""
    bundle = rays(count=200, spread=0.3)
    samples = sampler(replace(SMALL, looks=looks, drawn=0))(bundle, sdf=ball, beta=torch.tensor([0.01]))
    known, edges = KnownDistances.of(samples), edges_of(samples)
    assert known is not None
    within = edges[:, :-1, None] + edges.diff(dim=-1)[..., None] * torch.linspace(0, 1, 51)
    points = bundle.origins[:, None, None] + bundle.directions[:, None, None] * within[..., None]
    assert (known.least <= ball(points).abs().amin(dim=-1) + 1e-5).all()
    middles = bundle.origins[:, None] + bundle.directions[:, None] * (edges[:, :-1] + edges.diff(dim=-1) / 2)[..., None]
    # Between neighbours of the search the distance bends a little.
    assert (known.middle - ball(middles)).abs().mean() < 0.03


def test_a_room_is_sampled_by_its_own_first_look():
    bundle = rays(distance=0.3)
    bundle.nears, bundle.fars = torch.full((20, 1), 0.05), torch.full((20, 1), 8.0)
    edges = edges_of(
        sampler(first=UniformLinDispPiecewiseSampler)(bundle, sdf=lambda p: -ball(p, 2.0), beta=torch.tensor([0.01]))
    )
    assert (edges.diff(dim=-1) >= 0).all()
    points = bundle.origins[:, None] + bundle.directions[:, None] * edges[..., None]
    assert (ball(points, 2.0).abs() < 0.1).float().mean() > 0.4
