"""Rays meet spheres and planes where they should, in few evaluations; silhouettes cover what they should of a pixel."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from s3im_methods.rays.sphere_tracing import Lines, Tracing, coverage, trace

EXACT = Tracing(near=1e-3, steps=400, refinements=30)


def ball(points: torch.Tensor, radius: float = 1.0) -> torch.Tensor:
    return points.norm(dim=-1) - radius


def lines(count: int = 500, spread: float = 0.8, distance: float = 3.0) -> Lines:
    random = torch.Generator().manual_seed(0)
    origins = distance * normalize(torch.randn(count, 3, generator=random, dtype=torch.float64), dim=-1)
    targets = spread * torch.randn(count, 3, generator=random, dtype=torch.float64)
    directions = normalize(targets - origins, dim=-1)
    return Lines(origins, directions, torch.zeros(count).double(), torch.full((count,), 8.0).double())


def closed_form(of: Lines, radius: float = 1.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Where rays from outside enter the ball, how near they come to its middle, and where."""
    middle = -(of.origins * of.directions).sum(-1)
    aside = of.at(middle).norm(dim=-1)
    return middle - (radius * radius - aside.square()).clamp(min=0).sqrt(), aside, middle


def test_roots_are_exact():
    rays = lines()
    found = trace(ball, rays, EXACT)
    enters, aside, middle = closed_form(rays)
    hits = (aside < 1) & (middle > 0)
    # A ray that grazes less deeply than a step may go unnoticed.
    clear = (aside - 1).abs() > 1e-6
    assert hits.sum() > 200 and (~hits).sum() > 50 and clear.sum() > 490
    assert torch.equal(found.found[clear], hits[clear]) and not found.lost.any()
    assert (found.distances - enters)[hits & clear].abs().max() < 1e-9


def test_rays_that_miss_tell_how_close_they_come_and_where():
    rays = lines(spread=1.5)
    found = trace(ball, rays, Tracing(near=1e-3, steps=400))
    _, aside, middle = closed_form(rays)
    passes = (aside > 1.01) & (middle > 0) & (aside < 1.5)
    assert passes.sum() > 50 and not found.found[passes].any()
    assert (found.closest - (aside - 1))[passes].amin() > -1e-12
    assert (found.closest - (aside - 1))[passes].max() < 0.1
    near = passes & (aside < 1.05)
    assert near.sum() > 3 and (found.closest - (aside - 1))[near].max() < 2e-3
    assert (found.distances - middle)[near].abs().max() < 0.1


def test_rays_without_length_meet_nothing_and_are_not_evaluated():
    rays = lines(10)
    rays.fars = rays.nears.clone()
    found = trace(lambda points: pytest.fail("evaluated"), rays, EXACT)
    assert not found.found.any() and not found.lost.any() and torch.equal(found.distances, rays.fars)


def test_a_surface_beyond_the_far_end_is_not_met():
    rays = lines(200, spread=0.2)
    rays.fars = torch.full_like(rays.fars, 1.9)
    assert not trace(ball, rays, EXACT).found.any()
    rays.nears = torch.full_like(rays.nears, 4.5)
    rays.fars = torch.full_like(rays.fars, 8.0)
    assert not trace(ball, rays, EXACT).found.any()


def test_a_camera_inside_sees_what_it_enters_next():
    origins = torch.zeros(3, 3).double()
    directions = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]).double()
    rays = Lines(origins, directions, torch.zeros(3).double(), torch.full((3,), 6.0).double())

    def ball_and_wall(points):
        return torch.minimum(ball(points), 3.0 - points[:, 2])

    found = trace(ball_and_wall, rays, EXACT)
    assert found.found.tolist() == [True, False, False]
    assert found.distances[0].item() == pytest.approx(3.0, abs=1e-9)
    # In a hollow ball all around is met.
    found = trace(lambda points: -ball(points), rays, EXACT)
    assert found.found.all() and found.distances.tolist() == pytest.approx([1.0] * 3, abs=1e-9)


def test_fields_that_are_not_quite_distances_are_met_too():
    rays = lines(spread=0.3)
    enters, aside, _ = closed_form(rays)
    deep = aside < 0.9
    for scale in (0.5, 1.1):
        found = trace(lambda points, scale=scale: scale * ball(points), rays, EXACT)
        assert found.found[deep].all()
        assert (found.distances - enters)[deep].abs().max() < 1e-8


def test_the_number_of_evaluations_is_bounded():
    """A count in place of a time: what a ray costs does not depend on the machine."""
    for spread, most in ((0.2, 12), (0.8, 20)):
        rays, counted = lines(2000, spread), []
        trace(lambda points, counted=counted: counted.append(len(points)) or ball(points), rays, Tracing(near=4e-3))
        assert sum(counted) / 2000 < most
    # Grazing a plane for ever is given up.
    origins = torch.tensor([[0.0, 0.0, 1e-4]]).double()
    rays = Lines(origins, torch.tensor([[1.0, 0.0, 0.0]]).double(), torch.zeros(1).double(), torch.ones(1).double())
    counted = []
    found = trace(lambda points: counted.append(1) or points[:, 2], rays, Tracing(near=1e-3, steps=30))
    assert found.lost.all() and not found.found.any() and len(counted) == 30


def test_silhouettes_cover_the_share_of_a_pixel_that_a_straight_outline_would():
    """Rays along z at a large ball, each a pixel 0.01 wide: the outline is all but straight within it."""
    aside = torch.tensor([0.98, 0.997, 0.999, 1.0005, 1.002, 1.004, 1.02]).double()
    origins = torch.stack([aside, torch.zeros_like(aside), torch.full_like(aside, -3)], dim=-1)
    directions = torch.tensor([0.0, 0.0, 1.0]).double().expand(7, 3)
    rays = Lines(origins, directions, torch.zeros(7).double(), torch.full((7,), 6.0).double())
    settings, widths = Tracing(near=1e-3, steps=400), torch.full((7,), 0.01).double()
    found = trace(ball, rays, settings)
    covered = coverage(ball, rays, found, widths, settings)
    expected = (0.5 - (aside - 1) / widths).clamp(0, 1)
    assert (covered - expected).abs().max() < 0.07
    assert covered[0] == 1 and covered[-1] == 0


def test_before_more_of_the_surface_a_silhouette_covers_its_pixel():
    def ball_and_wall(points):
        return torch.minimum(ball(points), 3.0 - points[:, 2])

    origins = torch.tensor([[0.9995, 0.0, -3.0], [0.9995, 0.0, -3.0]]).double()
    directions = torch.tensor([0.0, 0.0, 1.0]).double().expand(2, 3)
    rays = Lines(origins, directions, torch.zeros(2).double(), torch.tensor([9.0, 4.0]).double())
    settings, widths = Tracing(near=1e-3, steps=400), torch.full((2,), 0.01).double()
    covered = coverage(ball_and_wall, rays, trace(ball_and_wall, rays, settings), widths, settings)
    assert covered[0] == 1 and covered[1].item() == pytest.approx(0.55, abs=0.03)
    assert math.isclose(rays.fars[1].item(), 4.0)


def test_a_solid_whose_distance_is_0_is_met():
    rays = lines(20, spread=0.1)
    found = trace(lambda points: ball(points).clamp(min=0), rays, EXACT)
    assert found.found.all() and (found.distances - closed_form(rays)[0]).abs().max() < 1e-3
