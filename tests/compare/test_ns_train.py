"""Command lines of ns-train, and what ns-train's own parser makes of them."""

from pathlib import Path

import pytest

from s3im_methods.compare.axes import parse_axis, variants
from s3im_methods.compare.ns_train import on_this_machine, read_arguments, train_arguments
from s3im_methods.errors import InputError

METHOD = "s3im-nerfacto-lite"


def read(*settings: tuple[str, ...], dataparser: str | None = None):
    return read_arguments(train_arguments(METHOD, Path("scene"), 3, 70, settings, dataparser))


def test_the_flags_arrive():
    config = read(("--pipeline.model.s3im.loss-mult", "0.3"))
    assert config.method_name == METHOD
    assert config.machine.seed == 3 and config.max_num_iterations == 70
    assert config.pipeline.datamanager.data == Path("scene")
    assert config.pipeline.model.s3im.loss_mult == 0.3


def test_the_data_parser_and_its_flags_come_last():
    config = read(
        ("--pipeline.datamanager.dataparser.eval-mode", "interval"), ("--pipeline.model.s3im.repeat-time", "2")
    )
    assert config.pipeline.datamanager.dataparser.eval_mode == "interval"
    assert config.pipeline.model.s3im.repeat_time == 2
    assert type(read(dataparser="blender-data").pipeline.datamanager.dataparser).__name__ == "BlenderDataParserConfig"


def test_a_method_keeps_its_own_data_parser():
    arguments = train_arguments(
        "tensorf", Path("lego"), 3, 70, (("--pipeline.datamanager.dataparser.scale-factor", "2"),), None
    )
    assert arguments[-3:] == ["blender-data", "--scale-factor", "2"]
    assert read_arguments(arguments).pipeline.datamanager.dataparser.scale_factor == 2


def test_every_named_axis_is_read_by_every_method_of_ours():
    axes = ["loss=none,s3im,keep,control,patch,both", "weight", "repeat", "kernel", "patch-share"]
    for method in ("s3im-nerfacto-lite", "s3im-depth-nerfacto-lite", "s3im-tensorf-lite", "s3im-neus-facto-lite"):
        for variant in (variant for text in axes for variant in variants([parse_axis(text)])):
            read_arguments(train_arguments(method, Path("scene"), 0, None, variant.settings, None))


def test_what_ns_train_refuses_is_one_sentence():
    # The words are tyro's, and those of its version 0.9 are others.
    refused = "^ns-train s3im-nerfacto-lite would not take the flags: "
    with pytest.raises(InputError, match=rf"{refused}.*'grouped', 'official', 'patch', 'both'\)\.$") as error:
        read(("--pipeline.model.s3im.mode", "wrong"))
    assert all(word in str(error.value) for word in ("invalid choice", "'wrong'", "--pipeline.model.s3im.mode"))
    with pytest.raises(InputError, match=rf"{refused}Unrecognized options: --pipeline.model.no-such-field(, 1)?\.$"):
        read(("--pipeline.model.no-such-field", "1"))
    with pytest.raises(InputError, match=r"^No method 's3im-nerf': give one of s3im-depth-nerfacto, .*lists\.$"):
        read_arguments(["s3im-nerf"])


def test_without_cuda_a_method_that_asks_for_it_gets_the_cpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    arguments = train_arguments("nerfacto", Path("scene"), 3, 70, (), None)
    config = read_arguments(arguments)
    assert config.machine.device_type == "cuda"
    on_cpu = on_this_machine(arguments, config)
    assert on_cpu == ["nerfacto", "--machine.device-type", "cpu", *arguments[1:]]
    assert config.machine.device_type == read_arguments(on_cpu).machine.device_type == "cpu"
    asked = train_arguments("nerfacto", Path("scene"), 3, 70, (("--machine.device-type", "cuda"),), None)
    assert on_this_machine(asked, read_arguments(asked)) == asked
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert on_this_machine(arguments, read_arguments(arguments)) == arguments


def test_the_axis_loss_needs_a_method_with_s3im():
    (none,) = variants([parse_axis("loss=none")])
    sentence = (
        r"^ns-train tensorf would not take the flags: Unrecognized or misplaced options: "
        r"--pipeline.model.s3im.loss-mult( 0)?; tensorf\+s3im is this method with S3IM\.$"
    )
    with pytest.raises(InputError, match=sentence):
        read_arguments(train_arguments("tensorf", Path("scene"), 0, None, none.settings, None))


def test_a_method_of_others_with_s3im():
    settings = (
        ("--pipeline.model.s3im.loss-mult", "0.3"),
        ("--pipeline.datamanager.dataparser.scale-factor", "2"),
    )
    arguments = train_arguments("tensorf+s3im", Path("lego"), 3, 70, settings, None)
    assert arguments[0] == "tensorf+s3im" and arguments[-3:] == ["blender-data", "--scale-factor", "2"]
    config = read_arguments(arguments)
    assert config.method_name == "tensorf+s3im" and config.pipeline.datamanager.data == Path("lego")
    assert config.pipeline.model.s3im.loss_mult == 0.3


def test_every_named_axis_is_read_by_a_method_of_others():
    axes = ["loss=none,s3im,keep,control,patch,both", "weight", "repeat", "kernel", "patch-share"]
    for variant in (variant for text in axes for variant in variants([parse_axis(text)])):
        read_arguments(train_arguments("vanilla-nerf+s3im", Path("scene"), 0, None, variant.settings, None))


def test_without_the_suffix_it_says_how_to_get_s3im():
    settings = variants([parse_axis("loss=none")])[0].settings
    with pytest.raises(InputError, match=r"ns-train nerfacto would not .*nerfacto\+s3im is this method with S3IM"):
        read_arguments(train_arguments("nerfacto", Path("scene"), 0, None, settings, None))
    with pytest.raises(InputError, match="renders whole images"):
        read_arguments(train_arguments("splatfacto+s3im", Path("scene"), 0, None, (), None))
    with pytest.raises(InputError, match="s3im train tensorf would not take the flags"):
        read_arguments(["tensorf+s3im", "--no-such-flag", "1"])


def test_a_scene_whose_name_begins_with_a_dash():
    arguments = train_arguments(METHOD, Path("./-scene"), 3, 70, [], None)
    assert read_arguments(arguments).pipeline.datamanager.data == Path("-scene")
