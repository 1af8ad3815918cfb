"""Scenes that several files of tests train on."""

from pathlib import Path
from typing import Any

import pytest

from s3im_methods.scenes import ObjectConfig, RoomConfig, write_scene

SIZE: dict[str, Any] = {
    **{"width": 24, "height": 18, "train_views": 8, "test_views": 2},
    **{"light_samples": 4, "supersampling": 1},
}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    """A room, and an object before nothing, of few and small views."""
    out = tmp_path_factory.mktemp("scenes")
    write_scene(RoomConfig(**SIZE), out / "room")
    write_scene(ObjectConfig(**SIZE), out / "object")
    return out
