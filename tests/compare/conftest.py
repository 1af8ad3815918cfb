"""Thumbnail scenes that all tests of comparisons share."""

import json
import math
import shutil
from pathlib import Path

import pytest

from s3im_methods.scenes import RoomConfig, write_scene


@pytest.fixture(scope="session")
def room(tmp_path_factory) -> Path:
    """8 training and 3 held-out views of 32 x 24 pixels, with depth and a mesh."""
    out = tmp_path_factory.mktemp("scenes") / "room"
    write_scene(RoomConfig(width=32, height=24, train_views=8, test_views=3, supersampling=1, light_samples=4), out)
    return out


@pytest.fixture(scope="session")
def blender_room(room) -> Path:
    """The same views as a scene for blender-data, whose validation views are others than its test views."""
    out = room.with_name("blender_room")
    shutil.copytree(room / "images", out / "images")
    meta = json.loads((room / "transforms.json").read_text())
    for split, kind in (("train", "train"), ("val", "train"), ("test", "test")):
        frames = [
            {**frame, "file_path": "./" + frame["file_path"].removesuffix(".png")}
            for frame in meta["frames"]
            if f"/{kind}_" in frame["file_path"]
        ]
        angle = 2 * math.atan(meta["w"] / 2 / meta["fl_x"])
        (out / f"transforms_{split}.json").write_text(json.dumps({"camera_angle_x": angle, "frames": frames}))
    return out
