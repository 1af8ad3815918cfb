"""The flags of a method with S3IM: its own and ours, read as ns-train reads them."""

import copy
import re

import pytest
import tyro
from every_method import METHODS
from nerfstudio.configs.method_configs import AnnotatedBaseConfigUnion, all_methods
from nerfstudio.data.pixel_samplers import PixelSamplerConfig

from s3im_methods.errors import InputError
from s3im_methods.models.any_method.configs import with_s3im
from s3im_methods.samplers import PatchAwarePixelSamplerConfig

OURS = re.compile(r"--pipeline\.model\.(s3im\.|hash-grids)|--pipeline\.datamanager\.pixel-sampler\.patch-")


def flags_in(help_text: str) -> set[str]:
    return set(re.findall(r"^[│| ] *(--[\w.-]+)", help_text, re.MULTILINE))


@pytest.mark.parametrize("name", ["nerfacto", "tensorf", "dnerf", "neus-facto"])
def test_the_flags_are_those_of_ns_train_and_ours(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert name in METHODS
    with pytest.raises(SystemExit):
        tyro.cli(AnnotatedBaseConfigUnion, args=[name, "--help"])  # type: ignore[arg-type]
    own = flags_in(capsys.readouterr().out)
    with pytest.raises(SystemExit):
        with_s3im(name, ["--help"])
    text = capsys.readouterr().out
    with_ours = flags_in(text)
    assert own and own <= with_ours
    assert all(OURS.match(flag) for flag in with_ours - own)
    assert {"--pipeline.model.s3im.balance", "--pipeline.model.hash-grids"} <= with_ours
    assert text.startswith(f"usage: s3im train {name} ")


def test_flags_reach_the_configuration_and_the_parser_comes_last():
    arguments = ["--max-num-iterations", "9", "--pipeline.model.s3im.loss-mult", "0.3", "--pipeline.model.near-plane"]
    config = with_s3im("nerfacto", [*arguments, "0.2", "--vis", "tensorboard", "blender-data", "--scale-factor", "2"])
    model = config.pipeline.model
    assert (config.max_num_iterations, model.s3im.loss_mult, model.near_plane) == (9, 0.3, 0.2)
    assert config.vis == "tensorboard" and model.hash_grids == "base"
    assert config.pipeline.datamanager.dataparser.scale_factor == 2.0


def test_the_suffix_may_be_given():
    assert with_s3im("nerfacto+s3im").method_name == "nerfacto+s3im"


def test_the_sampler_is_the_methods_own_unless_patches_are_asked_for():
    own = with_s3im("vanilla-nerf", []).pipeline.datamanager.pixel_sampler
    assert own == all_methods["vanilla-nerf"].pipeline.datamanager.pixel_sampler and type(own) is PixelSamplerConfig
    prefix = "--pipeline.datamanager.pixel-sampler."
    flags = [f"{prefix}patch-share", "0.5", f"{prefix}patch-size", "4", f"{prefix}ignore-mask", "True"]
    chosen = with_s3im("vanilla-nerf", flags).pipeline.datamanager.pixel_sampler
    assert type(chosen) is PatchAwarePixelSamplerConfig
    assert (chosen.patch_share, chosen.patch_size, chosen.ignore_mask) == (0.5, 4, True)


def test_a_sampler_of_the_methods_own_gets_no_flags_of_ours(monkeypatch):
    method = copy.deepcopy(all_methods["vanilla-nerf"])
    method.pipeline.datamanager.pixel_sampler._target = dict
    monkeypatch.setitem(all_methods, "vanilla-nerf", method)
    assert with_s3im("vanilla-nerf").pipeline.datamanager.pixel_sampler._target is dict


def test_the_device_is_one_that_is_there(monkeypatch):
    for there, device in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr("torch.cuda.is_available", lambda there=there: there)
        assert with_s3im("tensorf").machine.device_type == device


def test_what_does_not_suit_s3im_is_refused_before_the_work(tmp_path):
    from s3im_methods.engine.pipeline import check_batch

    config = with_s3im("tensorf", ["--pipeline.model.s3im.mode", "patch"])
    with pytest.raises(InputError, match="needs real patches in the batch"):
        check_batch(config.pipeline)
    config = with_s3im("tensorf", ["--pipeline.datamanager.train-num-rays-per-batch", "8"])
    with pytest.raises(InputError, match="8 rays per batch are fewer than one S3IM window"):
        check_batch(config.pipeline)
