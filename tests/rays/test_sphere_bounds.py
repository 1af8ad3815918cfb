"""Nears and fars of rays against a sphere, for rays that hit it, graze it, miss it or leave it behind."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components.ray_samplers import PDFSampler, UniformSampler
from nerfstudio.model_components.scene_colliders import SphereCollider
from torch.nn.functional import normalize

from s3im_methods.errors import InputError
from s3im_methods.rays.sphere_bounds import SphereBounds

CENTER = torch.tensor([0.5, -1.0, 2.0])
RADIUS = 1.5
AHEAD = (0.0, 0.0, 1.0)


def rays(origins, directions, dtype=torch.float64):
    origins, directions = torch.as_tensor(origins, dtype=dtype), torch.as_tensor(directions, dtype=dtype)
    return RayBundle(origins=origins, directions=directions, pixel_area=torch.ones_like(origins[..., :1]))


def seen_from(*offsets):
    """Rays along z, their origins given from the sphere's centre in units of its radius."""
    origins = CENTER + RADIUS * torch.tensor(offsets)
    return rays(origins, torch.tensor(AHEAD).expand_as(origins))


def bounds_of(bundle, near_plane=0.0, training=True):
    bundle = SphereBounds(CENTER, RADIUS, near_plane).train(training)(bundle)
    return torch.cat([bundle.nears, bundle.fars], dim=-1)


def random_rays(seed, spread, count=200):
    generator = torch.Generator().manual_seed(seed)
    origins = CENTER + spread * torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return rays(origins, normalize(torch.randn(count, 3, generator=generator, dtype=torch.float64), dim=-1))


def test_rays_from_inside_and_outside():
    bundle = seen_from((0.0, 0.0, 0.0), (0.0, 0.0, -3.0), (0.6, 0.0, -3.0), (0.0, -0.6, 0.5))
    expected = RADIUS * torch.tensor([[0.0, 1.0], [2.0, 4.0], [2.2, 3.8], [0.0, 0.3]])
    torch.testing.assert_close(bounds_of(bundle).float(), expected)


def test_a_miss_is_empty_at_the_closest_approach_or_the_near_plane():
    bundle = seen_from((1.5, 0.0, -3.0), (0.0, 2.0, -0.1), (0.0, 1.5, 1.0))
    expected = torch.tensor([3 * RADIUS, 0.4, 0.4])[:, None].expand(-1, 2)
    torch.testing.assert_close(bounds_of(bundle, near_plane=0.4).float(), expected)


def test_a_sphere_behind_the_camera_or_before_the_near_plane_is_empty_at_the_near_plane():
    bundle = seen_from((0.0, 0.0, 3.0), (0.0, 0.0, 0.9))
    assert torch.equal(bounds_of(bundle, near_plane=0.4), torch.full((2, 2), 0.4, dtype=torch.float64))


def test_a_grazing_ray_lies_between_a_hit_and_a_miss():
    hit, graze, miss = bounds_of(seen_from((1 - 1e-6, 0.0, -3.0), (1.0, 0.0, -3.0), (1 + 1e-6, 0.0, -3.0)))
    torch.testing.assert_close(hit, miss, atol=3e-3 * RADIUS, rtol=0)
    assert miss[0] == miss[1] and graze[1] - graze[0] < 1e-2


def test_the_near_plane_counts_in_training_only():
    bundle = seen_from((0.0, 0.0, 0.0))
    assert bounds_of(bundle[...], near_plane=0.4, training=True)[0, 0] == 0.4
    assert bounds_of(seen_from((0.0, 0.0, 0.0)), near_plane=0.4, training=False)[0, 0] == 0.0


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), spread=st.sampled_from([0.3, 2.0, 50.0]), near=st.sampled_from([0.0, 0.4, 5.0]))
def test_ends_lie_on_the_sphere_and_every_bound_is_finite(seed, spread, near):
    bundle = random_rays(seed, spread)
    nears, fars = bounds_of(bundle, near).unbind(-1)
    assert nears.isfinite().all() and (nears >= near).all() and (fars >= nears).all()
    seen = fars > nears

    def radii(distances):
        return (bundle.origins + distances[:, None] * bundle.directions - CENTER).norm(dim=-1)

    torch.testing.assert_close(radii(fars)[seen], torch.full_like(fars[seen], RADIUS))
    entered = seen & (nears > near)
    torch.testing.assert_close(radii(nears)[entered], torch.full_like(nears[entered], RADIUS))
    steps = near + torch.linspace(0, 200, 20_001, dtype=torch.float64)
    line = bundle.origins[:, None] + steps[:, None] * bundle.directions[:, None]
    meets = ((line - CENTER).norm(dim=-1) < RADIUS).any(dim=-1)
    assert seen[meets].all()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), spread=st.sampled_from([0.3, 2.0]))
def test_hits_equal_nerfstudios(seed, spread):
    bundle = random_rays(seed, spread)
    ours = bounds_of(bundle[...], near_plane=0.1)
    stock = SphereCollider(CENTER.double(), RADIUS, near_plane=0.1)(bundle)
    assert stock.nears is not None and stock.fars is not None
    hits = ours[:, 1] > ours[:, 0]
    torch.testing.assert_close(ours[hits], torch.cat([stock.nears, stock.fars], dim=-1)[hits])


def test_a_camera_far_away_keeps_its_digits():
    direction = torch.tensor([[0.6, 0.0, 0.8]])
    aside = torch.tensor([[0.8, 0.0, -0.6]]) * 0.8 * RADIUS
    bundle = rays(CENTER + aside - 1000 * direction, direction, dtype=torch.float32)
    bounds = bounds_of(bundle)[0]
    assert (bounds[1] - bounds[0]).item() == pytest.approx(1.2 * RADIUS, abs=2e-3)


def test_images_of_rays_and_float32():
    origins = torch.randn(4, 5, 3)
    bundle = SphereBounds(CENTER, RADIUS)(rays(origins, normalize(torch.randn(4, 5, 3), dim=-1), torch.float32))
    assert bundle.nears is not None and bundle.nears.shape == (4, 5, 1) and bundle.nears.dtype == torch.float32


def test_bounds_that_are_set_stay():
    bundle = seen_from((0.0, 0.0, 0.0))
    bundle.nears, bundle.fars = torch.tensor([[0.25]]), torch.tensor([[0.5]])
    assert bounds_of(bundle).tolist() == [[0.25, 0.5]]


def test_bounds_carry_no_gradient_but_the_rays_keep_theirs():
    bundle = seen_from((1.0, 0.0, -3.0))
    bundle.origins.requires_grad_()
    bounded = SphereBounds(CENTER, RADIUS)(bundle)
    assert not bounded.nears.requires_grad and not bounded.fars.requires_grad and bounded.origins.requires_grad


@pytest.mark.parametrize("training", [True, False])
def test_nerfstudios_samplers_stay_finite_on_an_empty_interval(training):
    bundle = SphereBounds(CENTER, RADIUS)(seen_from((2.0, 0.0, -3.0), (0.0, 0.0, 0.0)))
    coarse = UniformSampler(8).train(training)(bundle)
    fine = PDFSampler(6, include_original=False).train(training)(bundle, coarse, torch.zeros(2, 8, 1))
    for samples in (coarse, fine):
        assert samples.frustums.get_positions().isfinite().all()
        assert samples.deltas[0].abs().max() < 1e-5 < samples.deltas[1].min()


@pytest.mark.parametrize("radius", [0.0, -1.0, math.nan, math.inf])
def test_a_radius_that_is_none_is_refused(radius):
    with pytest.raises(InputError, match=f"radius {radius}: give a positive number"):
        SphereBounds(CENTER, radius)


@pytest.mark.parametrize("center", [torch.zeros(2), torch.tensor([0.0, math.nan, 0.0]), torch.zeros(1, 3)])
def test_a_center_that_is_none_is_refused(center):
    with pytest.raises(InputError, match="three finite numbers"):
        SphereBounds(center, 1.0)
