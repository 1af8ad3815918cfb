"""Ctrl-C and a kill end a training between two steps, with a checkpoint that repeats the straight run."""

import os
import shutil
import signal
from typing import Any

import pytest
import torch
from nerfstudio.configs.method_configs import all_methods
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackLocation
from nerfstudio.scripts import train as ns_train
from nerfstudio.scripts.train import _set_random_seed
from short_runs import short_config, train

from s3im_methods.engine.interruption import trainings_end_in_order, what_is_left
from s3im_methods.errors import InputError
from s3im_methods.method_configs import s3im_nerfacto_lite


@pytest.fixture(autouse=True)
def signals_that_are_not_ignored():
    """A shell ignores SIGINT in what it starts in the background, and nohup ignores SIGHUP."""
    wanted = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def settings(scenes, out, steps: int) -> Any:
    result = short_config(s3im_nerfacto_lite.config, scenes / "object", out, steps)
    result.pipeline.model.log2_hashmap_size = 8
    return result


def interrupted(config: Any, number: signal.Signals, wanted: int, place: TrainingCallbackLocation) -> Any:
    """A trainer that hears a signal within a step."""
    _set_random_seed(config.machine.seed)
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.setup()

    def send(step: int) -> None:
        if step == wanted:
            os.kill(os.getpid(), number)

    trainer.callbacks.insert(0, TrainingCallback([place], send))
    return trainer


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("place", list(TrainingCallbackLocation)[:2])
def test_an_interrupted_run_repeats_the_straight_one(scenes, tmp_path, capsys, number, place):
    straight = train(settings(scenes, tmp_path / "straight", 6))
    capsys.readouterr()
    config = settings(scenes, tmp_path / "stopped", 6)
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    trainer = interrupted(config, number, 2, place)
    with trainings_end_in_order(), pytest.raises(SystemExit) as ended:
        trainer.train()
    assert ended.value.code == 128 + number
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    folder = config.get_checkpoint_dir()
    assert [path.name for path in folder.iterdir()] == ["step-000000002.ckpt"]
    said = capsys.readouterr().out
    assert "the checkpoint of step 2 is kept. To continue: ns-train s3im-nerfacto-lite --load-config" in said
    assert "Training Finished" not in said
    again = settings(scenes, tmp_path / "stopped", 6)
    again.load_dir = folder
    resumed = train(again)
    assert resumed["step"] == 5
    for key, value in straight["pipeline"].items():
        torch.testing.assert_close(resumed["pipeline"][key], value, rtol=0, atol=0, msg=lambda m, k=key: f"{k}: {m}")


def test_a_signal_in_the_last_step_changes_nothing(scenes, tmp_path, capsys):
    config = settings(scenes, tmp_path, 3)
    config.viewer.quit_on_train_completion = True
    with trainings_end_in_order():
        interrupted(config, signal.SIGINT, 2, TrainingCallbackLocation.AFTER_TRAIN_ITERATION).train()
    assert [path.name for path in config.get_checkpoint_dir().iterdir()] == ["step-000000002.ckpt"]
    assert "Training Finished" in capsys.readouterr().out


def test_a_training_of_another_program_leaves_signals_to_it(scenes, tmp_path):
    trainer = interrupted(settings(scenes, tmp_path, 3), signal.SIGINT, 1, TrainingCallbackLocation(1))
    with pytest.raises(KeyboardInterrupt):
        trainer.train()


def test_what_is_ignored_stays_ignored(scenes, tmp_path):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    config = settings(scenes, tmp_path, 3)
    with trainings_end_in_order():
        interrupted(config, signal.SIGHUP, 1, TrainingCallbackLocation(1)).train()
    assert [path.name for path in config.get_checkpoint_dir().iterdir()] == ["step-000000002.ckpt"]


def test_a_pipe_that_nobody_reads_on_leaves_a_checkpoint(scenes, tmp_path, monkeypatch):
    from s3im_methods.engine import trainer as module

    monkeypatch.setattr(module, "output_fails", lambda: True)
    monkeypatch.setattr(module, "drop_output", lambda: None)
    config = settings(scenes, tmp_path, 6)
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.setup()

    def printed(step: int) -> None:
        if step == 2:
            raise BrokenPipeError

    monkeypatch.setattr(trainer, "_update_viewer_state", printed)
    with pytest.raises(SystemExit) as ended:
        trainer.train()
    assert ended.value.code == 141
    assert [path.name for path in config.get_checkpoint_dir().iterdir()] == ["step-000000002.ckpt"]


def test_a_folder_that_was_removed_gets_a_checkpoint(scenes, tmp_path, monkeypatch):
    """Seen by the writer of tensorboard's events, which opens its file anew each time."""
    config = settings(scenes, tmp_path, 6)
    config.save_config()
    trainer = config.setup(local_rank=0, world_size=1)
    trainer.setup()

    def remove(step: int) -> None:
        if step == 2:
            shutil.rmtree(config.get_base_dir())
            raise FileNotFoundError(2, "No such file or directory", os.fsencode(config.get_base_dir() / "events.out"))

    monkeypatch.setattr(trainer, "_update_viewer_state", remove)
    with pytest.raises(
        InputError, match=r"cannot be written \(No such .* the checkpoint of step 2 is kept\. To continue:"
    ):
        trainer.train()
    found = {path.name for path in config.get_base_dir().rglob("*") if path.is_file()}
    assert found == {"config.yml", "dataparser_transforms.json", "step-000000002.ckpt"}


def test_ctrl_c_before_the_training_is_a_sentence(scenes, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(all_methods, "s3im-nerfacto-lite", s3im_nerfacto_lite.config)
    config = settings(scenes, tmp_path, 3)

    def pressed(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(config), "setup", pressed)
    with pytest.raises(SystemExit) as ended:
        ns_train.main(config)
    assert ended.value.code == 130
    said = capsys.readouterr().out
    assert "Interrupted before the first checkpoint: start the training again." in said
    assert "Traceback" not in said


def test_ctrl_c_closes_the_viewer_of_a_finished_training(scenes, tmp_path, monkeypatch, capsys):
    from nerfstudio.engine.trainer import Trainer

    def waits(self) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_train_complete_viewer", waits)
    config = settings(scenes, tmp_path, 1)
    config.viewer.quit_on_train_completion = False
    train(config)
    assert "The viewer is closed." in capsys.readouterr().out


def test_the_command_that_continues(scenes, tmp_path):
    config = settings(scenes, tmp_path / "my runs", 1)
    config.method_name = "nerfacto+s3im"
    config.get_checkpoint_dir().mkdir(parents=True)
    (config.get_checkpoint_dir() / "step-000000007.ckpt").touch()
    run = f"'{tmp_path}/my runs/run/nerfacto+s3im/one'"
    assert what_is_left(config) == (
        "Interrupted: the checkpoint of step 7 is kept. To continue: s3im train nerfacto "
        f"--load-config {run} --load-dir {run}"
    )


def test_upstream_still_prints_a_traceback():
    """When this fails, nerfstudio ends in order at Ctrl-C: look whether ``engine.interruption`` is needed."""
    import inspect

    assert "CONSOLE.print(traceback.format_exc())" in inspect.getsource(ns_train.launch)


def test_upstream_still_numbers_a_step_that_it_did_not_make():
    """When this fails, nerfstudio's ``self.step`` is a step that was made: drop ``S3IMTrainer._after_train``."""
    import inspect

    from nerfstudio.engine.trainer import Trainer

    source = inspect.getsource(Trainer.train)
    assert source.index("self.step = step") < source.index("if self.stop_training:\n                    break")
