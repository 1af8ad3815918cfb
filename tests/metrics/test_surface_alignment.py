"""Alignment finds the transform that was applied, and only of the kind that it may."""

import numpy as np
import pytest
import trimesh

from s3im_methods.metrics.surface import sample_surface
from s3im_methods.metrics.surface_alignment import align, axis_turns


@pytest.fixture(scope="module")
def chair():
    """Without symmetry, so that there is one right answer."""
    return trimesh.util.concatenate(
        [
            trimesh.creation.box((1.0, 1.2, 0.2)),
            trimesh.creation.box((1.0, 0.1, 1.5), trimesh.transformations.translation_matrix([0, 0.55, 0.75])),
            trimesh.creation.box((0.3, 0.3, 0.8), trimesh.transformations.translation_matrix([0.3, -0.3, -0.4])),
        ]
    )


def points(mesh, seed):
    return sample_surface(mesh.vertices, mesh.faces, 5_000, seed).points


MOVES = {
    "translation": trimesh.transformations.translation_matrix([0.05, -0.04, 0.06]),
    "rigid": trimesh.transformations.rotation_matrix(0.12, [1, 2, 3], [0.1, 0.2, 0]),
    "similarity": trimesh.transformations.rotation_matrix(0.1, [3, 1, 2]) @ np.diag([1.12, 1.12, 1.12, 1]),
}


@pytest.mark.parametrize("freedom", MOVES)
def test_the_move_is_undone(chair, freedom):
    fixed = points(chair, 0)
    moving = trimesh.transform_points(points(chair, 1), MOVES[freedom])
    found = align(moving, fixed, freedom).transform
    assert found @ MOVES[freedom] == pytest.approx(np.eye(4), abs=5e-3)


def test_what_may_not_change_stays(chair):
    moving = trimesh.transform_points(points(chair, 1), MOVES["similarity"])
    assert np.array_equal(align(moving, points(chair, 0), "none").transform, np.eye(4))
    assert np.array_equal(align(moving, points(chair, 0), "translation").transform[:3, :3], np.eye(3))
    turn = align(moving, points(chair, 0), "rigid").transform[:3, :3]
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-6)


def test_what_only_one_surface_has_does_not_pull(chair):
    """A part that the reference lacks, a fifth of the prediction, and size is free to change."""
    extra = trimesh.creation.box((0.5, 0.5, 0.5), trimesh.transformations.translation_matrix([0, -0.3, 1.2]))
    moving = np.concatenate([points(chair, 1), points(extra, 2)[:1250]]) + np.array([0.03, 0.02, 0])
    found = align(moving, points(chair, 0), "similarity").transform
    assert found[:3, :3] == pytest.approx(np.eye(3), abs=0.01)
    assert found[:3, 3] == pytest.approx([-0.03, -0.02, 0], abs=0.01)


TURNS = {
    "right angle": trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]),
    "half turn": trimesh.transformations.rotation_matrix(np.pi, [0, 0, 1], [3, -2, 0]),
    "anyhow": trimesh.transformations.rotation_matrix(2.1, [1, -2, 0.5], [-1, 0.2, 4]),
}


@pytest.mark.parametrize("turn", TURNS)
def test_large_turns_are_undone(chair, turn):
    """Closest points alone end in a wrong minimum from there."""
    moving = trimesh.transform_points(points(chair, 1), TURNS[turn])
    move = align(moving, points(chair, 0), "rigid")
    assert move.transform @ TURNS[turn] == pytest.approx(np.eye(4), abs=5e-3)
    true = np.degrees(trimesh.transformations.rotation_from_matrix(TURNS[turn])[0])
    assert move.angle == pytest.approx(abs(true), abs=0.5)
    assert move.scale == pytest.approx(1)
    # Points of two samples lie about that far apart even on one surface.
    assert move.residual < 0.03


def test_units_and_axes_at_once(chair):
    moving = 1000 * trimesh.transform_points(points(chair, 1), TURNS["anyhow"])
    move = align(moving, points(chair, 0), "similarity")
    assert move.scale == pytest.approx(1e-3, rel=3e-3)
    assert move.residual < 0.03


def test_of_turns_that_fit_equally_well_the_least_is_taken():
    """A box fits itself turned by 180 degrees as well."""
    box = trimesh.creation.box((1.0, 2.0, 3.0))
    move = align(points(box, 1) + np.array([0.1, 0, 0]), points(box, 0), "rigid")
    assert move.angle < 1
    assert move.transform[:3, 3] == pytest.approx([-0.1, 0, 0], abs=5e-3)


def test_what_does_not_fit_has_a_residual(chair):
    mirrored = points(chair, 1) * [-1, 1, 1]
    fits, does_not = (align(moving, points(chair, 0), "rigid").residual for moving in (points(chair, 1), mirrored))
    assert does_not > 2 * fits


def test_right_angles():
    turns = axis_turns()
    assert turns.shape == (24, 3, 3)
    assert np.array_equal(turns[0], np.eye(3))
    assert np.linalg.det(turns) == pytest.approx(1)
    assert len(np.unique(turns.reshape(24, 9), axis=0)) == 24
