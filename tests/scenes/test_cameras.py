"""Axes, pixel centres and paths of the cameras."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3im_methods.scenes.cameras import Camera, dome_poses, look_at, room_poses

MIDDLE = np.array([-0.1, -0.1, 1.35])


def _free(_point):
    return 9.0


@given(st.tuples(*[st.floats(-2, 2)] * 3), st.floats(0, 6.28), st.floats(-1.4, 1.4))
def test_look_at_is_a_level_rigid_pose(position, azimuth, elevation):
    forward = np.array([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)])
    pose = look_at(position, np.asarray(position) + 1.7 * forward)
    turn = pose[:3, :3]
    assert np.allclose(turn.T @ turn, np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1)
    assert np.allclose(-turn[:, 2], forward)
    assert turn[2, 0] == pytest.approx(0, abs=1e-9)
    assert turn[2, 1] > 0
    assert np.allclose(pose[:3, 3], position)


def test_directions_have_unit_depth_and_image_axes():
    camera = Camera(look_at((0, 0, 0), (0, 1, 0)), focal=10.0, width=8, height=6)
    centre, right, below = camera.directions(np.array([3.0, 3.0, 4.0]), np.array([4.0, 5.0, 4.0]))
    assert centre == pytest.approx([0, 1, 0])
    assert right == pytest.approx([0.1, 1, 0])
    assert below == pytest.approx([0, 1, -0.1])


def test_room_walk_is_seeded_and_keeps_its_distance():
    def clearance(point):
        return float(np.linalg.norm(point - [1.2, -0.1, 1.4]))

    train, test = room_poses(40, 10, 3, clearance)
    assert (len(train), len(test)) == (40, 10)
    assert all(clearance(pose[:3, 3]) >= 0.45 for pose in train + test)
    assert np.array_equal(train, room_poses(40, 10, 3, clearance)[0])
    assert not np.allclose(train, room_poses(40, 10, 4, clearance)[0])


def test_room_walk_without_room_stays_in_the_middle():
    train, _ = room_poses(4, 1, 0, lambda _point: 0.0)
    assert all(np.allclose(pose[:3, 3], MIDDLE) for pose in train)


@pytest.mark.parametrize(("train_views", "test_views"), [(60, 8), (60, 59), (20, 40)])
@pytest.mark.parametrize("paths", ["room", "dome"])
def test_test_views_lie_among_the_training_views(paths, train_views, test_views):
    if paths == "room":
        train, test = room_poses(train_views, test_views, 0, _free)
    else:
        train, test = dome_poses(train_views, test_views, 0, 2.0, (0, 0, 0))
    train, test = np.array(train), np.array(test)
    # On a dome a few cameras do not reach as far to all sides as those between them, but up and down they do.
    axes, margin = ([0, 1, 2], 0.1) if paths == "room" else ([2], 0.0)
    low, high = train[:, axes, 3].min(axis=0) - margin, train[:, axes, 3].max(axis=0) + margin
    assert ((test[:, axes, 3] > low) & (test[:, axes, 3] < high)).all()
    assert paths == "room" or np.allclose(np.linalg.norm(test[:, :3, 3], axis=1), 2)
    # Between neighbours, yet never a copy of one: compare with the spacing of the training views themselves.
    gap = np.linalg.norm(test[:, None, :3, 3] - train[None, :, :3, 3], axis=-1).min(axis=1)
    spacing = np.linalg.norm(train[:, None, :3, 3] - train[None, :, :3, 3], axis=-1)
    spacing = np.where(np.eye(train_views) == 1, np.inf, spacing).min(axis=1).max()
    assert (gap > 1e-3).all()
    assert (gap < 1.5 * spacing).all()


def test_smallest_counts():
    for poses in (room_poses(2, 1, 0, _free), dome_poses(2, 1, 0, 2.0, (0, 0, 0))):
        assert [len(part) for part in poses] == [2, 1]
        assert np.isfinite(poses[0]).all()


def test_dome_looks_at_the_centre_from_above():
    for pose in chain(*dome_poses(30, 5, 1, 2.0, (0.1, 0, 0))):
        assert np.linalg.norm(pose[:3, 3] - [0.1, 0, 0]) == pytest.approx(2.0)
        assert np.allclose(pose[:3, 3] - 2.0 * pose[:3, 2], [0.1, 0, 0])
        assert 0 < pose[2, 3] < 2.0 * np.sin(np.radians(66))
