"""A coarse grid's distances never lead past the surface, and spare the field where it is far."""

import torch

from s3im_methods.rays.coarse_distances import CoarseDistances
from s3im_methods.rays.sphere_tracing import Lines, Tracing, trace

CENTER, RADIUS = torch.tensor([1.0, 0.0, -2.0]), 2.0


def ball(points: torch.Tensor) -> torch.Tensor:
    return (points - CENTER).norm(dim=-1) - 1.1


def points(count: int = 5000, spread: float = 2.5) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return CENTER + spread * (2 * torch.rand(count, 3, generator=random) - 1)


def test_they_are_on_the_side_of_the_true_ones_and_no_larger():
    grid = CoarseDistances(ball, CENTER, RADIUS, 24)
    found, true = grid(points()), ball(points())
    assert (found.sign() == true.sign()).all()
    assert (found.abs() <= true.abs() + 1e-5).all()
    # What is lost is a cell's diagonal at most.
    assert (true.abs() - found.abs()).max() < 2 * grid.half_diagonal + 1e-5


def test_near_the_surface_and_outside_the_cube_they_are_the_fields_own():
    grid = CoarseDistances(ball, CENTER, RADIUS, 24)
    at = points()
    own = (ball(at).abs() < grid.half_diagonal) | ((at - CENTER).abs() > RADIUS).any(dim=-1)
    assert own.sum() > 500 and torch.equal(grid(at)[own], ball(at)[own])


def test_rays_meet_what_they_met_without_the_grid_for_fewer_evaluations():
    counts = {"field": 0, "grid": 0}

    def counted(kind):
        def sdf(at):
            counts[kind] += len(at)
            return ball(at)

        return sdf

    grid = CoarseDistances(counted("grid"), CENTER, RADIUS, 48)
    assert counts["grid"] == 48**3
    counts["grid"] = 0
    origins = CENTER + 5 * torch.nn.functional.normalize(points() - CENTER, dim=-1)
    directions = torch.nn.functional.normalize(points().flip(0) - origins, dim=-1)
    lines = Lines(origins, directions, torch.full((5000,), 2.0), torch.full((5000,), 8.0))
    plain = trace(counted("field"), lines, Tracing(near=8e-3))
    coarse = trace(grid, lines, Tracing(near=8e-3))
    assert plain.found.sum() > 500
    assert (plain.found != coarse.found).sum() < 10
    both = plain.found & coarse.found
    assert (plain.distances - coarse.distances)[both].abs().max() < 1e-3
    assert counts["grid"] < 0.7 * counts["field"]
