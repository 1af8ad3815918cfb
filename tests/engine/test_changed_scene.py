"""A run whose scene's cameras are placed otherwise than in its training says so."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs

from s3im_methods.engine.changed_scene import moved_cameras


def pipeline(transform: np.ndarray, scale: float) -> Any:
    camera = Cameras(torch.eye(4)[None, :3], 1.0, 1.0, 1.0, 1.0, 2, 2)
    outputs = DataparserOutputs([], camera, dataparser_transform=torch.as_tensor(transform), dataparser_scale=scale)
    return SimpleNamespace(datamanager=SimpleNamespace(train_dataparser_outputs=outputs))


PLACE = np.concatenate([np.eye(3), [[0.3], [-2.0], [5e5]]], axis=1)


@pytest.mark.parametrize(("shift", "scale", "moved"), [(0, 1, False), (1e-6, 1, False), (0, 1.01, True), (10, 1, True)])
def test_what_was_placed_otherwise(tmp_path, shift, scale, moved):
    pipeline(PLACE, 0.25).datamanager.train_dataparser_outputs.save_dataparser_transform(
        tmp_path / "dataparser_transforms.json"
    )
    said = moved_cameras(pipeline(PLACE + shift, 0.25 * scale), tmp_path)
    assert (said is not None) == moved
    assert not moved or "as after photos were added or removed" in str(said)


@pytest.mark.parametrize("text", [None, "", "{}", '{"transform": 1, "scale": "x"}'])
def test_where_nobody_can_tell(tmp_path, text):
    if text is not None:
        (tmp_path / "dataparser_transforms.json").write_text(text)
    assert moved_cameras(pipeline(PLACE, 1.0), tmp_path) is None
    assert moved_cameras(SimpleNamespace(datamanager=SimpleNamespace()), tmp_path) is None
