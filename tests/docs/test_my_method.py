"""The documentation's shortest method: nerfstudio finds it, and S3IM needs neither our trainer nor our pipeline."""

import copy
import sys
from pathlib import Path

import pytest
from nerfstudio.data.pixel_samplers import PixelSamplerConfig
from nerfstudio.engine.trainer import Trainer
from nerfstudio.pipelines.base_pipeline import VanillaPipelineConfig
from nerfstudio.plugins.registry import discover_methods
from short_runs import short_config, train

from s3im_methods.scenes import RoomConfig, write_scene

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


@pytest.fixture()
def method(monkeypatch):
    """Its settings, found as the page says."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("NERFSTUDIO_METHOD_CONFIGS", "my-method=my_method:my_method")
    yield discover_methods()[0]["my-method"]
    sys.modules.pop("my_method", None)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    out = tmp_path_factory.mktemp("scene") / "room"
    write_scene(RoomConfig(width=32, height=24, train_views=8, test_views=2, supersampling=1, light_samples=8), out)
    return out


def settings(method, room, out):
    result = short_config(copy.deepcopy(method), room, out, 2)
    model = result.pipeline.model
    model.num_levels, model.max_res, model.log2_hashmap_size = 4, 64, 10
    model.num_nerf_samples_per_ray, model.num_proposal_samples_per_ray = 8, (16, 8)
    net = {"hidden_dim": 8, "log2_hashmap_size": 8, "num_levels": 2, "max_res": 32, "use_linear": False}
    model.proposal_net_args_list = [net, net]
    return result


def by_nerfstudio_alone(config):
    manager = config.pipeline.datamanager
    manager.pixel_sampler = PixelSamplerConfig()
    config._target = Trainer
    config.pipeline = VanillaPipelineConfig(datamanager=manager, model=config.pipeline.model)
    return config


@pytest.mark.parametrize("changed", [lambda config: config, by_nerfstudio_alone])
def test_it_trains_with_s3im(method, room, tmp_path, changed):
    config = changed(settings(method, room, tmp_path))
    assert train(config)["step"] == 1
    pipeline = config.pipeline.setup(device="cpu", test_mode="val").train()
    assert 0 < pipeline.get_train_loss_dict(step=0)[1]["s3im_loss"] < 2
