"""Trainings that begin with another run's weights, that keep several checkpoints, and that judge each."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from nerfstudio.scripts.train import _set_random_seed
from short_runs import short_config, train

from s3im_methods.engine.trainer import EVALUATIONS
from s3im_methods.engine.warm_start import begin_with_weights
from s3im_methods.errors import InputError
from s3im_methods.method_configs import s3im_nerfacto_lite, s3im_tensorf_lite
from s3im_methods.models.s3im_dvgo import S3IMDVGOModel
from s3im_methods.models.s3im_nerfacto import S3IMNerfactoModel
from s3im_methods.models.s3im_tensorf import S3IMTensoRFModel

APPEARANCE = "_model.field.embedding_appearance.embedding.weight"


def config(scene: Path, out: Path, steps: int, **settings: Any) -> Any:
    return replace(short_config(s3im_nerfacto_lite.config, scene, out, steps), **settings)


def set_up(settings: Any) -> Any:
    _set_random_seed(settings.machine.seed)
    trainer = settings.setup(local_rank=0, world_size=1)
    trainer.setup()
    return trainer


@pytest.fixture(scope="module")
def run(scenes, tmp_path_factory) -> Path:
    """The folder of a run of four steps, a checkpoint after every second, all judged."""
    settings = config(scenes / "room", tmp_path_factory.mktemp("first"), 4, eval_at_save=True, keep_checkpoints=2)
    settings.steps_per_save = 2
    settings.save_config()
    set_up(settings).train()
    return settings.get_base_dir()


def test_each_kept_checkpoint_was_judged(run):
    lines = [json.loads(line) for line in (run / EVALUATIONS).read_text().splitlines()]
    steps = [int(path.stem.split("-")[1]) for path in sorted((run / "nerfstudio_models").glob("*.ckpt"))]
    assert len(steps) == 2 and {line["step"] for line in lines} >= set(steps)
    assert all(5 < line["psnr"] < 50 and 0 < line["ssim"] < 1 for line in lines)


def test_judging_does_not_change_the_training(run, scenes, tmp_path):
    plain = train(config(scenes / "room", tmp_path, 4))
    judged = torch.load(sorted((run / "nerfstudio_models").glob("*.ckpt"))[-1])
    assert plain["step"] == judged["step"]
    assert all(torch.equal(value, judged["pipeline"][name]) for name, value in plain["pipeline"].items())


@pytest.mark.parametrize("given", ["run", "checkpoints", "file"])
def test_it_begins_at_step_0_with_the_others_weights(run, scenes, tmp_path, given):
    folder = run / "nerfstudio_models"
    last = sorted(folder.glob("*.ckpt"))[-1]
    source = {"run": run, "checkpoints": folder, "file": last}[given]
    trainer = set_up(config(scenes / "room", tmp_path, 4, warm_start=source))
    saved = torch.load(last)["pipeline"]
    assert trainer._start_step == 0
    assert all(torch.equal(value, saved[name]) for name, value in trainer.pipeline.state_dict().items())
    assert not any(optimizer.state for optimizer in trainer.optimizers.optimizers.values())


def test_what_is_another_scenes_begins_anew_and_is_named(run, scenes, tmp_path, capsys):
    fewer = shutil.copytree(scenes / "room", tmp_path / "fewer")
    meta = json.loads((fewer / "transforms.json").read_text())
    meta["train_filenames"] = meta["train_filenames"][:5]
    (fewer / "transforms.json").write_text(json.dumps(meta))
    trainer = set_up(config(fewer, tmp_path, 4, warm_start=run))
    saved = torch.load(sorted((run / "nerfstudio_models").glob("*.ckpt"))[-1])["pipeline"]
    own = trainer.pipeline.state_dict()
    assert {name for name in own if own[name].shape != saved[name].shape} == {APPEARANCE}
    assert all(torch.equal(own[name], value) for name, value in saved.items() if name != APPEARANCE)
    said = " ".join(capsys.readouterr().out.split())
    assert "Training begins at step 0 with the weights of" in said and "embedding_appearance" in said


def test_resuming_a_run_that_began_warm_continues_it(run, scenes, tmp_path, capsys):
    train(config(scenes / "room", tmp_path / "straight", 4, warm_start=run))
    first = config(scenes / "room", tmp_path / "halves", 2, warm_start=run)
    train(first)
    second = config(scenes / "room", tmp_path / "halves", 4, warm_start=run, load_dir=first.get_checkpoint_dir())
    resumed = train(second)
    assert "--warm-start has no effect" in " ".join(capsys.readouterr().out.split())
    straight = torch.load(next((tmp_path / "straight").rglob("*.ckpt")))
    assert resumed["step"] == straight["step"] == 3
    assert all(torch.equal(value, resumed["pipeline"][name]) for name, value in straight["pipeline"].items())


def test_what_cannot_be_begun_with_gets_a_sentence(run, scenes, tmp_path):
    with pytest.raises(InputError, match=r"No checkpoint at .*: give --warm-start a step"):
        set_up(config(scenes / "room", tmp_path, 4, warm_start=tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"Most weights of this model are not in the checkpoint .*: give --warm-start"):
        other = short_config(s3im_tensorf_lite.config, scenes / "room", tmp_path, 4)
        set_up(replace(other, warm_start=run))
    with pytest.raises(InputError, match="--keep-checkpoints is 0: give 1 or more"):
        set_up(config(scenes / "room", tmp_path, 4, keep_checkpoints=0))


class Pipeline(torch.nn.Module):
    """Of one layer; in several processes the model is wrapped."""

    def __init__(self, size: int, wrapped: bool, grids_grow: bool = False) -> None:
        super().__init__()
        self.model: Any = torch.nn.Linear(size, 1)
        self._model = torch.nn.ModuleDict({"module": self.model}) if wrapped else self.model
        del self.model
        object.__setattr__(self, "model", type("Model", (), {"grids_grow": grids_grow}))


def checkpoint(folder: Path, pipeline: Pipeline) -> Path:
    torch.save({"pipeline": pipeline.state_dict()}, folder / "step-000000001.ckpt")
    return folder / "step-000000001.ckpt"


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("now", [False, True])
def test_one_process_and_several_begin_with_each_others_weights(tmp_path, capsys, before, now):
    first, second = Pipeline(5, before), Pipeline(5, now)
    begin_with_weights(second, checkpoint(tmp_path, first))
    ours, others = second.state_dict().values(), first.state_dict().values()
    assert all(torch.equal(one, other) for one, other in zip(ours, others, strict=True))
    assert "not in it" not in capsys.readouterr().out


def test_grids_that_have_grown_are_no_beginning(tmp_path):
    grown = checkpoint(tmp_path, Pipeline(50, False))
    with pytest.raises(InputError, match=r"have grown in training, .*: resume that run with --load-dir in place of"):
        begin_with_weights(Pipeline(5, False, grids_grow=True), grown)
    with pytest.raises(InputError, match="Most weights of this model"):
        begin_with_weights(Pipeline(5, False), grown)
    assert S3IMTensoRFModel.grids_grow and S3IMDVGOModel.grids_grow and not S3IMNerfactoModel.grids_grow


def test_a_resumed_run_keeps_its_schedule_whatever_rate_is_typed(scenes, tmp_path, capsys):
    straight = train(config(scenes / "room", tmp_path / "straight", 4))
    first = config(scenes / "room", tmp_path / "halves", 2)
    train(first)
    second = config(scenes / "room", tmp_path / "halves", 4, load_dir=first.get_checkpoint_dir())
    for group in second.optimizers.values():
        group["optimizer"].lr *= 3
        group["optimizer"].eps *= 3
    resumed = train(second)
    said = " ".join(capsys.readouterr().out.split())
    assert "of which eps, lr have no effect, because the checkpoint holds the optimizers' settings" in said
    assert all(torch.equal(value, resumed["pipeline"][name]) for name, value in straight["pipeline"].items())
    assert second.optimizers["fields"]["optimizer"].lr == first.optimizers["fields"]["optimizer"].lr
