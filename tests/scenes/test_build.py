"""The default scenes as built: free-standing cameras, a closed room, an object that fits into every view."""

import numpy as np
import pytest

from s3im_methods.errors import InputError
from s3im_methods.scenes.build import build_scene
from s3im_methods.scenes.cameras import dome_poses
from s3im_methods.scenes.config import ObjectConfig, RoomConfig


@pytest.mark.parametrize("seed", [0, 5])
def test_room_is_closed_and_its_cameras_keep_their_distance(seed):
    scene = build_scene(RoomConfig(width=32, height=24, seed=seed, light_samples=1))
    cameras = scene.train + scene.test
    assert (len(scene.train), len(scene.test)) == (60, 8)
    assert scene.solid.distance(np.array([c.origin for c in cameras])).min() >= 0.4
    seen = np.zeros(len(scene.solid.emission), dtype=bool)
    for camera in cameras:
        view = scene.renderer.render(camera, 1)
        assert view.depth.min() > 0.3
        assert view.depth.max() < 5.0
        rays = camera.directions(*(x.ravel() + 0.5 for x in np.mgrid[:24, :32]))
        seen[scene.solid.surface[scene.solid.cast(camera.origin, rays).triangle]] = True
        assert 40 < view.colour.mean() < 215
    areas = np.bincount(scene.solid.surface, minlength=len(seen))
    # All but hidden and tiny faces are seen by some camera.
    assert areas[seen].sum() > 0.9 * areas.sum()


def test_object_lies_inside_every_view():
    scene = build_scene(ObjectConfig(width=40, height=40, light_samples=1))
    for camera in scene.train + scene.test:
        alpha = scene.renderer.render(camera, 1).alpha
        assert not (alpha[[0, -1]].any() or alpha[:, [0, -1]].any())
        assert 0.08 < (alpha > 0).mean() < 0.6


def test_a_bad_config_is_refused_before_any_work():
    with pytest.raises(InputError, match=r"--width is 0"):
        build_scene(RoomConfig(width=0))


@pytest.mark.parametrize(("train", "test"), [(8, 8), (8, 7), (3, 20), (2, 2), (40, 8)])
def test_no_two_views_of_a_dome_are_one(train, test):
    """More test views than gaps between training views used to share places."""
    first, second = dome_poses(train, test, 0, 2.0, [0, 0, 1])
    poses = np.array([*first, *second])[:, :3, 3]
    apart = np.linalg.norm(poses[:, None] - poses[None], axis=-1) + 9 * np.eye(len(poses))
    assert apart.min() > 0.01
