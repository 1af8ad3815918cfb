"""What cameras see of a surface."""

import numpy as np
import pytest
import torch
import trimesh
from nerfstudio.cameras.cameras import Cameras, CameraType

from s3im_methods.errors import InputError
from s3im_methods.metrics.surface import sample_surface
from s3im_methods.metrics.surface_visibility import Occluder, check_perspective, seen_by

BALL = trimesh.creation.icosphere(5)
POINTS = sample_surface(BALL.vertices, BALL.faces, 50_000, 0).points
OCCLUDER = Occluder(BALL.vertices, BALL.faces)


def cameras(*poses, focal=20.0, kind=CameraType.PERSPECTIVE):
    return Cameras(
        torch.tensor(np.stack(poses)[:, :3], dtype=torch.float32), focal, focal, 20.0, 20.0, 40, 40, None, kind
    )


def away(z: float) -> np.ndarray:
    """On the z axis, looking down."""
    return trimesh.transformations.translation_matrix([0, 0, z])


def seen(points, cameras, occluder, tolerance):
    return seen_by(points, cameras, occluder, tolerance) >= 0


def test_a_camera_sees_the_cap_that_faces_it():
    """From a distance of 4 radii the cap above z = 1/4."""
    found = seen(POINTS, cameras(away(4.0)), OCCLUDER, 1e-3)
    assert found.mean() == pytest.approx((1 - 1 / 4) / 2, abs=0.01)
    assert POINTS[found, 2].min() == pytest.approx(0.25, abs=0.05)


def test_in_map_coordinates_the_occluder_keeps_its_shape():
    """Float32 has steps of half a metre there."""
    shift = np.array([4.5e6, -5.0e5, 100.0])
    far = Occluder(BALL.vertices + shift, BALL.faces)
    eye = np.array([0.0, 0.0, 4.0])
    assert np.array_equal(far.hides(POINTS + shift, eye + shift, 1e-3), OCCLUDER.hides(POINTS, eye, 1e-3))


def test_cameras_add_up():
    below = trimesh.transformations.rotation_matrix(np.pi, [1, 0, 0]) @ away(4.0)
    found = seen_by(POINTS, cameras(away(4.0), below), OCCLUDER, 1e-3)
    assert (found >= 0).mean() == pytest.approx(0.75, abs=0.02)
    assert (found[POINTS[:, 2] > 0.3] == 0).all()
    assert (found[POINTS[:, 2] < -0.3] == 1).all()


def test_the_image_ends():
    """At four radii, a focal length of 5 widths shows 0.1 to either side of the middle per unit of distance."""
    found = POINTS[seen(POINTS, cameras(away(4.0), focal=200.0), OCCLUDER, 1e-3)]
    distance = 4.0 - found[:, 2]
    assert np.abs(found[:, :2] / distance[:, None]).max() == pytest.approx(0.1, abs=2e-3)


def test_nothing_behind_a_camera_is_seen():
    assert not seen(POINTS, cameras(away(-4.0)), OCCLUDER, 10.0).any()


def test_tolerance_lets_through_what_is_slightly_hidden():
    deeper = POINTS[POINTS[:, 2] > 0.9] * 0.95
    assert not seen(deeper, cameras(away(4.0)), OCCLUDER, 0.03).any()
    assert seen(deeper, cameras(away(4.0)), OCCLUDER, 0.1).all()


def test_other_cameras_are_refused():
    with pytest.raises(InputError, match="Measuring only what cameras see needs perspective cameras"):
        check_perspective(cameras(away(4.0), kind=CameraType.FISHEYE))
