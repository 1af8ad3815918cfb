"""Cameras that look like a mistake get a line, and plausible ones none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType

from s3im_methods.data.checks.odd_cameras import odd_lenses, odd_places

GOOD = {"fx": 500.0, "fy": 502.0, "cx": 320.0, "cy": 238.0, "width": 640, "height": 480}


def lines(kind=CameraType.PERSPECTIVE, lens=(0, 0, 0, 0, 0, 0), **changed):
    numbers: dict[str, Any] = {key: torch.full((3, 1), value) for key, value in {**GOOD, **changed}.items()}
    cameras = Cameras(
        torch.eye(4)[None, :3].repeat(3, 1, 1),
        camera_type=kind,
        distortion_params=torch.tensor(lens, dtype=torch.float32).repeat(3, 1),
        **numbers,
    )
    return odd_lenses(cameras, [Path(f"{k}.png") for k in range(3)], Path("s"))


@pytest.mark.parametrize(
    "fine",
    [
        {},
        {"fx": 100.0, "fy": 100.0, "kind": CameraType.FISHEYE},
        {"lens": (0.1, -0.2, 0.05, 0, 0.001, -0.002)},
        {"lens": (-0.25, 0.06, 0, 0, 0, 0)},
        {"cx": 200.0, "fx": 450.0},
        {"kind": CameraType.EQUIRECTANGULAR, "fx": 320.0, "fy": 480.0, "cy": 240.0},
    ],
)
def test_usual_lenses(fine):
    assert lines(**fine) == []


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"fx": 0.8, "fy": 0.9}, "have focal lengths of 0.8 x 0.9 pixels in images of 640 x 480, which see more than"),
        ({"fy": 1500.0}, "have focal lengths of 500 x 1500 pixels along x and y"),
        ({"cx": 0.5, "cy": 0.5}, "have a principal point of 0.5 x 0.5 at or beyond the border"),
        ({"cx": 1280.0}, "have a principal point of 1280 x 238 at or beyond the border"),
        ({"lens": (-0.8, 0, 0, 0, 0, 0)}, "have a lens distortion that cannot be undone"),
        ({"lens": (-5.0, 0, 0, 0, 0, 0), "kind": CameraType.FISHEYE}, "have a lens distortion that cannot be undone"),
    ],
)
def test_odd_lenses(odd, said):
    (line,) = lines(**odd)
    assert line.startswith(f"3 of 3 cameras of 's' {said}") and "first that of '0.png': " in line


@pytest.mark.parametrize("changed", [{}, {"fx": 320.0, "fy": 480.0, "cy": 0.0}, {"fx": 320.0, "fy": 240.0}])
def test_panoramas_whose_rays_would_not_go_all_around(changed):
    (line,) = lines(kind=CameraType.EQUIRECTANGULAR, **changed)
    assert "where a panorama of 640 x 480 has 320 x 480 and 320 x 240, first that of '0.png': give these" in line


def test_one_camera_far_away_and_most_at_one_place():
    images = [Path(f"{k}.png") for k in range(6)]
    places = np.random.default_rng(0).normal(size=(6, 3))
    assert odd_places(places, images, Path("s")) == []
    places[4] *= 1e4
    assert "1 of 6 cameras of 's' stands over 100 times" in odd_places(places, images, Path("s"))[0]
    assert "namely that of '4.png'" in odd_places(places, images, Path("s"))[0]
    assert odd_places(np.eye(6, 3, -4), images, Path("s"))[0].startswith("4 of 6 cameras of 's' stand at the same")
