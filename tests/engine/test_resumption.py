"""What cannot be loaded, or is ambiguous, gets one sentence."""

import os
from pathlib import Path

import pytest
import torch
from small_trainer import trainer

from s3im_methods.errors import InputError


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
        ({"load_step": 7, "warm_start": "models"}, r"--load-step is 7, which .*: give .* step-000000007\.ckpt\."),
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


@pytest.mark.parametrize(("step", "told"), [(2, True), (3, False)])
def test_a_checkpoint_between_two_updates_is_told_of(tmp_path, capsys, step, told):
    trainer(tmp_path / "models").save_checkpoint(step)
    resumed = trainer(tmp_path / "models")
    resumed.config.load_dir = tmp_path / "models"
    resumed.config.gradient_accumulation_steps = {"fields": 2, "others": 1}
    resumed._load_checkpoint()
    said = " ".join(capsys.readouterr().out.split())
    assert ("between two updates of --gradient-accumulation-steps fields 2 and holds no gradients" in said) == told
