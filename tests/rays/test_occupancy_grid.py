"""Which cells may hold something of a surface."""

import copy

import torch

from s3im_methods.rays.occupancy_grid import REFRESH_EVERY, OccupancyGrid

REACH = torch.tensor([0.05])


def sphere(points: torch.Tensor) -> torch.Tensor:
    return points.norm(dim=-1) - 0.5


def grid_of_sphere(resolution: int = 32) -> OccupancyGrid:
    grid = OccupancyGrid(resolution, step=1 / 64)
    grid.refresh(0, sphere, REACH)
    return grid


def points(count: int = 20_000) -> torch.Tensor:
    return 2 * torch.rand(count, 3, generator=torch.Generator().manual_seed(0)) - 1


def test_at_first_all_of_the_sphere_may_hold_something():
    places = points()
    assert OccupancyGrid(32, 1 / 64).holds(*places.unbind(-1))[places.norm(dim=-1) < 1].all()


def test_no_point_within_reach_of_the_surface_is_left_out():
    places = points()
    held = grid_of_sphere().holds(*places.unbind(-1))
    distance = sphere(places)
    assert held[distance.abs() < REACH].all()
    # Nor of what a step that crosses the surface may end in.
    grid = grid_of_sphere()
    depth = -sphere(grid.middles(torch.arange(32**3)))
    assert grid.occupied[(depth > 0) & (depth < REACH + 3**0.5 / 32 + 2 / 64 - 1e-4)].all()
    # The cell's diagonal is 0.108; what is farther away, outside and deep inside, is empty.
    assert not held[distance > REACH + 0.11].any()
    assert not held[distance < -(REACH + 0.11 + 2 / 64)].any()


def test_a_refresh_evaluates_a_quarter_of_the_cells_and_four_see_a_new_surface():
    grid = grid_of_sphere()
    counts = []

    def moved(places: torch.Tensor) -> torch.Tensor:
        counts.append(len(places))
        return places.norm(dim=-1) - 0.7

    fresh = OccupancyGrid(32, 1 / 64)
    fresh.refresh(0, moved, REACH)
    for step in range(1, 4 * REFRESH_EVERY + 1):
        grid.refresh(step, moved, REACH)
    assert len(counts) == 5
    assert all(abs(count - counts[0] / 4) < 0.01 * counts[0] for count in counts[1:])
    assert torch.equal(grid.occupied, fresh.occupied)


def test_what_a_checkpoint_holds_goes_on_as_it_was():
    grid = grid_of_sphere()
    other = OccupancyGrid(32, 1 / 64)
    other.load_state_dict(copy.deepcopy(grid.state_dict()))
    for each in (grid, other):
        each.refresh(REFRESH_EVERY, lambda places: sphere(places) + 0.1, REACH)
    assert torch.equal(grid.occupied, other.occupied) and torch.equal(grid.sdf, other.sdf)


def test_a_sharper_surface_needs_fewer_cells():
    wide, narrow = (grid_of_sphere(64) for _ in range(2))
    wide.refresh(REFRESH_EVERY, sphere, torch.tensor([0.3]))
    narrow.refresh(REFRESH_EVERY, sphere, torch.tensor([0.02]))
    assert narrow.occupied.sum() < 0.3 * wide.occupied.sum()


def test_points_on_the_cubes_faces_belong_to_the_cells_behind_them():
    grid = OccupancyGrid(4, 1 / 64)
    grid.occupied[:] = False
    for side, cell in ((-1.0, 0), (1.0, 3)):
        grid.occupied[cell * 16 + 2 * 4 + 1] = True
        x, y, z = (torch.tensor([value]) for value in (side, 0.1, -0.1))
        assert grid.holds(x, y, z).item() and grid.holds(1.001 * x, y, z).item()
        assert not grid.holds(z, y, x).item()
