"""Alignment finds the transform that was applied, and only of the kind that it may."""

import numpy as np
import pytest
import trimesh

from s3im_methods.metrics.surface import sample_surface
from s3im_methods.metrics.surface_alignment import align


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
    return sample_surface(mesh.vertices, mesh.faces, 10_000, seed).points


MOVES = {
    "translation": trimesh.transformations.translation_matrix([0.05, -0.04, 0.06]),
    "rigid": trimesh.transformations.rotation_matrix(0.12, [1, 2, 3], [0.1, 0.2, 0]),
    "similarity": trimesh.transformations.rotation_matrix(0.1, [3, 1, 2]) @ np.diag([1.12, 1.12, 1.12, 1]),
}


@pytest.mark.parametrize("freedom", MOVES)
def test_the_move_is_undone(chair, freedom):
    fixed = points(chair, 0)
    moving = trimesh.transform_points(points(chair, 1), MOVES[freedom])
    found = align(moving, fixed, freedom)
    assert found @ MOVES[freedom] == pytest.approx(np.eye(4), abs=5e-3)


def test_what_may_not_change_stays(chair):
    moving = trimesh.transform_points(points(chair, 1), MOVES["similarity"])
    assert np.array_equal(align(moving, points(chair, 0), "none"), np.eye(4))
    assert np.array_equal(align(moving, points(chair, 0), "translation")[:3, :3], np.eye(3))
    turn = align(moving, points(chair, 0), "rigid")[:3, :3]
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-6)


def test_what_only_one_surface_has_does_not_pull(chair):
    """A part that the reference lacks, a fifth of the prediction, and size is free to change."""
    extra = trimesh.creation.box((0.5, 0.5, 0.5), trimesh.transformations.translation_matrix([0, -0.3, 1.2]))
    moving = np.concatenate([points(chair, 1), points(extra, 2)[:2500]]) + np.array([0.03, 0.02, 0])
    found = align(moving, points(chair, 0), "similarity")
    assert found[:3, :3] == pytest.approx(np.eye(3), abs=0.01)
    assert found[:3, 3] == pytest.approx([-0.03, -0.02, 0], abs=0.01)
