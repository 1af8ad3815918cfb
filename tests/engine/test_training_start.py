"""What ns-train does with --load-config, and before it trains."""

import copy
import operator
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from nerfstudio.configs.method_configs import all_methods
from nerfstudio.data.pixel_samplers import PixelSampler, PixelSamplerConfig
from nerfstudio.scripts import train as scripts
from nerfstudio.utils.rich_utils import CONSOLE
from old_runs import METHODS, copy_run

from s3im_methods.engine.leaves import flag
from s3im_methods.engine.resumed_settings import changed_settings
from s3im_methods.engine.run_config import read_config
from s3im_methods.engine.training_start import prepare, save_config
from s3im_methods.errors import InputError
from s3im_methods.samplers import PatchAwarePixelSamplerConfig

METHOD = "s3im-nerfacto-lite"


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    for name, method in METHODS.items():
        monkeypatch.setitem(all_methods, name, method)
    monkeypatch.chdir(tmp_path)
    return copy_run(Path("runs") / METHOD / "0.1.0", tmp_path)


def typed(config: Path | None, **flags: Any) -> Any:
    result: Any = copy.deepcopy(METHODS[METHOD])
    result.load_config = config
    for name, value in flags.items():
        setattr(result, name, value)
    return result


def prepared(config: Any) -> tuple[Any, str]:
    with CONSOLE.capture() as capture:
        result = prepare(config)
    return result, " ".join(capture.get().split())


def change(run: Path, **settings: Any) -> None:
    config = yaml.load((run / "config.yml").read_text(), Loader=yaml.Loader)
    for name, value in settings.items():
        setattr(config, name, value)
    (run / "config.yml").write_text(yaml.dump(config))


def test_training_from_scratch_leaves_the_run_and_its_checkpoints(run):
    config, said = prepared(typed(run / "config.yml"))
    assert config.pipeline.model.num_levels == 3
    assert config.timestamp == "{timestamp}" and config.load_dir is None and config.load_config is None
    assert "Training begins from scratch, in a new folder: add --load-dir" in said


def test_other_flags_count(run):
    flags = {"max_num_iterations": 77, "timestamp": "two", "data": Path("scenes/room")}
    config, said = prepared(typed(run / "config.yml", **flags))
    assert (config.max_num_iterations, config.timestamp, config.data) == (77, "two", Path("scenes/room"))
    assert "the command line changes" in said and "max_num_iterations" in said
    assert config.pipeline.model.num_levels == 3


@pytest.mark.parametrize("flag", ["--pipeline.model.s3im.balance", "--pipeline.model.s3im.balance=keep"])
def test_a_flag_counts_where_its_value_is_the_methods_usual_one(run, monkeypatch, flag):
    config = yaml.load((run / "config.yml").read_text(), Loader=yaml.Loader)
    config.pipeline.model.s3im.balance = "add"
    config.pipeline.model.s3im.denominators = "free"
    (run / "config.yml").write_text(yaml.dump(config))
    assert prepared(typed(run / "config.yml"))[0].pipeline.model.s3im.balance == "add"
    monkeypatch.setattr("sys.argv", ["ns-train", METHOD, flag, "keep"])
    config, said = prepared(typed(run / "config.yml"))
    assert (config.pipeline.model.s3im.balance, config.pipeline.model.s3im.denominators) == ("keep", "free")
    assert "the command line changes pipeline.model.s3im.balance" in said


@pytest.mark.parametrize("place", ["data", "pipeline.datamanager.data", "pipeline.datamanager.dataparser.data"])
@pytest.mark.parametrize("recorded", ["scenes/room", "gone"])
def test_another_scene_is_trained_on_wherever_it_was_typed(run, monkeypatch, place, recorded):
    config: Any = read_config(run / "config.yml")
    config.data = config.pipeline.datamanager.data = config.pipeline.datamanager.dataparser.data = Path(recorded)
    (run / "config.yml").write_text(yaml.dump(config))
    given, new = typed(run / "config.yml"), Path("elsewhere")
    holder = operator.attrgetter(place.rpartition(".")[0])(given) if "." in place else given
    holder.data = new
    behind = ["nerfstudio-data", "--data"] if place.endswith("parser.data") else [f"--{place}"]
    monkeypatch.setattr("sys.argv", ["ns-train", METHOD, *behind, str(new)])
    config, said = prepared(given)
    manager = config.pipeline.datamanager
    assert (config.data, manager.data, manager.dataparser.data) == (new, new, new)
    assert f"the command line changes {place}." in said


def test_the_scene_is_found_from_the_folder_that_the_run_was_trained_in(run, tmp_path, monkeypatch):
    (tmp_path / "other" / "scenes").mkdir(parents=True)
    shutil.copytree(tmp_path / "scenes" / "room", tmp_path / "other" / "scenes" / "room")
    monkeypatch.chdir(tmp_path / "other")
    config, said = prepared(typed(run / "config.yml", output_dir=tmp_path / "new"))
    assert config.pipeline.datamanager.data == tmp_path / "scenes" / "room" / "masked.json"
    assert "The run's scene is read from" in said


def test_a_parsers_flag_counts_where_its_value_is_the_usual_one(run, monkeypatch):
    config: Any = read_config(run / "config.yml")
    config.pipeline.datamanager.dataparser.eval_mode = "all"
    config.data = Path("scenes/room")
    (run / "config.yml").write_text(yaml.dump(config))
    usual = METHODS[METHOD].pipeline.datamanager.dataparser.eval_mode
    words = ["--experiment-name", "nerfstudio-data", "nerfstudio-data", "--eval-mode", usual, "--data", "scenes/room"]
    monkeypatch.setattr("sys.argv", ["ns-train", METHOD, *words])
    given = typed(run / "config.yml", experiment_name="nerfstudio-data")
    given.pipeline.datamanager.dataparser.data = Path("scenes/room")
    config, _ = prepared(given)
    assert config.pipeline.datamanager.dataparser.eval_mode == usual
    assert config.data == Path("scenes/room")


def test_steps_of_a_group_whose_gradients_are_accumulated(run):
    config, _ = prepared(typed(run / "config.yml", gradient_accumulation_steps={"fields": 2}))
    assert config.gradient_accumulation_steps == {"fields": 2}
    with pytest.raises(InputError, match="--gradient-accumulation-steps names 'nothing', which no optimizer has"):
        prepare(typed(run / "config.yml", gradient_accumulation_steps={"nothing": 2}))


def test_what_has_no_effect_beside_the_runs_own_settings_is_said(run):
    config: Any = read_config(run / "config.yml")
    config.pipeline.model.s3im.balance = "add"
    (run / "config.yml").write_text(yaml.dump(config))
    given = typed(run / "config.yml")
    given.pipeline.model.s3im = replace(given.pipeline.model.s3im, end_step=30)
    sentence = "--pipeline.model.s3im.end-step has no effect, because --pipeline.model.s3im.balance is add."
    assert sentence in prepared(given)[1]
    assert "no effect" not in prepared(typed(run / "config.yml"))[1]


@pytest.mark.parametrize(("before", "now"), [(0.0, 0.5), (0.5, 0.0), (0.25, 0.5)])
def test_patches_begin_and_end_in_a_run_of_s3im_train(tmp_path, monkeypatch, before, now):
    from s3im_methods.models.any_method.configs import with_s3im

    flag = "--pipeline.datamanager.pixel-sampler.patch-share"
    monkeypatch.setitem(all_methods, "vanilla-nerf+s3im", with_s3im("vanilla-nerf"))
    (tmp_path / "scene").mkdir()
    saved = with_s3im("vanilla-nerf", [flag, str(before)])
    saved.pipeline.datamanager.data = tmp_path / "scene"
    (tmp_path / "config.yml").write_text(yaml.dump(saved))
    words = ["--load-config", str(tmp_path / "config.yml"), "--output-dir", str(tmp_path / "out"), flag, str(now)]
    monkeypatch.setattr("sys.argv", ["s3im", "train", "vanilla-nerf", *words])
    sampler = prepared(with_s3im("vanilla-nerf", words))[0].pipeline.datamanager.pixel_sampler
    assert type(sampler) is (PatchAwarePixelSamplerConfig if now else PixelSamplerConfig)
    assert getattr(sampler, "patch_share", 0.0) == now and issubclass(sampler._target, PixelSampler)


def test_a_run_that_was_resumed_begins_from_scratch_where_load_dir_is_none(run, monkeypatch):
    change(run, load_dir=Path("runs") / METHOD / "0.1.0/nerfstudio_models", load_step=5)
    monkeypatch.setattr("sys.argv", ["ns-train", METHOD, "--load-dir", "None"])
    config, said = prepared(typed(run / "config.yml"))
    assert (config.load_dir, config.load_step, config.timestamp) == (None, None, "{timestamp}")
    assert "Training begins from scratch, in a new folder" in said


def test_a_run_of_another_method_is_named(run):
    config, said = prepared(typed(run / "config.yml", method_name="s3im-tensorf-lite"))
    assert config.method_name == METHOD
    assert f"is of the method {METHOD}, so that is trained and not s3im-tensorf-lite" in said
    assert "so that is trained" not in prepared(typed(run / "config.yml"))[1]


def test_the_checkpoint_that_a_run_began_with_need_not_be_there_where_load_dir_is_none(run, monkeypatch):
    shutil.rmtree(run / "nerfstudio_models")
    change(run, load_dir=Path("/nowhere/nerfstudio_models"))
    monkeypatch.setattr("sys.argv", ["ns-train", METHOD, "--load-dir", "None"])
    config, _ = prepared(typed(run / "config.yml"))
    assert config.load_dir is None


@pytest.mark.parametrize(
    "began", [{"load_dir": Path("A"), "load_step": 5}, {"load_checkpoint": Path("A/step-000000039.ckpt")}]
)
def test_a_run_that_began_with_another_ones_checkpoint_is_resumed(run, began):
    shutil.copytree(run / "nerfstudio_models", "A")
    change(run, **began)
    config, _ = prepared(typed(run / "config.yml", load_dir=run))
    assert (config.load_dir, config.load_step, config.load_checkpoint) == (run, None, None)
    config, _ = prepared(typed(run / "config.yml", load_dir=run, load_step=39))
    assert (config.load_dir, config.load_step, config.load_checkpoint) == (run, 39, None)


@pytest.mark.parametrize("own_place", [{"output_dir": Path()}, {"experiment_name": "runs"}])
@pytest.mark.parametrize("resumes", ["nothing", "another run"])
def test_a_new_training_leaves_the_run_where_its_own_place_is_typed(run, tmp_path, monkeypatch, own_place, resumes):
    flags = dict(own_place)
    if resumes == "another run":
        shutil.copytree(run, tmp_path / "other")
        flags["load_dir"] = tmp_path / "other"
    monkeypatch.setattr("sys.argv", ["ns-train", METHOD, *map(flag, flags)])
    config, said = prepared(typed(run / "config.yml", **flags))
    assert (config.output_dir, config.experiment_name, config.timestamp) == (Path(), "runs", "{timestamp}")
    assert ("Training begins from scratch, in a new folder" in said) == (resumes == "nothing")


def test_a_run_that_is_resumed_in_another_place_keeps_its_name_where_no_other_run_lies(run, tmp_path):
    change(run, experiment_name="mine", timestamp="first")
    flags = {"load_dir": run, "output_dir": tmp_path / "other"}
    config, _ = prepared(typed(run / "config.yml", **flags))
    assert config.get_base_dir() == tmp_path / "other" / "mine" / METHOD / "first"
    shutil.copytree(run, config.get_base_dir())
    config, said = prepared(typed(run / "config.yml", **flags))
    assert config.timestamp == "{timestamp}" and "from scratch" not in said


@pytest.mark.parametrize(
    ("flag", "place"),
    [
        ("load_dir", "nerfstudio_models"),
        ("load_dir", ""),
        ("load_checkpoint", "nerfstudio_models/step-000000039.ckpt"),
    ],
)
def test_a_run_is_resumed_in_its_own_folder(run, flag, place):
    config, _ = prepared(typed(run / "config.yml", **{flag: run / place}))
    assert config.get_base_dir() == run
    assert getattr(config, flag) == run / place


def test_another_runs_checkpoint_begins_a_new_folder(run, tmp_path):
    shutil.copytree(run, tmp_path / "other")
    config, said = prepared(typed(run / "config.yml", load_dir=tmp_path / "other" / "nerfstudio_models"))
    assert config.timestamp == "{timestamp}" and "from scratch" not in said


def test_a_copy_of_a_resumed_run_resumes_itself(run, tmp_path):
    change(run, load_dir=Path("runs") / METHOD / "0.1.0/nerfstudio_models", load_step=5)
    copied = run.with_name("copy")
    shutil.copytree(run, copied)
    config, _ = prepared(typed(copied / "config.yml"))
    assert config.load_dir == copied / "nerfstudio_models" and config.load_step is None
    assert config.get_base_dir() == copied


def test_a_resumed_checkpoint_that_is_gone(run):
    change(run, load_dir=Path("/nowhere/nerfstudio_models"))
    config, _ = prepared(typed(run / "config.yml"))
    assert config.load_dir == run / "nerfstudio_models"
    shutil.rmtree(run / "nerfstudio_models")
    with pytest.raises(
        InputError, match="continues the checkpoints in '/nowhere/nerfstudio_models', and none is there"
    ):
        prepare(typed(run / "config.yml"))


def test_a_checkpoint_on_the_command_line_wins(run):
    change(run, load_dir=Path("runs") / METHOD / "0.1.0/nerfstudio_models")
    file = run / "nerfstudio_models" / "step-000000039.ckpt"
    config, _ = prepared(typed(run / "config.yml", load_checkpoint=file))
    assert (config.load_dir, config.load_checkpoint) == (None, file)


def test_hardware_of_another_machine(run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    config = yaml.load((run / "config.yml").read_text(), Loader=yaml.Loader)
    config.machine.device_type, config.machine.num_devices = "cuda", 2
    (run / "config.yml").write_text(yaml.dump(config))
    config, said = prepared(typed(run / "config.yml"))
    assert (config.machine.device_type, config.machine.num_devices) == ("cpu", 1)
    assert "this run uses the CPU" in said


def test_without_load_config_nothing_is_said(run):
    config = typed(None, output_dir=Path("out"))
    result, said = prepared(config)
    assert result is config and said == ""
    assert result.experiment_name is None


@pytest.mark.parametrize(
    ("out", "sentence"),
    [("file", r"leads through '.*file'"), ("file/below", r"leads through '.*file'"), ("n" * 300, "of 300 letters")],
)
def test_an_output_folder_that_cannot_be(tmp_path, out, sentence):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=f"^--output-dir {sentence}|^--output-dir contains .*{sentence}"):
        prepare(typed(None, output_dir=tmp_path / out))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("load", "sentence"),
    [
        ({"load_dir": "."}, r"^No checkpoint \(step-\*\.ckpt\) in '.*': give --load-dir the nerfstudio_models folder"),
        ({"load_checkpoint": "step-000000001.ckpt"}, "^No checkpoint at 'step-000000001.ckpt': give --load-checkpoint"),
        ({"load_step": 3}, "^--load-step is 3 and --load-dir is not given"),
    ],
)
@pytest.mark.parametrize("method", [METHOD, "nerfacto"])
def test_what_cannot_be_resumed_is_refused_before_the_scene_is_read(tmp_path, monkeypatch, method, load, sentence):
    monkeypatch.chdir(tmp_path)
    config: Any = copy.deepcopy(all_methods[method])
    for name, value in load.items():
        setattr(config, name, Path(value) if isinstance(value, str) else value)
    with pytest.raises(InputError, match=sentence):
        prepare(config)


def test_nerfstudios_trainer_gets_the_folder_of_a_runs_checkpoints(tmp_path, monkeypatch):
    """It ends in a ValueError at other names; the step is not fixed, because config.yml keeps it for later commands."""
    monkeypatch.chdir(tmp_path)
    models = tmp_path / "run" / "nerfstudio_models"
    models.mkdir(parents=True)
    for name in ("step-000000007.ckpt", "step-000000009.ckpt"):
        (models / name).touch()
    for method, expected in (("nerfacto", (models, None)), (METHOD, (tmp_path / "run", None))):
        config: Any = copy.deepcopy(all_methods[method])
        config.load_dir = tmp_path / "run"
        config = prepare(config)
        assert (config.load_dir, config.load_step) == expected


@pytest.mark.parametrize("typed_too", [False, True])
def test_a_method_with_the_name_of_another_one_changes_nothing_by_itself(tmp_path, monkeypatch, typed_too):
    """nerfstudio calls nerfacto-big nerfacto."""
    monkeypatch.chdir(tmp_path)
    recorded: Any = copy.deepcopy(all_methods["nerfacto-big"])
    recorded.pipeline.model.log2_hashmap_size, recorded.timestamp = 19, "one"
    recorded.experiment_name, recorded.pipeline.datamanager.dataparser.data = "scene", tmp_path
    (tmp_path / "config.yml").write_text(yaml.dump(recorded))
    flags = ["--pipeline.model.hidden-dim", "99"] if typed_too else []
    monkeypatch.setattr("sys.argv", ["ns-train", "nerfacto-big", *flags])
    given: Any = copy.deepcopy(all_methods["nerfacto-big"])
    given.load_config = tmp_path / "config.yml"
    if typed_too:
        given.pipeline.model.hidden_dim = 99
    config, said = prepared(given)
    model, big = config.pipeline.model, all_methods["nerfacto-big"]
    assert (model.log2_hashmap_size, config.max_num_iterations) == (19, big.max_num_iterations)
    assert model.hidden_dim == (99 if typed_too else big.pipeline.model.hidden_dim)
    assert said.count("the command line changes pipeline.model.hidden_dim.") == typed_too


def test_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "step-000000001.ckpt").touch()
    config = prepare(typed(None, output_dir=Path("~/out"), data=Path("~/fox"), load_dir=Path("~/models")))
    assert (config.output_dir, config.data, config.load_dir) == (
        tmp_path / "out",
        tmp_path / "fox",
        tmp_path / "models",
    )


def test_a_full_disk_leaves_the_config_that_is_there(run, monkeypatch):
    config: Any = read_config(run / "config.yml")
    before = (run / "config.yml").read_bytes()
    config.max_num_iterations = 77
    with CONSOLE.capture():
        save_config(config)
    assert b"max_num_iterations: 77" in (run / "config.yml").read_bytes()
    (run / "config.yml").write_bytes(before)

    def full(path: Path, text: str, **_: Any) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with CONSOLE.capture(), pytest.raises(InputError, match=r"config\.yml' cannot be written \(No space left"):
        save_config(config)
    assert (run / "config.yml").read_bytes() == before
    assert not list(run.glob(".writing*"))


def test_a_run_resumed_in_its_own_folder_is_compared_with_the_config_that_it_replaces(run, monkeypatch):
    said = []

    def launch(config: Any, **_: Any) -> None:
        written: Any = read_config(run / "config.yml")
        assert written.pipeline.model.max_res == 99
        pipeline = SimpleNamespace(model=SimpleNamespace(decides_by_data=False))
        said.extend(changed_settings(config, pipeline, run / "nerfstudio_models" / "step-000000039.ckpt"))

    monkeypatch.setattr(scripts, "launch", launch)
    given = typed(run / "config.yml", load_dir=run)
    given.pipeline.model.max_res = 99
    scripts.main(given)
    assert len(said) == 1 and "--pipeline.model.max-res (was " in said[0] and ", is 99)" in said[0]
    assert said[0].endswith("Give the old values to go on with the same.")
