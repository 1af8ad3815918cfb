"""What ns-train does with --load-config, and before it trains."""

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from nerfstudio.configs.method_configs import all_methods
from nerfstudio.utils.rich_utils import CONSOLE
from old_runs import METHODS, copy_run

from s3im_methods.engine.run_config import read_config
from s3im_methods.engine.training_start import prepare, save_config
from s3im_methods.errors import InputError

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


def test_a_run_of_another_method_is_named(run):
    config, said = prepared(typed(run / "config.yml", method_name="s3im-tensorf-lite"))
    assert config.method_name == METHOD
    assert f"is of the method {METHOD}, so that is trained and not s3im-tensorf-lite" in said
    assert "so that is trained" not in prepared(typed(run / "config.yml"))[1]


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


def test_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = prepare(typed(None, output_dir=Path("~/out"), data=Path("~/fox"), load_dir=Path("~/models")))
    assert (config.output_dir, config.data, config.load_dir) == (
        tmp_path / "out",
        tmp_path / "fox",
        tmp_path / "models",
    )


def test_a_full_disk_leaves_the_config_that_is_there(run, monkeypatch):
    config = read_config(run / "config.yml")
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
