"""Checkpoints survive an interruption at any moment, and only what is not needed any more is removed."""

import os
import signal
import subprocess
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from nerfstudio.engine.trainer import Trainer
from small_trainer import names, trainer

from s3im_methods.errors import InputError


def test_the_latest_checkpoint_replaces_the_others(tmp_path):
    for step in (1, 2):
        trainer(tmp_path / "models").save_checkpoint(step)
    assert names(tmp_path / "models") == ["step-000000002.ckpt"]
    assert names(tmp_path) == ["models"]


@pytest.mark.parametrize("keep, kept", [(1, [5]), (2, [4, 5]), (4, [2, 3, 4, 5]), (9, [1, 2, 3, 4, 5])])
def test_as_many_checkpoints_stay_as_wanted(tmp_path, keep, kept):
    for step in range(1, 6):
        run = trainer(tmp_path / "models")
        run.config.keep_checkpoints = keep  # type: ignore[attr-defined]
        run.save_checkpoint(step)
    assert names(tmp_path / "models") == [f"step-{step:09d}.ckpt" for step in kept]


def test_checkpoints_of_a_longer_run_that_was_replaced_do_not_stay(tmp_path):
    folder = tmp_path / "models"
    for step in (8, 9):
        run = trainer(folder)
        run.config.save_only_latest_checkpoint = False
        run.save_checkpoint(step)
    (folder / "notes.ckpt").touch()
    for step in (1, 2, 3):
        run = trainer(folder)
        run.config.keep_checkpoints = 2  # type: ignore[attr-defined]
        run.save_checkpoint(step)
    assert names(folder) == ["notes.ckpt", "step-000000002.ckpt", "step-000000003.ckpt"]


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import torch
from pathlib import Path
from small_trainer import trainer
folder = Path({folder!r})
trainer(folder).save_checkpoint(1)
save = torch.save
def killed(state, path):
    save(state, path)
    with open(path, "r+b") as file:  # as if the disk had half of it
        file.truncate(os.path.getsize(path) // 2)
    os.kill(os.getpid(), signal.SIGKILL)
torch.save = killed
trainer(folder).save_checkpoint(2)
"""


def test_kill_during_a_write_leaves_the_previous_checkpoint(tmp_path):
    folder = tmp_path / "models"
    code = KILLED.format(tests=os.path.dirname(__file__), folder=str(folder))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert names(folder) == ["step-000000001.ckpt"]
    assert torch.load(folder / "step-000000001.ckpt")["step"] == 1
    trainer(folder).save_checkpoint(3)
    assert names(tmp_path) == ["models"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_parameters_that_are_not_finite_are_not_saved(tmp_path, value):
    folder = tmp_path / "models"
    trainer(folder).save_checkpoint(1)
    with pytest.raises(InputError, match="Parameter weight is not finite after step 2"):
        trainer(folder, value).save_checkpoint(2)
    assert names(folder) == ["step-000000001.ckpt"]


def test_upstream_still_writes_checkpoints_in_place(tmp_path, monkeypatch):
    """When this fails, nerfstudio keeps the last good one while it writes: drop ``SafeCheckpoints``."""

    written: list[Path] = []
    monkeypatch.setattr(torch, "save", lambda found, path, **kwargs: written.append(Path(path)))
    stock = trainer(tmp_path)
    Trainer.save_checkpoint(stock, 1)
    assert written == [tmp_path / "step-000000001.ckpt"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("[enforce fail at inline_container.cc:603]")]
)
def test_a_full_disk_keeps_the_last_checkpoint_and_gets_a_sentence(tmp_path, monkeypatch, error):
    folder = tmp_path / "models"
    trainer(folder).save_checkpoint(1)

    def half(state, path, **kwargs) -> None:
        Path(path).write_bytes(b"PK")
        raise error

    monkeypatch.setattr(torch, "save", half)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with pytest.raises(InputError, match=r"of step 2 cannot be written to '.*models' .*, and the one of step 1 stays"):
        trainer(folder).save_checkpoint(2)
    assert names(folder) == ["step-000000001.ckpt"]
    with pytest.raises(InputError, match=r"and there is no earlier one: free space there, .* and start again\.$"):
        trainer(tmp_path / "others").save_checkpoint(2)
    assert names(tmp_path) == ["models", "tmp"] and names(temporary) == []


def test_what_does_not_fit_is_saved_among_the_temporary_files(tmp_path, monkeypatch):
    folder, temporary, save = tmp_path / "models", tmp_path / "tmp", torch.save
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def full(state, path, **kwargs) -> None:
        if temporary not in Path(path).parents:
            raise RuntimeError("[enforce fail at inline_container.cc:603]")
        save(state, path)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match=r"so it was written to '(.*)': move it to the former") as said:
        trainer(folder, 3.0).save_checkpoint(2)
    (place,) = temporary.iterdir()
    assert f"'{place}'" in str(said.value)
    later = trainer(folder)
    later.config.load_dir = place
    later._load_checkpoint()
    assert later.pipeline.state_dict()["weight"].unique().tolist() == [3.0]
    assert names(tmp_path) == ["tmp"]


@pytest.mark.parametrize(("step", "keep", "is_said"), [(1, 2, True), (1, None, True), (1, "all", False), (3, 2, False)])
def test_later_checkpoints_that_the_first_save_removes_are_named(tmp_path, capsys, step, keep, is_said):
    for saved in (1, 2, 3):
        earlier: Any = trainer(tmp_path / "models")
        earlier.config.keep_checkpoints = 3
        earlier.save_checkpoint(saved)
    resumed: Any = trainer(tmp_path / "models")
    resumed.config.load_dir, resumed.config.load_step = tmp_path / "models", step
    resumed.config.save_only_latest_checkpoint = keep != "all"
    resumed.config.keep_checkpoints = None if keep == "all" else keep
    resumed._load_checkpoint()
    said = " ".join(capsys.readouterr().out.split())
    assert ("(up to step 3). The first new checkpoint replaces them: copy them elsewhere" in said) == is_said
    resumed.save_checkpoint(step + 1)
    assert ("step-000000003.ckpt" in names(tmp_path / "models")) == (step == 3 or not is_said)


def test_a_folder_that_was_removed_gets_its_config_again(tmp_path, monkeypatch):
    """Without it no run is loaded."""
    from s3im_methods.engine import safe_checkpoints

    written: list[Path] = []

    def save_config(config) -> None:
        written.append(tmp_path / "run" / "config.yml")
        written[-1].touch()

    monkeypatch.setattr(safe_checkpoints, "save_config", save_config)
    run = trainer(tmp_path / "run" / "models")
    run.base_dir = tmp_path / "run"
    run.pipeline.datamanager = types.SimpleNamespace()  # type: ignore[assignment]
    run._began_with_config = True
    run.save_checkpoint(1)
    assert names(tmp_path / "run") == ["config.yml", "models"]
    run.save_checkpoint(2)
    assert len(written) == 1
