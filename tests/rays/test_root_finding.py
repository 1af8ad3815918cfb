"""Where rays first meet a surface, against closed forms."""

import pytest
import torch
from nerfstudio.model_components.ray_samplers import UniformSampler
from rays_at_a_ball import ball, rays

from s3im_methods.rays.known_distances import KnownDistances
from s3im_methods.rays.root_finding import first_roots, known_by, sparse_march, surface_roots
from s3im_methods.rays.sphere_bounds import half_chord


def sphere(heights: torch.Tensor, count: int = 33):
    """Parallel rays along z, from -1 to 1, past a sphere of radius 0.5 at these heights, ``[R]``."""
    places = torch.linspace(-1, 1, count).expand(len(heights), -1)
    return lambda t: (t.square() + heights[:, None].square()).sqrt() - 0.5, places


def test_of_a_sphere_the_near_side_is_found():
    heights = torch.tensor([0.0, 0.1, 0.25, 0.4, 0.49])
    roots, found = first_roots(*sphere(heights), secant_steps=8)
    assert found.all()
    expected = -half_chord(heights[:, None].square(), 0.5)
    torch.testing.assert_close(roots, expected, rtol=0, atol=1e-4)


def test_each_secant_step_comes_nearer():
    heights = torch.linspace(0, 0.45, 50)
    expected = -half_chord(heights[:, None].square(), 0.5)
    errors = [(first_roots(*sphere(heights, 9), steps)[0] - expected).abs().max().item() for steps in (0, 2, 4, 8)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 1e-2 and errors[3] < 1e-4


def test_a_step_in_place_of_a_slope_is_found_too():
    """A value that jumps gives the secant nothing to go by."""
    roots, found = first_roots(
        lambda t: torch.where(t < 0.3, 1.0, -1e-3), torch.linspace(0, 1, 9)[None], secant_steps=16
    )
    assert found.item() and roots.item() == pytest.approx(0.3, abs=1e-3)


def test_rays_that_miss_have_none_and_end_at_the_last_place():
    roots, found = first_roots(*sphere(torch.tensor([0.6, 3.0])), secant_steps=4)
    assert not found.any()
    assert roots.tolist() == [[1.0], [1.0]]


def test_rays_that_begin_inside_have_none():
    values_at, places = sphere(torch.tensor([0.1]))
    # Beginning inside the near ball, leaving it, and entering another one.
    two = lambda t: torch.minimum(values_at(t), (t - 3).abs() - 0.5)  # noqa: E731
    assert not first_roots(two, torch.linspace(0, 4, 33)[None], 4)[1].any()
    assert first_roots(two, places, 4)[1].all()


def test_of_two_walls_the_first_one_counts():
    roots, _ = first_roots(lambda t: -torch.sin(torch.pi * t), torch.linspace(1.1, 5.2, 42)[None], secant_steps=8)
    assert roots.item() == pytest.approx(2.0, abs=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_a_flat_field_gives_finite_distances(value):
    roots, found = first_roots(lambda t: torch.full_like(t, value), torch.linspace(0, 1, 5).expand(3, -1), 4)
    assert roots.isfinite().all() and not found.any()


def test_it_carries_no_gradient_and_asks_as_often_as_it_says():
    shift, asked = torch.zeros(1, requires_grad=True), []

    def wall(t):
        asked.append(t.shape[1])
        return 0.5 + shift - t

    roots, _ = first_roots(wall, torch.linspace(0, 1, 7)[None], secant_steps=3)
    assert not roots.requires_grad
    assert asked == [7, 1, 1, 1]


def marched(reach: float = 0.05, radius: float = 0.5):
    """Bins along rays at a ball, what a sparse march finds, and how many points each look had."""
    bundle, looks = rays(count=300), []
    bins = UniformSampler(num_samples=32).eval()(bundle)

    def sdf(points: torch.Tensor) -> torch.Tensor:
        looks.append(len(points))
        return ball(points, radius)

    return bundle, bins, sparse_march(bins, sdf, 3, reach), looks


def test_a_sparse_march_finds_the_same_roots_with_a_third_of_the_looks():
    _, bins, march, looks = marched()
    counts = []
    roots, found = surface_roots(bins, lambda points: counts.append(len(points)) or ball(points), 3)
    assert torch.equal(march.found, found) and 50 < found.sum() < 250
    torch.testing.assert_close(march.roots[found], roots[found], rtol=0, atol=1e-5)
    # The secant's looks are on rays that have a root.
    assert looks[-3:] == [int(found.sum())] * 3 and counts[-3:] == [300] * 3
    assert sum(looks) < 0.45 * sum(counts)


def test_a_march_without_a_surface_has_no_root():
    _, _, march, _ = marched(radius=-1.0)
    assert not march.found.any() and march.places.shape == march.values.shape == (300, 34)
    assert (march.places.diff(dim=1) >= -1e-6).all()


def test_the_root_is_one_more_place_with_the_value_0():
    _, _, march, _ = marched()
    assert (march.places.diff(dim=1) >= -1e-6).all()
    at_root = march.places == march.roots
    assert (march.values[at_root & march.found] == 0).all()
    assert ((at_root & (march.values == 0)).sum(dim=1, keepdim=True)[march.found] == 1).all()


@pytest.mark.parametrize("fine", [0.0, 1.0])
def test_what_a_march_knows_of_samples_is_near_to_the_truth_and_exact_where_that_matters(fine):
    bundle, _, march, _ = marched()
    samples, looks = UniformSampler(num_samples=50).eval()(bundle), []
    noted = known_by(march, samples, lambda points: looks.append(len(points)) or ball(points), 0.05, fine)
    known = KnownDistances.of(noted)
    assert known is not None
    middles = samples.frustums.get_positions()
    truth = ball(middles)
    at = ((samples.frustums.starts + samples.frustums.ends) / 2)[..., 0]
    # Up to the surface, and a little behind it.
    assert bundle.nears is not None and bundle.fars is not None
    seen = (bundle.fars > bundle.nears) & ((at < march.roots + 0.03) | ~march.found)
    error = (known.middle - truth).abs()
    assert error[seen & (truth.abs() < 0.05)].max() < (5e-3 if fine == 0 else 0.02)
    assert error[seen].max() < 0.1
    assert (sum(looks) > 0) == (fine == 0)
    assert sum(looks) < 0.3 * truth.numel()
