"""Blender's files: what says another camera than camera_angle_x is named, and what says the same is not."""

import math
from pathlib import Path

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras

from s3im_methods.data.checks.unread_lens import unread_lens

FOCAL = 400 / math.tan(0.35)


def said(meta=None, frame=None) -> list[str]:
    cameras = Cameras(torch.eye(4)[None, :3].repeat(2, 1, 1), fx=FOCAL / 2, fy=FOCAL / 2, cx=200.0, cy=200.0)
    frames = [{"file_path": "a"}, {"file_path": "b", **(frame or {})}]
    return unread_lens({"camera_angle_x": 0.7, "frames": frames, **(meta or {})}, cameras, Path("t.json"))


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"fl_x": FOCAL / 2, "fl_y": FOCAL / 2, "cx": 200, "cy": 199.5, "k1": 0, "camera_model": "OPENCV"},
        {"w": 800, "h": 800, "fl_x": FOCAL, "cx": 400.0},
    ],
)
def test_the_same_camera_in_other_words(meta):
    assert said(meta) == []


def test_a_scene_that_moves():
    (line,) = said(frame={"time": 0.5})
    assert "`time`" in line and "use `dnerf-data`, and `s3im train` with" in line and "nerfstudio-data" not in line


@pytest.mark.parametrize(
    ("meta", "frame", "key"),
    [
        ({"fl_x": 300.0}, {}, "`fl_x`"),
        ({"w": 800, "cx": 300.0}, {}, "`cx`"),
        ({"k1": 0.1, "k4": 0.01}, {}, "`k1`, `k4`"),
        ({"camera_model": "OPENCV_FISHEYE"}, {}, "`camera_model`"),
        ({}, {"camera_angle_x": 0.6}, "`camera_angle_x of single frames`"),
        ({}, {"mask_path": "m.png"}, "`mask_path`"),
    ],
)
def test_another_camera(meta, frame, key):
    assert said(meta, frame)[0].startswith(f"'t.json' gives {key}, but this data parser reads only")
