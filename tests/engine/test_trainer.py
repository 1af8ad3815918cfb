"""What nerfstudio's trainer lacks, without a scene; real runs are made by the other files."""

import threading
import types
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.trainer import Trainer
from small_trainer import trainer

from s3im_methods.compat.viewer_turns import TurnLock
from s3im_methods.data.scene_facts import add_facts
from s3im_methods.data.scene_sphere import SceneSphere
from s3im_methods.errors import InputError
from s3im_methods.method_configs import (
    s3im_dvgo_lite,
    s3im_mipnerf360,
    s3im_neus,
    s3im_neus_facto_lite,
    s3im_unisurf_lite,
    s3im_volsdf_lite,
)


def test_no_picture_of_the_viewer_is_drawn_while_a_checkpoint_is_evaluated(tmp_path):
    run = trainer(tmp_path / "models")
    run.config.eval_at_save, run.base_dir, run.train_lock = True, tmp_path, TurnLock()  # type: ignore[attr-defined]
    drawn, modes, pictures = threading.Event(), [], []

    def picture() -> None:
        with run.train_lock.picture(lambda: 0.0):  # type: ignore[attr-defined]
            run.pipeline.train()
            drawn.set()

    def evaluate(step: int) -> dict[str, float]:
        run.pipeline.eval()
        pictures.append(threading.Thread(target=picture))
        pictures[0].start()
        for _ in range(2):
            drawn.wait(0.1)
            modes.append(run.pipeline.training)
        return {"psnr": 20.0}

    run.pipeline.get_average_eval_image_metrics = evaluate  # type: ignore[method-assign,assignment]
    run.save_checkpoint(1)
    pictures[0].join()
    assert modes == [False, False] and drawn.is_set()


def test_upstream_still_overruns_when_resuming():
    """When this fails, nerfstudio's loop ends at max_num_iterations (issue 3096): drop ``S3IMTrainer.train``."""
    import inspect

    from nerfstudio.engine.trainer import Trainer

    assert "range(self._start_step, self._start_step + num_iterations)" in inspect.getsource(Trainer.train)


def test_a_service_for_curves_that_cannot_be_reached_gets_a_sentence(tmp_path, monkeypatch):
    """wandb and Comet raise errors of their own where nobody is logged in."""

    def setup_event_writer() -> None:
        raise RuntimeError("No API key configured. Use `wandb login` to log in.\nMore.")

    run = trainer(tmp_path)
    config: Any = run.config
    config.vis, config.keep_checkpoints, config.pipeline.datamanager = "wandb", None, types.SimpleNamespace()
    monkeypatch.setattr(Trainer, "setup", lambda self, mode: setup_event_writer())
    sentence = r"^--vis wandb cannot begin \(No API key configured\. Use `wandb login` to log in\): log in there, or "
    with pytest.raises(InputError, match=sentence):
        run.setup()
    monkeypatch.setattr(Trainer, "setup", lambda self, mode: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run.setup()


def test_several_processes_do_not_wait_for_the_one_that_evaluates(tmp_path):
    run = trainer(tmp_path)
    config: Any = run.config
    config.keep_checkpoints, config.eval_at_save, run.world_size = None, True, 2
    with pytest.raises(InputError, match=r"^--eval-at-save works with one process only, but this training has 2:"):
        run.setup()


class Scheduled(torch.nn.Linear):
    """Has what says when something is reached."""

    def schedule_ends(self) -> dict[str, int]:
        return {"sharpness-steps": 400, "s3im.start-step": 21}


@pytest.mark.parametrize(
    ("steps", "named"), [(400, []), (399, ["sharpness-steps (step 400)"]), (20, ["s3im.start-step"])]
)
def test_what_a_short_run_does_not_reach_is_said(tmp_path, capsys, steps, named):
    run = trainer(tmp_path)
    run.pipeline.model = Scheduled(1, 1)  # type: ignore[misc,assignment]
    run.config.max_num_iterations = steps
    run._say_what_is_not_reached()
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(f"The run ends after {steps} steps, before these schedules do:") == bool(named)
    assert all(f"--pipeline.model.{name}" in said for name in named)


def test_methods_say_when_their_schedules_end():
    expected = [
        (s3im_dvgo_lite, {"coarse-steps": 61, "scaling-steps": 280, "s3im.start-step": 61}),
        (s3im_volsdf_lite, {"sharpness-steps": 2400, "s3im.start-step": 1}),
        (s3im_unisurf_lite, {"interval-steps": 1800, "s3im.start-step": 1}),
        (s3im_neus, {"cos-anneal-steps": 5000, "sdf-field.unlock-every": 6001, "s3im.start-step": 1}),
        (s3im_neus_facto_lite, {"cos-anneal-steps": 1000, "s3im.start-step": 1}),
        (s3im_mipnerf360, {"proposal-weights-anneal-max-num-iters": 250_000, "s3im.start-step": 1}),
    ]
    for method, ends in expected:
        config = deepcopy(method.config.pipeline.model)
        box = SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3]))
        facts: dict = {}
        add_facts(facts, scene_kind="object", object_sphere=SceneSphere((0.0, 0.0, 0.0), 1.0, "object"))
        model = config.setup(scene_box=box, num_train_data=2, metadata=facts)
        assert model.schedule_ends() == ends
        model.config.s3im = replace(model.config.s3im, end_step=900)
        assert model.schedule_ends() == {**ends, "s3im.end-step": 900}
        model.config.s3im = replace(model.config.s3im, balance="add")
        assert model.schedule_ends() == ends
        assert max(ends.values()) <= method.config.max_num_iterations


def test_a_resumed_runs_config_that_is_written_again_has_all_its_steps(tmp_path, monkeypatch):
    run, written = trainer(tmp_path / "run" / "models"), []

    def removed_meanwhile(self: Any) -> None:
        (tmp_path / "run" / "config.yml").unlink()
        run.save_checkpoint(5)

    monkeypatch.setattr(Trainer, "train", removed_meanwhile)
    save_config = "s3im_methods.engine.safe_checkpoints.save_config"
    monkeypatch.setattr(save_config, lambda config: written.append(config.max_num_iterations))
    run.base_dir, run.device, run._start_step = tmp_path / "run", "cpu", 4
    run.config.max_num_iterations = 10
    run.pipeline.datamanager = types.SimpleNamespace()  # type: ignore[assignment]
    run.base_dir.mkdir()
    (run.base_dir / "config.yml").touch()
    run.train()
    assert written == [10] and run.config.max_num_iterations == 10


def test_numbers_too_small_for_full_precision_are_0_in_a_training_on_a_cpu(tmp_path):
    small, found, training = torch.tensor(2e-39), [], trainer(tmp_path)
    training.device = "cpu"
    with training._arithmetic():
        found.append((small * 1.5).item())
    assert found == [0.0] and (small * 1.5).item() > 0
