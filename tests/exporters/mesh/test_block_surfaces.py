"""Sparse blocks and marching cubes: exact, closed, without seams, and never at the edge of what is known."""

import numpy as np
import pytest
import trimesh

from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.components import largest_components
from s3im_methods.exporters.mesh.grid import fit_grid
from s3im_methods.exporters.mesh.marching import join_blocks
from s3im_methods.exporters.mesh.memory import MemoryBudget
from s3im_methods.exporters.mesh.sparse_blocks import BLOCK, evaluate_blocks

PLENTY = MemoryBudget(2e9)


def ball(points, radius=1.0, centre=(0, 0, 0)):
    """Positive inside."""
    return (radius - np.linalg.norm(points - np.array(centre), axis=-1)).astype(np.float32)


def surface(function, grid, budget=PLENTY) -> trimesh.Trimesh:
    found = join_blocks(evaluate_blocks(function, grid, budget), grid)
    # Nothing is merged here: only vertices that are already shared count as such.
    return trimesh.Trimesh(found.vertices, found.faces, process=False, validate=False)


def test_a_grid_fills_its_box():
    grid = fit_grid([0, 0, 0], [1.0, 0.5, 0.33], 10)
    assert grid.cells == (10, 5, 3)
    assert grid.voxel == pytest.approx(0.1)
    assert grid.points(np.array([0, 0, 0])) == pytest.approx([0, 0, 0.015])
    assert grid.points(np.array(grid.cells)) == pytest.approx([1.0, 0.5, 0.315])


@pytest.mark.parametrize("resolution", [20, 64, 97])
def test_a_sphere_is_closed_and_as_large_as_it_is(resolution):
    mesh = surface(ball, fit_grid([-1.2] * 3, [1.3, 1.4, 1.2], resolution))
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.euler_number == 2
    # Outwards, so that the volume is positive.
    voxel = 2.6 / resolution
    assert mesh.volume == pytest.approx(4 / 3 * np.pi, rel=1.5 * voxel**2 + 1e-3)
    assert np.linalg.norm(mesh.vertices, axis=1) == pytest.approx(1, abs=voxel**2 + 1e-3)


def test_blocks_have_no_seams_although_the_model_answers_differently_each_time():
    """A network's answers differ in their last bits from batch to batch; so do these, and by more."""
    rng = np.random.default_rng(0)
    mesh = surface(
        lambda p: ball(p) + 1e-3 * rng.normal(size=len(p)).astype(np.float32), fit_grid([-1.2] * 3, [1.2] * 3, 96)
    )
    assert mesh.is_watertight


def test_rough_surfaces_are_closed_too():
    """Noise on a grid has every case of marching cubes, some of them with a vertex amid the cell."""

    def noise(points):
        nodes = np.round((points + 1) * 20).astype(np.int64)
        values = np.random.default_rng(1).normal(size=(41, 41, 41)).astype(np.float32)
        edge = (nodes == 0) | (nodes == 40)
        return np.where(edge.any(axis=-1), -1, values[tuple(nodes.T)]).astype(np.float32)

    mesh = surface(noise, fit_grid([-1] * 3, [1] * 3, 40))
    # Sheets may touch along an edge, so that more than two triangles share it, but none ends.
    edges, uses = np.unique(mesh.edges_sorted, axis=0, return_counts=True)
    assert len(edges) > 100_000
    assert (uses % 2 == 0).all()


def test_values_on_the_surface_itself_make_no_holes():
    """A box whose faces lie exactly on nodes."""
    mesh = surface(
        lambda p: (0.5 - np.abs(p).max(axis=-1)).round(6).astype(np.float32), fit_grid([-1] * 3, [1] * 3, 32)
    )
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(1, rel=0.01)
    assert (mesh.area_faces > 0).all()


def test_most_of_space_is_never_asked_about():
    asked = []

    def counting(points):
        asked.append(len(points))
        return ball(points)

    mesh = surface(counting, fit_grid([-2] * 3, [2] * 3, 256))
    assert mesh.is_watertight
    assert sum(asked) < 0.15 * 256**3


def test_a_part_that_the_coarse_pass_misses_is_followed_from_the_rest():
    """A rod of half a voxel's width more than one voxel, far too thin for every fourth node."""

    def rod(points):
        around = 0.022 - np.abs(points[:, :2] - 0.033).max(axis=-1)
        along = 0.85 - np.abs(points[:, 2])
        return np.maximum(np.minimum(around, along), ball(points, 0.2, (0.033, 0.033, -0.8))).astype(np.float32)

    mesh = surface(rod, fit_grid([-1.1] * 3, [1.1] * 3, 88))
    assert mesh.bounds[1, 2] > 0.8
    assert mesh.is_watertight


def test_the_box_cuts_without_a_lid():
    grid = fit_grid([-0.5, -2, -2], [2, 2, 2], 64)
    mesh = surface(ball, grid)
    assert not mesh.is_watertight
    assert mesh.bounds[0, 0] == pytest.approx(-0.5, abs=1e-6)
    at_the_edge = np.abs(mesh.triangles[..., 0] + 0.5) < 1e-6
    assert not at_the_edge.all(axis=1).any()
    # The rest of the sphere is all there: a zone of height 1.5.
    assert mesh.area == pytest.approx(2 * np.pi * 1.5, rel=0.01)


def test_there_are_no_faces_where_nothing_is_known():
    def half_known(points):
        return np.where(points[:, 0] < 0.2, np.nan, ball(points)).astype(np.float32)

    mesh = surface(half_known, fit_grid([-1.2] * 3, [1.2] * 3, 48))
    assert mesh.bounds[0, 0] >= 0.2
    assert mesh.bounds[0, 0] == pytest.approx(0.2, abs=0.06)
    assert np.linalg.norm(mesh.vertices, axis=1) == pytest.approx(1, abs=0.01)
    assert mesh.area == pytest.approx(2 * np.pi * (1 - mesh.bounds[0, 0]), rel=0.03)


def test_no_surface_gives_no_faces():
    for empty in (lambda p: np.full(len(p), -1, np.float32), lambda p: np.full(len(p), np.nan, np.float32)):
        assert len(surface(empty, fit_grid([-1] * 3, [1] * 3, 20)).faces) == 0


def test_what_does_not_fit_is_refused_with_what_fits():
    grid = fit_grid([-1.2] * 3, [1.2] * 3, 256)
    with pytest.raises(InputError, match=r"--resolution 256 needs 0\.\d GiB or more, and 0\.0 GiB of memory") as error:
        surface(ball, grid, MemoryBudget(5e7))
    fits = int(str(error.value).split(": ")[1].split()[0])
    assert 50 < fits < 256
    assert surface(ball, fit_grid([-1.2] * 3, [1.2] * 3, fits), MemoryBudget(5e7)).is_watertight
    with pytest.raises(InputError, match="--resolution 256 needs"):
        surface(ball, grid, MemoryBudget(1e6))


def test_blocks_that_do_not_divide_the_grid_are_cut_off():
    blocks = evaluate_blocks(ball, fit_grid([-1.2] * 3, [1.2] * 3, BLOCK + 4), PLENTY)
    assert {values.shape for values in blocks.values()} == {
        (x, y, z) for x in (17, 5) for y in (17, 5) for z in (17, 5)
    }


def three_balls(points):
    balls = [ball(points, 0.5, (-1, 0, 0)), ball(points, 0.3, (0.2, 0, 0)), ball(points, 0.1, (1, 0, 0))]
    return np.max(balls, axis=0)


@pytest.mark.parametrize(("count", "left"), [(1, [0.5]), (2, [0.3, 0.5]), (0, [0.1, 0.3, 0.5]), (7, [0.1, 0.3, 0.5])])
def test_the_largest_parts_are_kept(count, left):
    grid = fit_grid([-1.6, -0.6, -0.6], [1.2, 0.6, 0.6], 112)
    found = join_blocks(evaluate_blocks(three_balls, grid, PLENTY), grid)
    kept, total = largest_components(found, count)
    assert total == 3
    parts = trimesh.Trimesh(kept.vertices, kept.faces, process=False).split()
    assert sorted((part.area / 4 / np.pi) ** 0.5 for part in parts) == pytest.approx(left, rel=0.02)
    assert np.unique(kept.faces).tolist() == list(range(len(kept.vertices)))
