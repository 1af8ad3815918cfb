"""The documentation's example of a method in one file: nerfstudio finds it, and it trains as the package's own do."""

import copy
import sys
from pathlib import Path

import pytest
import torch
from nerfstudio.plugins.registry import discover_methods
from short_runs import short_config, train

from s3im_methods.scenes import RoomConfig, write_scene

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
NAME = "s3im-vanilla-nerf"


@pytest.fixture()
def method(monkeypatch):
    """Its settings, found as the page says."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("NERFSTUDIO_METHOD_CONFIGS", f"{NAME}=s3im_vanilla_nerf:s3im_vanilla_nerf")
    yield discover_methods()[0][NAME]
    sys.modules.pop("s3im_vanilla_nerf", None)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    out = tmp_path_factory.mktemp("scene") / "room"
    write_scene(RoomConfig(width=32, height=24, train_views=8, test_views=2, supersampling=1, light_samples=8), out)
    return out


def settings(method, room, out, steps=3, **s3im):
    result = short_config(method, room, out, steps)
    model = result.pipeline.model
    model.num_coarse_samples, model.num_importance_samples = 8, 8
    for name, value in s3im.items():
        setattr(model.s3im, name, value)
    return result


def losses(method, room, out, **s3im):
    torch.manual_seed(0)
    pipeline = settings(method, room, out, **s3im).pipeline.setup(device="cpu", test_mode="val")
    return pipeline.train().get_train_loss_dict(step=0)[1]


# region tests
def test_the_term_is_there_and_can_be_switched_off(method, room, tmp_path):
    with_s3im = losses(method, room, tmp_path)
    assert with_s3im.keys() == {"rgb_loss", "rgb_loss_coarse", "s3im_loss"}
    assert 0 < with_s3im["s3im_loss"] < 2
    assert losses(method, room, tmp_path, loss_mult=0.0).keys() == {"rgb_loss", "rgb_loss_coarse"}


def test_the_control_is_a_stronger_colour_loss(method, room, tmp_path):
    plain = losses(method, room, tmp_path, loss_mult=0.0)["rgb_loss"]
    assert losses(method, room, tmp_path, role="control", balance="add")["rgb_loss"] > 2 * plain


def test_it_trains_and_a_resumed_run_repeats_the_straight_one(method, room, tmp_path):
    straight = train(settings(method, room, tmp_path / "straight", steps=4))
    first = settings(method, room, tmp_path / "resumed", steps=2)
    train(copy.deepcopy(first))
    again = settings(method, room, tmp_path / "resumed", steps=4)
    again.load_dir = first.get_checkpoint_dir()
    resumed = train(again)
    assert straight["step"] == resumed["step"] == 3
    for key, value in straight["pipeline"].items():
        torch.testing.assert_close(resumed["pipeline"][key], value, rtol=0, atol=0, msg=lambda m, k=key: f"{k}: {m}")


# endregion
