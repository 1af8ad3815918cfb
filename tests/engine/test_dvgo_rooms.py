"""A small closed room: what no view sees is left out, and its voxels go where the room is."""

from pathlib import Path
from typing import Any

import pytest
from nerfstudio.scripts.train import _set_random_seed
from short_runs import short_config

from s3im_methods.method_configs import s3im_dvgo_lite
from s3im_methods.scenes import RoomConfig, write_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("scene") / "room"
    write_scene(RoomConfig(width=48, height=36, train_views=24, test_views=4, light_samples=4, supersampling=1), out)
    return out


def test_voxels_go_where_a_room_with_depth_maps_is(scene, tmp_path):
    config = short_config(s3im_dvgo_lite.config, scene, tmp_path, 200)
    config.pipeline.datamanager.train_num_rays_per_batch = 256
    model = config.pipeline.model
    model.resolution, model.coarse_resolution, model.coarse_steps, model.scaling_steps = 48, 24, 100, (40, 80)
    model.mask_by = "weight"
    _set_random_seed(0)
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.setup()
    trainer.train()
    trained: Any = trainer.pipeline.model
    assert trained.config.depth.kind == "bounded"
    x, y, z = trained.field.sides
    # All of space takes a cube of 3, and the room's height is about half its length.
    assert x * y * z < 0.5 * 27 and z < 0.85 * x
    metrics = trainer.pipeline.get_average_eval_image_metrics()
    assert metrics is not None and metrics["psnr"] > 17
    assert metrics["expected_depth_abs_rel"] < 0.1
