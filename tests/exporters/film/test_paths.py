"""A film's camera goes round what the training cameras look at, or through where they stood, and comes back."""

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from scipy.spatial.transform import Rotation

from s3im_methods.exporters.film.paths import film_path, look_at, loop_through

CENTRE, UP = np.array([0.5, -0.3, 0.2]), np.array([0.0, 0.0, 1.0])


def ring(azimuths: np.ndarray, distance: float = 2.0, elevation: float = 0.5) -> np.ndarray:
    """Cameras that look at the centre from a circle round it."""
    flat = np.stack([np.cos(azimuths), np.sin(azimuths), np.zeros_like(azimuths)], axis=1)
    origins = CENTRE + distance * (np.cos(elevation) * flat + np.sin(elevation) * UP)
    return np.stack([look_at(origin, CENTRE, UP) for origin in origins])


def cameras(poses: np.ndarray) -> Cameras:
    return Cameras(torch.tensor(poses, dtype=torch.float32), 60.0, 60.0, 24.0, 18.0, 48, 36)


def azimuths_of(poses: np.ndarray) -> np.ndarray:
    offsets = poses[:, :, 3] - CENTRE
    return np.arctan2(offsets[:, 1], offsets[:, 0])


def assert_rotations(poses: np.ndarray) -> None:
    turns = poses[:, :, :3]
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(turns), 1.0)


def test_an_object_seen_from_all_around_is_orbited():
    poses, what = film_path(cameras(ring(np.linspace(0, 2 * np.pi, 12, endpoint=False))), 8)
    assert what == "an orbit" and poses.shape == (8, 3, 4)
    assert_rotations(poses)
    offsets = poses[:, :, 3] - CENTRE
    np.testing.assert_allclose(np.linalg.norm(offsets, axis=1), 2.0, rtol=1e-5)
    np.testing.assert_allclose(offsets[:, 2], 2.0 * np.sin(0.5), rtol=1e-5)
    # Each looks at the centre, upright, and the steps are equal.
    np.testing.assert_allclose(poses[:, :, 2], offsets / 2.0, atol=1e-5)
    assert (poses[:, 2, 1] > 0).all() and np.abs(poses[:, 2, 0]).max() < 1e-6
    np.testing.assert_allclose(np.diff(np.unwrap(azimuths_of(poses))), np.full(7, np.pi / 4), rtol=1e-5)


@pytest.mark.parametrize("begin", [-1.0, 2.5])
def test_where_no_camera_stood_the_film_does_not_go(begin):
    width = np.radians(130)
    poses, what = film_path(cameras(ring(begin + np.linspace(0, width, 14))), 40)
    assert what == "back and forth over 130 degrees, where the training cameras are"
    along = (azimuths_of(poses) - begin + np.pi) % (2 * np.pi) - np.pi
    assert along.min() == pytest.approx(0.0, abs=1e-5) and along.max() == pytest.approx(width, abs=1e-5)
    assert np.abs(np.diff(np.append(along, along[0]))).max() < 0.2


def room(count: int, seed: int = 0) -> np.ndarray:
    """Cameras all over a room that look anywhere."""
    random = np.random.default_rng(seed)
    turns = Rotation.from_euler("z", random.uniform(0, 360, (count, 1)), degrees=True).as_matrix()
    return np.concatenate([turns, random.uniform([-2, -1, 0.9], [2, 1, 1.1], (count, 3))[:, :, None]], axis=2)


def test_a_room_is_filmed_in_a_closed_smooth_loop_that_stays_where_the_cameras_were():
    trained = room(40)
    poses, what = film_path(cameras(trained), 240)
    assert what == "a loop through the training cameras"
    assert_rotations(poses)
    low, high = trained[:, :, 3].min(axis=0), trained[:, :, 3].max(axis=0)
    assert (poses[:, :, 3] >= low - 1e-6).all() and (poses[:, :, 3] <= high + 1e-6).all()
    closed = np.concatenate([poses, poses[:1]])
    assert np.linalg.norm(np.diff(closed[:, :, 3], axis=0), axis=1).max() < 0.15
    turns = Rotation.from_matrix(closed[:, :, :3])
    assert np.degrees((turns[:-1].inv() * turns[1:]).magnitude()).max() < 15
    # It visits places that are far apart.
    assert np.linalg.norm(np.ptp(poses[:, :, 3], axis=0)) > 0.8 * np.linalg.norm(high - low)


def test_the_loop_begins_near_the_first_camera_and_takes_a_short_way():
    corners = np.array([[0, 0], [1, 1], [1, 0], [0, 1]], dtype=float)
    poses = np.tile(np.eye(3, 4), (4, 1, 1))
    poses[:, :2, 3] = corners
    path = loop_through(poses, 400)
    assert np.linalg.norm(path[0, :, 3]) < 0.3
    # Round the square, with round corners, and not across it: that would be 4.83.
    steps = np.linalg.norm(np.diff(np.concatenate([path, path[:1]])[:, :, 3], axis=0), axis=1)
    assert 3.2 < steps.sum() < 4.0
    # At an even pace.
    assert steps.max() < 1.2 * steps.mean()


def test_one_camera_and_cameras_in_one_place_give_a_still():
    for trained in (room(1), np.repeat(room(1), 5, axis=0)):
        np.testing.assert_allclose(loop_through(trained, 3), np.repeat(trained[:1], 3, axis=0))


def test_the_path_can_be_chosen():
    around = ring(np.linspace(0, 2 * np.pi, 12, endpoint=False))
    assert film_path(cameras(around), 4, "loop")[1] == "a loop through the training cameras"
    assert film_path(cameras(room(40)), 4, "orbit")[1] == "an orbit"
