"""VolSDF's samples: theorem 1 against spheres and planes, the verified values, and what every sampler keeps."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components.ray_samplers import UniformLinDispPiecewiseSampler, UniformSampler
from torch.nn.functional import normalize

from s3im_methods.fields.laplace_opacity import laplace_density
from s3im_methods.rays.error_bound import (
    ErrorBound,
    ErrorBoundedSampler,
    doubt,
    drawn_edges,
    least_beta,
    least_distance,
    opacity_error,
    opacity_mass,
    sufficient_beta,
)
from s3im_methods.rays.sphere_bounds import SphereBounds

SMALL = ErrorBound(first=16, more=12, looks=3, eps=0.1, convergence="ray", drawn=24, extra=0)


def ball(points: torch.Tensor, radius: float = 0.5) -> torch.Tensor:
    return points.norm(dim=-1) - radius


def rays(seed: int = 0, count: int = 20, distance: float = 3.0, spread: float = 0.6) -> RayBundle:
    """Rays at the unit sphere, most of which hit the ball, and some of which miss even the sphere."""
    random = torch.Generator().manual_seed(seed)
    origins = distance * normalize(torch.randn(count, 3, generator=random), dim=-1)
    targets = spread * torch.randn(count, 3, generator=random)
    bundle = RayBundle(origins, normalize(targets - origins, dim=-1), torch.ones(count, 1))
    return SphereBounds(torch.zeros(3), 1.0)(bundle)


def sampler(chosen: ErrorBound = SMALL, training: bool = False, first=UniformSampler) -> ErrorBoundedSampler:
    return ErrorBoundedSampler(chosen, first(single_jitter=True)).train(training)


def edges_of(samples) -> torch.Tensor:
    return torch.cat([samples.frustums.starts[..., 0], samples.frustums.ends[..., -1:, 0]], dim=-1)


@pytest.mark.parametrize(
    ("length", "first", "second", "expected"),
    [
        (1, 0.4, 0.6, 0.0),
        (0.2, 0.4, 0.6, 0.4),
        (0, 0.5, 0.5, 0.5),
        (1, -0.4, 0.6, 0.0),
        (1, 0, 0.6, 0.0),
        (1, -0.6, -0.6, 0.11**0.5),
        (0.3, 0.5, 0.2, 0.2),
        (0.1, 0.3, 0.2, 0.2),
    ],
)
def test_the_least_distance_of_single_intervals(length, first, second, expected):
    values = [torch.tensor([float(value)], dtype=torch.float64) for value in (length, first, second)]
    assert least_distance(*values).item() == pytest.approx(expected, abs=1e-7)


def test_the_least_distance_is_below_the_true_one_and_close_to_it():
    random = torch.Generator().manual_seed(0)
    centers = torch.randn(3000, 3, generator=random, dtype=torch.float64)
    radii = torch.rand(3000, 1, generator=random, dtype=torch.float64)
    ends = torch.randn(2, 3000, 3, generator=random, dtype=torch.float64)
    ends[1] = ends[0] + 0.2 * (ends[1] - ends[0])
    shares = torch.linspace(0, 1, 201, dtype=torch.float64)[:, None, None]
    points = ends[0] + shares * (ends[1] - ends[0])
    distances = (points - centers).norm(dim=-1) - radii[:, 0]
    found = least_distance((ends[1] - ends[0]).norm(dim=-1), distances[0], distances[-1])
    least = distances.abs().amin(dim=0)
    # The true least distance is sampled, so it is a little too large, never too small.
    assert (found <= least + 1e-9).all()
    clear = least > 0.1
    assert (found / least)[clear].mean() > 0.95


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6))
def test_the_least_distance_is_never_nan(seed):
    random = torch.Generator().manual_seed(seed)
    b, c = torch.rand(2, 100, generator=random)
    for lengths in (b + c, (b - c).abs(), torch.zeros(100), 1e-30 * b, 1e30 * b):
        found = least_distance(lengths, b, c)
        assert found.isfinite().all() and (found >= 0).all() and (found <= torch.minimum(b, c)).all()


def true_error(edges: torch.Tensor, sdf_at, beta: float) -> torch.Tensor:
    """Largest error of the opacity that counts the density at each interval's start, per ray."""
    fine = 400
    shares = (torch.arange(fine, dtype=edges.dtype) + 0.5) / fine
    lengths = edges.diff(dim=-1)
    points = edges[:, :-1, None] + lengths[..., None] * shares
    scale = torch.tensor(beta, dtype=edges.dtype)
    exact = (laplace_density(sdf_at(points), scale) * lengths[..., None] / fine).flatten(1).cumsum(-1)
    rough = laplace_density(sdf_at(edges[:, :-1]), scale)[..., None].expand(-1, -1, fine) * lengths[..., None] / fine
    return (torch.exp(-exact) - torch.exp(-rough.flatten(1).cumsum(-1))).abs().amax(dim=-1)


@pytest.mark.parametrize("kind", ["plane", "sphere"])
def test_the_bound_is_above_the_true_error(kind):
    random = torch.Generator().manual_seed(3)
    violations, tight = 0, 0
    for beta in (0.3, 0.1, 0.05):
        count = 100
        edges = torch.rand(count, 25, generator=random, dtype=torch.float64).cumsum(dim=-1)
        edges = 2 * edges / edges[:, -1:]
        at = 2 * torch.rand(count, 1, generator=random, dtype=torch.float64)
        aside = torch.rand(count, 1, generator=random, dtype=torch.float64)

        def sdf_at(t, at=at, aside=aside):
            at, aside = (value.view(-1, *[1] * (t.dim() - 1)) for value in (at, aside))
            return aside * (at - t) if kind == "plane" else ((t - at) ** 2 + aside**2).sqrt() - 0.5

        bound = opacity_error(edges.diff(dim=-1), sdf_at(edges), torch.full((count, 1), beta, dtype=torch.float64))
        true = true_error(edges, sdf_at, beta)
        violations += (bound.amax(dim=-1) < true - 1e-6).sum().item()
        tight += (bound.amax(dim=-1) < 0.5).sum().item()
    assert violations == 0
    assert tight > 10


def test_from_a_sufficient_beta_on_any_distances_do():
    lengths = torch.full((1, 128), 2 / 128, dtype=torch.float64)
    beta = sufficient_beta(lengths, 0.1)
    assert beta.item() == pytest.approx(0.28630, abs=1e-5)
    # The worst there is: a surface in every interval, and nothing absorbed before.
    error = torch.expm1(((lengths / beta) ** 2 / 4).sum()).item()
    assert error == pytest.approx(0.1, abs=1e-9)
    random = torch.Generator().manual_seed(0)
    sdf = torch.randn(1, 129, generator=random, dtype=torch.float64)
    assert opacity_error(lengths, sdf, beta).max() <= 0.1


def test_the_least_beta_is_on_the_edge_of_what_is_enough():
    bundle = rays()
    edges = torch.linspace(0, 1, 33) * (bundle.fars - bundle.nears) + bundle.nears
    points = bundle.origins[:, None] + bundle.directions[:, None] * edges[..., None]
    lengths, sdf = edges.diff(dim=-1), ball(points)
    beta = torch.tensor([0.01])
    found = least_beta(lengths, sdf, beta, 0.1, 20)
    hits = (bundle.fars > bundle.nears)[:, 0]
    grown = hits & (found[:, 0] > 0.01)
    assert grown.any() and (found >= 0.01).all()
    assert (opacity_error(lengths, sdf, found).amax(dim=-1)[hits] <= 0.1).all()
    assert (opacity_error(lengths, sdf, 0.99 * found).amax(dim=-1)[grown] > 0.1).all()
    # Whoever is good enough keeps what the density has.
    assert (found[~hits] == 0.01).all()


def test_doubt_lies_in_the_intervals_before_and_at_the_first_surface():
    edges = torch.linspace(0, 4, 41)[None]
    # The ray passes a point closely, then enters one solid, and another behind it.
    passing = ((edges - 1.03).square() + 0.02**2).sqrt()
    sdf = torch.minimum(torch.minimum(passing, (edges - 2.52).abs() - 0.3), 3.9 - edges)
    found = doubt(edges.diff(dim=-1), sdf, torch.tensor([0.01]))[0]
    assert found[10] > 0.9 and found[22] > 0.6
    assert (found[[*range(9), *range(11, 21), *range(24, 40)]] < 0.1).all()


def test_intervals_add_up_to_the_opacity_of_a_plane():
    edges = torch.tensor([[0.0, 0.3, 1.0, 1.1, 2.0]])
    sdf = 1.0 - edges
    mass = opacity_mass(edges.diff(dim=-1), sdf, torch.tensor([[0.05]]))
    assert mass[0, :2].sum().item() == pytest.approx(1 - 0.60653, abs=1e-5)
    assert mass.sum().item() == pytest.approx(1.0, abs=1e-5)


def test_edges_are_drawn_as_the_mass_lies():
    edges = torch.tensor([[0.0, 1.0, 2.0, 4.0], [3.0, 3.0, 3.0, 3.0], [0.0, 1.0, 2.0, 4.0]])
    mass = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    shares = torch.tensor([0.25, 0.5, 0.75]).expand(3, -1)
    found = drawn_edges(edges, mass, shares)
    assert found[0].tolist() == pytest.approx([1.25, 1.5, 1.75], abs=2e-3)
    assert found[1].tolist() == [3.0, 3.0, 3.0]
    assert found[2].tolist() == pytest.approx([1.0, 2.0, 3.0])


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["ray", "batch"]),
    st.sampled_from([0, 7]),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1.0, 0.1, 1e-3]),
    st.booleans(),
)
def test_bins_ascend_join_and_lie_within_nears_and_fars(seed, convergence, extra, looks, beta, training):
    bundle = rays(seed)
    before = {name: getattr(bundle, name).clone() for name in ("origins", "directions", "nears", "fars")}
    chosen = replace(SMALL, convergence=convergence, extra=extra, looks=looks)
    weight = torch.tensor(0.5, requires_grad=True)
    samples = sampler(chosen, training)(bundle, sdf=lambda p: ball(p) * weight, beta=torch.tensor([beta]))
    edges = edges_of(samples)
    assert edges.shape == (20, 24 + extra + 1) and edges.isfinite().all() and not edges.requires_grad
    assert (edges.diff(dim=-1) >= 0).all()
    assert torch.equal(samples.frustums.ends[:, :-1], samples.frustums.starts[:, 1:])
    assert torch.equal(edges[:, :1], bundle.nears) and torch.equal(edges[:, -1:], bundle.fars)
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
    chosen = replace(SMALL, first=128, more=128, looks=5)
    search = sampler(chosen)
    seen = []
    search._chosen = lambda edges, sdf, beta: seen.append((edges, sdf)) or edges[:, : chosen.drawn + 1]  # type: ignore[method-assign]
    search(bundle, sdf=ball, beta=torch.tensor([0.02]))
    worst = [opacity_error(edges.diff(dim=-1), sdf, torch.tensor([0.02])).amax(dim=-1) for edges, sdf in seen]
    assert sum(map(len, worst)) == 50
    assert torch.cat(worst).max() <= 0.1


def test_a_room_is_sampled_by_its_own_first_look():
    bundle = rays(distance=0.3)
    bundle.nears, bundle.fars = torch.full((20, 1), 0.05), torch.full((20, 1), 8.0)
    edges = edges_of(
        sampler(first=UniformLinDispPiecewiseSampler)(bundle, sdf=lambda p: -ball(p, 2.0), beta=torch.tensor([0.01]))
    )
    assert (edges.diff(dim=-1) >= 0).all()
    points = bundle.origins[:, None] + bundle.directions[:, None] * edges[..., None]
    assert (ball(points, 2.0).abs() < 0.1).float().mean() > 0.4
