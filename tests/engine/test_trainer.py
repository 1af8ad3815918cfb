"""Checkpoints survive an interruption at any moment; what cannot be loaded gets one sentence."""

import os
import signal
import subprocess
import sys
import tempfile
import types
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.trainer import Trainer

from s3im_methods.data.scene_facts import add_facts
from s3im_methods.data.scene_sphere import SceneSphere
from s3im_methods.engine.finite_losses import FiniteLossWatch
from s3im_methods.engine.trainer import S3IMTrainer
from s3im_methods.errors import InputError
from s3im_methods.method_configs import s3im_dvgo_lite, s3im_unisurf_lite, s3im_volsdf_lite


class Layer(torch.nn.Linear):
    """Has what nerfstudio's trainer asks of a pipeline."""

    def load_pipeline(self, state: dict, step: int) -> None:
        self.load_state_dict(state)


def trainer(folder: Path, value: float = 1.0) -> S3IMTrainer:
    """A trainer of one parameter, without scene and viewer."""
    result = object.__new__(S3IMTrainer)
    layer = Layer(200, 200)
    torch.nn.init.constant_(layer.weight, value)
    layer.datamanager = types.SimpleNamespace()  # type: ignore[assignment]
    layer.model = types.SimpleNamespace(decides_by_data=False)  # type: ignore[assignment]
    result.pipeline = layer  # type: ignore[assignment]
    result.checkpoint_dir = folder
    result.config = types.SimpleNamespace(  # type: ignore[assignment]
        method_name="layer",
        optimizers={},
        pipeline=types.SimpleNamespace(model=types.SimpleNamespace(_target=Layer)),
        save_only_latest_checkpoint=True,
        load_dir=None,
        load_checkpoint=None,
        load_step=None,
        load_scheduler=True,
    )
    result.optimizers = types.SimpleNamespace(
        optimizers={}, schedulers={}, load_optimizers=lambda _: None, load_schedulers=lambda _: None
    )  # type: ignore[assignment]
    result.grad_scaler = torch.amp.GradScaler("cpu", enabled=False)  # type: ignore[assignment]
    result._losses_seen = FiniteLossWatch()
    return result


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


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


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import torch
from pathlib import Path
from test_trainer import trainer
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


def test_loading_from_a_folder_without_checkpoints(tmp_path):
    broken = trainer(tmp_path)
    broken.config.load_dir = tmp_path / "nothing"
    with pytest.raises(InputError, match=r"No checkpoint .* give --load-dir the nerfstudio_models folder"):
        broken._load_checkpoint()


def test_loading_a_file_that_is_not_there(tmp_path):
    broken = trainer(tmp_path)
    broken.config.load_checkpoint = tmp_path / "step-000000001.ckpt"
    with pytest.raises(InputError, match=r"No checkpoint at .* give --load-checkpoint a step"):
        broken._load_checkpoint()


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_a_malicious_checkpoint_is_refused_in_one_sentence(tmp_path):
    torch.save({"step": Malicious(tmp_path / "owned")}, tmp_path / "step-000000001.ckpt")
    victim = trainer(tmp_path)
    victim.config.load_dir = tmp_path
    with pytest.raises(InputError, match=r"was refused: .* could run code on this machine") as caught:
        victim._load_checkpoint()
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "owned").exists()


def damaged(data: bytes, how: str) -> bytes:
    """A checkpoint's bytes after something that happens to files."""
    if how == "another file":
        return b"version https://git-lfs.github.com/spec/v1\n"
    if how == "no bytes written":
        return data[: len(data) // 2].ljust(len(data), b"\0")
    return data[: int(how)]


@pytest.mark.parametrize("how", ["0", "1", "100", "1000", "20000", "-1", "no bytes written", "another file"])
def test_a_damaged_checkpoint_gets_one_sentence(tmp_path, how):
    """Torch says so in five ways, and for some lengths it even calls the argument invalid."""
    trainer(tmp_path).save_checkpoint(1)
    path = tmp_path / "step-000000001.ckpt"
    # Long enough to be cut off beyond the first block that torch looks for the end in.
    content = torch.load(path)
    content["pipeline"]["padding"] = torch.zeros(50000)
    torch.save(content, path)
    path.write_bytes(damaged(path.read_bytes(), how))
    victim = trainer(tmp_path)
    victim.config.load_dir = tmp_path
    with pytest.raises(InputError, match="damaged") as refusal:
        victim._load_checkpoint()
    assert "\n" not in str(refusal.value)


def test_upstream_still_overruns_when_resuming():
    """When this fails, nerfstudio's loop ends at max_num_iterations (issue 3096): drop ``S3IMTrainer.train``."""
    import inspect

    from nerfstudio.engine.trainer import Trainer

    assert "range(self._start_step, self._start_step + num_iterations)" in inspect.getsource(Trainer.train)


def test_upstream_still_writes_checkpoints_in_place(tmp_path, monkeypatch):
    """When this fails, nerfstudio keeps the last good one while it writes: drop ``SafeCheckpoints``."""
    from nerfstudio.engine.trainer import Trainer

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


def test_a_runs_folder_stands_for_its_checkpoints(tmp_path):
    trainer(tmp_path / "models").save_checkpoint(1)
    resumed = trainer(tmp_path / "models")
    resumed.config.load_dir = tmp_path
    resumed._load_checkpoint()
    assert resumed._start_step == 2
    # As it was given, so that config.yml does not pin the next resuming to this step.
    assert (resumed.config.load_dir, resumed.config.load_step) == (tmp_path, None)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"load_dir": "models", "load_step": 7}, r"--load-step is 7, and '.*' has no such checkpoint: give one of 1\."),
        ({"load_step": 7}, r"--load-step is 7 and --load-dir is not given"),
        ({"load_dir": "models", "load_checkpoint": "models/step-000000001.ckpt"}, "give one of them"),
        ({"load_dir": "models/step-000000001.ckpt"}, r"which is a file: give it to --load-checkpoint"),
        ({"load_checkpoint": "models"}, r"No checkpoint at '.*models': give --load-checkpoint a step"),
    ],
)
def test_what_to_resume_that_contradicts_itself(tmp_path, settings, sentence):
    trainer(tmp_path / "models").save_checkpoint(1)
    broken = trainer(tmp_path / "models")
    for name, value in settings.items():
        setattr(broken.config, name, tmp_path / value if isinstance(value, str) else value)
    with pytest.raises(InputError, match=sentence):
        broken._load_checkpoint()


def test_other_files_among_the_checkpoints(tmp_path):
    trainer(tmp_path / "models").save_checkpoint(1)
    for name in ("notes.txt", "step-000000009.ckpt.part"):
        (tmp_path / "models" / name).touch()
    resumed = trainer(tmp_path / "models")
    resumed.config.load_dir = tmp_path / "models"
    resumed._load_checkpoint()
    assert resumed._start_step == 2


def test_a_checkpoint_of_a_cpu_goes_on_with_a_gradient_scaler(tmp_path):
    trainer(tmp_path / "models").save_checkpoint(1)
    resumed = trainer(tmp_path / "models")
    resumed.grad_scaler = torch.amp.GradScaler("cpu", enabled=True)  # type: ignore[assignment]
    resumed.config.load_dir = tmp_path / "models"
    resumed._load_checkpoint()
    assert resumed.grad_scaler.get_scale() == 65536.0
    assert "load_state_dict" not in vars(resumed.grad_scaler)


def test_a_scalers_state_is_loaded(tmp_path):
    first = trainer(tmp_path / "models")
    first.grad_scaler = torch.amp.GradScaler("cpu", init_scale=8.0)  # type: ignore[assignment]
    first.save_checkpoint(1)
    resumed = trainer(tmp_path / "models")
    resumed.grad_scaler = torch.amp.GradScaler("cpu", enabled=True)  # type: ignore[assignment]
    resumed.config.load_dir = tmp_path / "models"
    resumed._load_checkpoint()
    assert resumed.grad_scaler.state_dict()["scale"] == 8.0


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
        (s3im_dvgo_lite, {"coarse-steps": 81, "scaling-steps": 300, "s3im.start-step": 81}),
        (s3im_volsdf_lite, {"sharpness-steps": 2400, "s3im.start-step": 1}),
        (s3im_unisurf_lite, {"interval-steps": 1800, "s3im.start-step": 1}),
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


def test_numbers_too_small_for_full_precision_are_0_in_a_training_on_a_cpu(tmp_path):
    small, found, training = torch.tensor(2e-39), [], trainer(tmp_path)
    training.device = "cpu"
    with training._arithmetic():
        found.append((small * 1.5).item())
    assert found == [0.0] and (small * 1.5).item() > 0
