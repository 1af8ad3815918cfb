"""A run is loaded from beside the config.yml that was given; anything else that is given gets a sentence."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from nerfstudio.configs.method_configs import all_methods
from nerfstudio.utils import eval_utils
from nerfstudio.utils.rich_utils import CONSOLE
from old_runs import METHODS, copy_run

from s3im_methods.engine.checkpoint_notes import notes_of, write_notes
from s3im_methods.engine.run_config import find_config, read_config, unknown_settings
from s3im_methods.engine.run_place import fit_hardware
from s3im_methods.errors import InputError

RUN = Path("runs/s3im-nerfacto-lite/0.1.0")
CHECKPOINT = "step-000000039.ckpt"


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """A run's folder; its config names places relative to the working directory."""
    for name, method in METHODS.items():
        monkeypatch.setitem(all_methods, name, method)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    return copy_run(RUN, home)


def load(config: Path, monkeypatch, callback: Any = None) -> tuple[Any, Path, str]:
    """Load a run without building its pipeline: its settings, the checkpoint's path, and what was said."""

    class Nothing(torch.nn.Module):
        pass

    found: list[Any] = []

    def no_pipeline(self: Any, **kwargs: Any) -> Any:
        found.append(self)
        return Nothing()

    monkeypatch.setattr(eval_utils, "Pipeline", Nothing)
    monkeypatch.setattr("s3im_methods.engine.pipeline.S3IMPipelineConfig.setup", no_pipeline)
    monkeypatch.setattr(eval_utils, "eval_load_checkpoint", lambda config, _: (config.load_dir, config.load_step))
    with CONSOLE.capture() as capture:
        settings, _, folder, step = eval_utils.eval_setup(config, update_config_callback=callback)
    checkpoint = Path(folder) / f"step-{step:09d}.ckpt"
    assert checkpoint.is_file()
    return settings, checkpoint.resolve(), " ".join(capture.get().split())


def edit(config: Path, old: str, new: str) -> None:
    text = config.read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new), encoding="utf-8")


def test_a_run_where_it_was_trained_is_loaded_without_a_word(run, monkeypatch):
    _, checkpoint, said = load(run / "config.yml", monkeypatch)
    assert checkpoint == run / "nerfstudio_models" / CHECKPOINT
    assert said == ""


def test_what_a_command_changes_is_not_taken_for_the_runs_settings(run, monkeypatch):
    path = run / "nerfstudio_models" / CHECKPOINT
    torch.save({"step": 39}, path)
    write_notes(path, notes_of(read_config(run / "config.yml")))

    def smaller(config: Any) -> Any:
        config.pipeline.datamanager.dataparser.downscale_factor = 2
        return config

    assert load(run / "config.yml", monkeypatch, smaller)[2] == ""


def test_so_is_one_behind_a_link(run, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(run)
    _, checkpoint, said = load(tmp_path / "link" / "config.yml", monkeypatch)
    assert checkpoint == run / "nerfstudio_models" / CHECKPOINT
    assert said == ""


@pytest.mark.parametrize("name", ["copy", "s3im-nerfacto-lite/copy"])
def test_a_copy_loads_its_own_checkpoint_and_not_the_originals(run, tmp_path, monkeypatch, name):
    shutil.copytree(run, tmp_path / name)
    settings, checkpoint, said = load(tmp_path / name / "config.yml", monkeypatch)
    assert checkpoint == tmp_path / name / "nerfstudio_models" / CHECKPOINT
    assert settings.get_base_dir() == tmp_path / name
    assert f"The checkpoint is read from '{checkpoint.parent}', beside the given config.yml".replace(
        " ", ""
    ) in said.replace(" ", "")


def test_from_another_working_directory_scene_and_checkpoint_are_those_of_the_run(run, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    # Another scene at the same relative place.
    shutil.copytree(tmp_path / "home" / "scenes", "scenes")
    settings, checkpoint, said = load(run / "config.yml", monkeypatch)
    assert checkpoint == run / "nerfstudio_models" / CHECKPOINT
    assert settings.pipeline.datamanager.data == tmp_path / "home" / "scenes/room/masked.json"
    assert settings.data == settings.pipeline.datamanager.data
    assert "The run's scene is read from" in said


@pytest.mark.parametrize("recorded", ["/nowhere/of/alice/scenes/room/masked.json", "/nowhere/masked.json"])
@pytest.mark.parametrize("place", ["home/scenes/room", "home/runs/s3im-nerfacto-lite/0.1.0", "home"])
def test_a_run_of_another_machine_finds_its_scene_beside_or_above(run, tmp_path, monkeypatch, recorded, place):
    shutil.move(tmp_path / "home/scenes/room/masked.json", tmp_path / "masked.json")
    shutil.move(tmp_path / "masked.json", tmp_path / place / "masked.json")
    config = yaml.load((run / "config.yml").read_text(), Loader=yaml.Loader)
    for holder in (config, config.pipeline.datamanager, config.pipeline.datamanager.dataparser):
        holder.data = Path(recorded)
    config.output_dir = Path("/nowhere/of/alice")
    (run / "config.yml").write_text(yaml.dump(config))
    if place == "home/scenes/room" and "scenes" not in recorded:
        with pytest.raises(InputError, match=r"scene is not at '/nowhere/masked\.json'.* at '.*0\.1\.0/masked\.json'"):
            load(run / "config.yml", monkeypatch)
        return
    settings, _, said = load(run / "config.yml", monkeypatch)
    assert settings.pipeline.datamanager.data == tmp_path / place / "masked.json"
    assert recorded.replace(" ", "") in said.replace(" ", "")


def test_a_folder_of_runs_with_the_scenes_name_is_no_scene(run, tmp_path, monkeypatch):
    config = yaml.load((run / "config.yml").read_text(), Loader=yaml.Loader)
    config.pipeline.datamanager.data = config.data = Path("/nowhere/runs")
    (run / "config.yml").write_text(yaml.dump(config))
    with pytest.raises(InputError, match="The run's scene is not at '/nowhere/runs'"):
        load(run / "config.yml", monkeypatch)


def test_a_config_without_checkpoints_beside_reads_the_recorded_ones(run, tmp_path, monkeypatch):
    shutil.copy(run / "config.yml", tmp_path / "edited.yml")
    _, checkpoint, said = load(tmp_path / "edited.yml", monkeypatch)
    assert checkpoint == run / "nerfstudio_models" / CHECKPOINT
    assert "No checkpoint lies beside" in said
    shutil.rmtree(run / "nerfstudio_models")
    with pytest.raises(InputError, match=r"put the run's nerfstudio_models folder beside its config\.yml"):
        load(tmp_path / "edited.yml", monkeypatch)


def test_checkpoints_right_beside_config(run, monkeypatch):
    shutil.move(run / "nerfstudio_models" / CHECKPOINT, run / CHECKPOINT)
    assert load(run / "config.yml", monkeypatch)[1] == run / CHECKPOINT


def test_other_files_among_the_checkpoints_are_left_alone(run, monkeypatch):
    folder = run / "nerfstudio_models"
    for name in (".DS_Store", "notes.txt", "step-000000050.ckpt.part", "step-best.ckpt", "old-99.zip"):
        (folder / name).touch()
    (folder / "step-000000099.ckpt").mkdir()
    assert load(run / "config.yml", monkeypatch)[1] == folder / CHECKPOINT


def test_of_several_steps_the_last_one_is_loaded_or_the_one_that_config_names(run, monkeypatch):
    folder = run / "nerfstudio_models"
    shutil.copy(folder / CHECKPOINT, folder / "step-000000100.ckpt")
    assert load(run / "config.yml", monkeypatch)[1].name == "step-000000100.ckpt"
    edit(run / "config.yml", "load_step: null", "load_step: 39")
    _, checkpoint, said = load(run / "config.yml", monkeypatch)
    assert checkpoint.name == CHECKPOINT and "so that step is loaded and not the last one, 100" in said
    edit(run / "config.yml", "load_step: 39", "load_step: 7")
    _, checkpoint, said = load(run / "config.yml", monkeypatch)
    assert checkpoint.name == "step-000000100.ckpt" and "no such checkpoint: step 100 is loaded" in said


def test_a_config_from_windows(run, monkeypatch):
    edit(run / "config.yml", "pathlib.PosixPath", "pathlib.WindowsPath")
    assert load(run / "config.yml", monkeypatch)[1] == run / "nerfstudio_models" / CHECKPOINT


def test_a_scene_from_windows_is_found_by_its_name(run, tmp_path, monkeypatch):
    config = yaml.load((run / "config.yml").read_text(), Loader=yaml.Loader)
    config.pipeline.datamanager.data = config.data = Path("C:/Users/me/scenes/room/masked.json")
    (run / "config.yml").write_text(yaml.dump(config))
    settings, _, _ = load(run / "config.yml", monkeypatch)
    assert settings.data == tmp_path / "home/scenes/room/masked.json"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("nothing.yml", r"^No config at '.*nothing\.yml': give '.*0\.1\.0/config\.yml'\.$"),
        ("nerfstudio_models/" + CHECKPOINT, r"is a checkpoint, not a run's config\.yml: give '.*0\.1\.0/config\.yml'"),
        ("nerfstudio_models", r"is a folder without a config\.yml: give '.*0\.1\.0/config\.yml'"),
        ("metrics.json", r"is a JSON file, not a run's config\.yml: give '.*0\.1\.0/config\.yml'"),
        ("../..", r"is a folder without a config\.yml, but one run is below it: give for instance '.*config\.yml'"),
        ("../../../scenes/room/masked.json", r"is a JSON file, not a run's config\.yml"),
    ],
)
def test_something_else_is_given(run, given, sentence):
    with pytest.raises(InputError, match=sentence):
        find_config(run / given)


def test_a_runs_folder_stands_for_its_config(run):
    with CONSOLE.capture() as capture:
        assert find_config(run) == run / "config.yml"
    assert "is a run's folder: its config.yml is loaded" in " ".join(capture.get().split())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("a: [1,", r"is not valid YAML at line 1: it is damaged"),
        ("a: 1", r"is YAML, but not a run's configuration"),
        ("just words", r"is YAML, but not a run's configuration"),
        (
            "method_name: x\n_target: !!python/name:gone_package.Trainer ''",
            r"names 'gone_package'.* for the method 'x'",
        ),
        ("_target: !!python/name:s3im_methods.gone.Trainer ''", r"names 's3im_methods\.gone'"),
        ("_target: !!python/name:s3im_methods.engine.trainer.Gone ''", r"names '.*Gone'|has no attribute 'Gone'|names"),
    ],
)
def test_files_that_are_no_config(tmp_path, text, sentence):
    (tmp_path / "config.yml").write_text(text)
    with pytest.raises(InputError, match=sentence) as refusal:
        read_config(tmp_path / "config.yml")
    assert "\n" not in str(refusal.value)


def test_no_text(tmp_path):
    (tmp_path / "config.yml").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(InputError, match="is not a text file"):
        read_config(tmp_path / "config.yml")


def test_a_config_that_is_cut_off_anywhere_is_called_so(run):
    """In the middle of a name too, where what is left names a class that nobody has."""
    text = (run / "config.yml").read_text()
    end = text.index("\nvis:") + 1
    for length in [*range(1, end, 97), end]:
        (run / "config.yml").write_text(text[:length])
        with pytest.raises(InputError, match=r"config\.yml' is cut off after line \d+: put a copy"):
            read_config(run / "config.yml")


def test_a_method_that_is_not_installed(run):
    edit(run / "config.yml", "method_name: s3im-nerfacto-lite", "method_name: better-nerf")
    with pytest.raises(InputError, match="is of the method 'better-nerf', which is not installed here"):
        read_config(run / "config.yml")


def test_a_method_with_s3im_that_cannot_be_trained_here(run):
    """It is registered only where it can be trained."""
    for name, why in (("splatfacto", "'splatfacto' renders whole images"), ("better-nerf", "No method 'better-nerf'")):
        text = (run / "config.yml").read_text()
        edit(run / "config.yml", "method_name: s3im-nerfacto-lite", f"method_name: {name}+s3im")
        with pytest.raises(InputError, match=rf"was written by s3im train\. {why}"):
            read_config(run / "config.yml")
        (run / "config.yml").write_text(text)


def test_settings_of_a_later_version_are_named(run):
    assert unknown_settings(read_config(run / "config.yml")) == []
    config = read_config(run / "config.yml")
    config.pipeline.model.glow = 1  # type: ignore[attr-defined]
    assert unknown_settings(config) == ["pipeline.model.glow"]


@pytest.mark.parametrize(("wanted", "count"), [("cuda", 1), ("cuda", 2), ("mps", 1)])
def test_hardware_that_is_not_here(run, monkeypatch, wanted, count):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    config = read_config(run / "config.yml")
    config.machine.device_type, config.machine.num_devices = wanted, count
    with CONSOLE.capture() as capture:
        fit_hardware(config)
    assert (config.machine.device_type, config.machine.num_devices) == ("cpu", 1)
    said = " ".join(capture.get().split())
    assert f"--machine.device-type is {wanted}, which this machine does not have: this run uses the CPU" in said
    assert ("--machine.num-devices is 2, but this machine has 1: each" in said) == (count == 2)
    with CONSOLE.capture() as capture:
        fit_hardware(config)
    assert capture.get() == ""


def test_fewer_gpus_than_recorded(run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    config = read_config(run / "config.yml")
    config.machine.device_type, config.machine.num_devices = "cuda", 4
    fit_hardware(config)
    assert (config.machine.device_type, config.machine.num_devices) == ("cuda", 1)
