"""Skew is said where there is more of it than rounding leaves."""

from pathlib import Path

import numpy as np

from s3im_methods.data.checks.skew import skew_lines


def test_skew():
    intrinsics = np.tile(np.array([[9.0, 0, 4], [0, 9, 3], [0, 0, 1]]), (5, 1, 1))
    intrinsics[0, 0, 1] = 0.0089
    assert skew_lines(intrinsics, Path("S")) == []
    intrinsics[1:3, 0, 1] = -0.45, 0.18
    assert skew_lines(intrinsics, Path("S")) == [
        "2 of 5 cameras of 'S' have skew (up to 0.05 of the focal length). nerfstudio's cameras cannot have skew, so "
        "it is left out."
    ]
