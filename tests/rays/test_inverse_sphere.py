"""Samples outside a sphere, uniform in 1/r, against closed forms and NeRF++'s rotation."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.cameras.rays import RayBundle
from torch.nn.functional import normalize

from s3im_methods.errors import InputError
from s3im_methods.rays.inverse_sphere import InverseSphereSampler
from s3im_methods.rays.sphere_bounds import SphereBounds

CENTER = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
RADIUS = 1.5
FAR = 1000.0


def rays(origins, directions, near=0.0):
    ones = torch.ones_like(origins[..., :1])
    return RayBundle(origins=origins, directions=directions, pixel_area=ones, nears=near * ones)


def random_rays(seed, spread, count=50):
    generator = torch.Generator().manual_seed(seed)
    origins = CENTER + spread * torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return rays(origins, normalize(torch.randn(count, 3, generator=generator, dtype=torch.float64), dim=-1))


def rays_from_inside(seed, count=50):
    bundle = random_rays(seed, 1.0, count)
    offsets = bundle.origins - CENTER
    bundle.origins = CENTER + RADIUS * offsets / (1 + offsets.norm(dim=-1, keepdim=True))
    return bundle


def sampler(count=8, far=FAR, training=False):
    return InverseSphereSampler(count, CENTER, RADIUS, far).train(training)


def edges_of(samples):
    """Distances of the bins' edges along the ray, [*batch, samples + 1]."""
    return torch.cat([samples.frustums.starts[..., 0], samples.frustums.ends[..., -1:, 0]], dim=-1)


def radii_of(bundle, distances):
    points = bundle.origins[..., None, :] + distances[..., None] * bundle.directions[..., None, :]
    return (points - CENTER).norm(dim=-1)


def rotated_point(origin, direction, inverse_radius):
    """NeRF++'s construction for the unit sphere: turn the ray's exit about the normal of the ray's plane."""
    direction = direction / direction.norm()
    foot = origin - (origin @ direction) * direction
    exit_point = foot + torch.sqrt(1 - foot @ foot) * direction
    axis = torch.linalg.cross(origin, exit_point)
    axis = axis / axis.norm()
    angle = torch.asin(foot.norm()) - torch.asin(foot.norm() * inverse_radius)
    turned = (
        exit_point * angle.cos()
        + torch.linalg.cross(axis, exit_point) * angle.sin()
        + axis * (axis @ exit_point) * (1 - angle.cos())
    )
    return turned / turned.norm() / inverse_radius


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), training=st.booleans())
def test_points_equal_those_of_nerf_plus_plus(seed, training):
    torch.manual_seed(seed)
    bundle = rays_from_inside(seed, count=5)
    samples = sampler(6, training=training)(bundle)
    distances = edges_of(samples)
    shares = torch.cat([samples.spacing_starts[..., 0], samples.spacing_ends[..., -1:, 0]], dim=-1)
    points = bundle.origins[:, None] + distances[..., None] * bundle.directions[:, None]
    for ray in range(5):
        for edge in range(7):
            share = shares[ray, edge]
            inverse_radius = 1 - share + share * RADIUS / FAR
            expected = rotated_point((bundle.origins[ray] - CENTER) / RADIUS, bundle.directions[ray], inverse_radius)
            torch.testing.assert_close((points[ray, edge] - CENTER) / RADIUS, expected, rtol=1e-6, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_edges_are_uniform_in_the_inverse_radius_from_the_exit_to_the_far_plane(seed):
    bundle = rays_from_inside(seed)
    inverse = 1 / radii_of(bundle, edges_of(sampler(8)(bundle)))
    expected = torch.linspace(1 / RADIUS, 1 / FAR, 9, dtype=torch.float64).expand_as(inverse)
    torch.testing.assert_close(inverse, expected)


def test_from_the_centre_the_radius_is_the_distance():
    direction = torch.tensor([[0.0, 0.6, 0.8]], dtype=torch.float64)
    distances = edges_of(sampler(2, far=3.0)(rays(CENTER[None], direction)))
    torch.testing.assert_close(distances, torch.tensor([[1.5, 2.0, 3.0]], dtype=torch.float64))


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), spread=st.sampled_from([0.3, 3.0, 100.0]), training=st.booleans())
def test_every_ray_has_finite_bins_that_join_outside_the_sphere(seed, spread, training):
    torch.manual_seed(seed)
    bundle = random_rays(seed, spread)
    samples = sampler(7, training=training)(bundle)
    frustums = samples.frustums
    distances = edges_of(samples)
    assert distances.isfinite().all() and (distances >= 0).all() and (distances.diff(dim=-1) >= 0).all()
    assert torch.equal(frustums.starts[:, 1:], frustums.ends[:, :-1])
    assert torch.equal(samples.deltas, frustums.ends - frustums.starts)
    assert (radii_of(bundle, distances) >= RADIUS * (1 - 1e-12)).all()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), spread=st.sampled_from([0.3, 3.0]), near=st.sampled_from([0.0, 0.2, 4.0]))
def test_the_background_begins_where_the_foreground_ends(seed, spread, near):
    bundle = random_rays(seed, spread)
    bundle.nears = None
    bundle = SphereBounds(CENTER, RADIUS, near)(bundle)
    assert bundle.nears is not None and bundle.fars is not None
    for training in (True, False):
        starts = sampler(training=training)(bundle).frustums.starts[:, 0]
        torch.testing.assert_close(starts, bundle.fars)
    # SurfaceModel passes the foreground's fars as the background's nears.
    bundle.nears, bundle.fars = bundle.fars, torch.full_like(bundle.fars, FAR)
    torch.testing.assert_close(edges_of(sampler()(bundle))[:, :1], bundle.nears)


def test_a_miss_begins_at_the_closest_approach_and_never_before_the_near():
    aside = torch.tensor([3.0, 0.0, 0.0], dtype=torch.float64)
    ahead = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    for start, near, expected in ((-5.0, 0.1, 5.0), (5.0, 0.1, 0.1), (-5.0, 6.0, 6.0)):
        bundle = rays((CENTER + aside + start * ahead[0])[None], ahead, near)
        distances = edges_of(sampler(4)(bundle))
        assert distances[0, 0].item() == pytest.approx(expected)
        radii = radii_of(bundle, distances)
        steps = (1 / radii).diff(dim=-1)
        torch.testing.assert_close(steps, steps[:, :1].expand_as(steps))
        assert radii[0, -1].item() == pytest.approx(FAR)


def test_a_camera_beyond_the_far_plane_has_bins_without_length():
    bundle = rays(CENTER + torch.tensor([[0.0, 0.0, 20.0]]), torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64))
    samples = sampler(4, far=10.0)(bundle)
    assert (samples.deltas == 0).all() and samples.get_weights(torch.full((1, 4, 1), 1e3)).sum() == 0


def test_training_moves_the_inner_edges_of_a_ray_by_one_share_of_a_bin():
    torch.manual_seed(0)
    bundle = rays_from_inside(0, count=2000)
    samples = sampler(10, training=True)(bundle)
    starts = samples.spacing_starts[..., 0]
    shifts = 10 * starts[:, 1:] - torch.arange(1, 10)
    torch.testing.assert_close(shifts, shifts[:, :1].expand_as(shifts))
    assert -0.5 <= shifts.min() < -0.49 and 0.49 < shifts.max() <= 0.5 and abs(shifts.mean()) < 0.03
    assert (starts[:, 0] == 0).all() and (samples.spacing_ends[:, -1] == 1).all()


def test_evaluation_takes_no_random_numbers():
    bundle = rays_from_inside(0)
    state = torch.random.get_rng_state()
    assert torch.equal(edges_of(sampler()(bundle)), edges_of(sampler()(bundle)))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_shares_map_to_the_edges():
    bundle = rays_from_inside(3)
    samples = sampler(training=True)(bundle)
    assert torch.equal(samples.spacing_to_euclidean_fn(samples.spacing_starts[..., 0]), samples.frustums.starts[..., 0])


def test_rays_almost_to_infinity_in_float32():
    bundle = rays_from_inside(1)
    bundle = rays(bundle.origins.float(), bundle.directions.float())
    distances = edges_of(InverseSphereSampler(16, CENTER.float(), RADIUS, 1e10)(bundle))
    assert distances.dtype == torch.float32 and distances.isfinite().all() and (distances.diff(dim=-1) > 0).all()
    torch.testing.assert_close(distances[:, -1], torch.full((50,), 1e10))


def test_a_grazing_ray_in_float32_starts_at_its_exit():
    aside = torch.tensor([[RADIUS * (1 - 1e-6), 0.0, -4.0]])
    bundle = rays(CENTER.float() + aside, torch.tensor([[0.0, 0.0, 1.0]]))
    bundle.nears = None
    bundle = SphereBounds(CENTER.float(), RADIUS)(bundle)
    assert bundle.fars is not None
    distances = edges_of(InverseSphereSampler(8, CENTER.float(), RADIUS, FAR)(bundle))
    torch.testing.assert_close(distances[:, :1], bundle.fars, atol=1e-6, rtol=0)


def test_images_of_rays():
    bundle = random_rays(0, 1.0, count=20).reshape((4, 5))
    samples = sampler(3, training=True)(bundle)
    assert samples.frustums.get_positions().shape == (4, 5, 3, 3) and samples.deltas.shape == (4, 5, 3, 1)


def test_edges_carry_no_gradient_but_positions_follow_the_camera():
    bundle = rays_from_inside(0, count=1)
    bundle.origins.requires_grad_()
    samples = sampler(4)(bundle)
    assert not samples.deltas.requires_grad
    samples.frustums.get_positions().sum().backward()
    torch.testing.assert_close(bundle.origins.grad, torch.full((1, 3), 4.0, dtype=torch.float64))


@pytest.mark.parametrize("far", [1.5, -2.0, math.inf, math.nan])
def test_a_far_plane_within_the_sphere_or_at_infinity_is_refused(far):
    with pytest.raises(InputError, match="far plane beyond the sphere"):
        sampler(far=far)


def test_a_radius_of_zero_is_refused():
    with pytest.raises(InputError, match=r"radius 0\.0: give a positive number"):
        InverseSphereSampler(8, CENTER, 0.0, FAR)
