"""Projection matrices taken apart: against OpenCV, signs, skew, and what is no camera."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from s3im_methods.data.parsers.projection_matrix import decompose_projection


def camera(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    fx, fy = random.uniform(50, 3000, size=2)
    intrinsics = np.array(
        [[fx, random.uniform(-5, 5), 320 * random.random()], [0, fy, 240 * random.random()], [0, 0, 1]]
    )
    return (
        intrinsics,
        Rotation.from_rotvec(random.normal(size=3)).as_matrix(),
        random.normal(size=3) * 10 ** random.uniform(-2, 3),
    )


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(1e-4, 1e4), st.booleans())
def test_a_camera_comes_back_whatever_the_factor_and_its_sign(seed, factor, negative):
    intrinsics, rotation, center = camera(seed)
    projection = intrinsics @ np.column_stack([rotation, -rotation @ center])
    found = decompose_projection((-factor if negative else factor) * projection)
    np.testing.assert_allclose(found.intrinsics, intrinsics, rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-8)
    np.testing.assert_allclose(found.center, center, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_it_agrees_with_opencv(seed):
    intrinsics, rotation, center = camera(seed)
    projection = intrinsics @ np.column_stack([rotation, -rotation @ center])
    their_intrinsics, their_rotation, their_center = cv2.decomposeProjectionMatrix(projection)[:3]
    found = decompose_projection(projection)
    np.testing.assert_allclose(found.intrinsics, their_intrinsics / their_intrinsics[2, 2], rtol=1e-6, atol=1e-5)
    np.testing.assert_allclose(found.rotation, their_rotation, atol=1e-8)
    np.testing.assert_allclose(found.center, (their_center[:3] / their_center[3])[:, 0], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("bad", [np.zeros((3, 4)), np.full((3, 4), np.nan), np.ones((3, 4))])
def test_what_is_no_camera_is_refused(bad):
    with pytest.raises(ValueError, match="singular"):
        decompose_projection(bad)
