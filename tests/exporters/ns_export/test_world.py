"""The world frame of a point cloud is nerfstudio's, without what float32 loses of it."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

from s3im_methods.exporters.ns_export.world import original_frame
from s3im_methods.scenes import RoomConfig, write_scene


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    config = RoomConfig(width=24, height=18, train_views=4, test_views=2, light_samples=4, supersampling=1)
    return write_scene(config, tmp_path_factory.mktemp("framed") / "room")


@pytest.mark.parametrize(
    "applied", [{}, {"applied_transform": [[0, 1, 0, 5], [1, 0, 0, 6], [0, 0, -1, 7]], "applied_scale": 3.0}]
)
def test_points_go_where_nerfstudio_puts_them(room, applied, capsys):
    meta = json.loads((room / "transforms.json").read_text())
    path = room / "changed.json"
    path.write_text(json.dumps({**meta, **applied}))
    config = NerfstudioDataParserConfig(data=path, downscale_factor=1)
    manager = SimpleNamespace(
        dataparser_config=config, config=SimpleNamespace(train_views=None, camera_res_scale_factor=1.0)
    )
    frame = original_frame(manager)
    assert ("before applied_transform" in capsys.readouterr().out) == bool(applied)
    points = np.random.default_rng(0).normal(size=(5, 3))
    poses = torch.eye(4)[None, :3].repeat(5, 1, 1)
    poses[:, :, 3] = torch.tensor(points)
    outputs = config.setup().get_dataparser_outputs(split="train")
    there = outputs.transform_poses_to_original_space(poses)[:, :, 3]
    assert frame.to_world(points) == pytest.approx(there.numpy(), abs=1e-4)
