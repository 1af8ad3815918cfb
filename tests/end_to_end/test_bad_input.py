"""Bad input, through the commands: one sentence, no traceback, and nothing lost."""

import os
import shutil

import pytest
import torch
from ns_commands import STEPS, run, run_folder, train

pytestmark = pytest.mark.slow


def the_sentence(output: str) -> str:
    """The last paragraph of an output without a traceback."""
    assert "Traceback" not in output, output[-3000:]
    return " ".join(output.split())[-600:]


def test_no_scene(tmp_path):
    output = the_sentence(train(tmp_path / "nowhere", tmp_path, fails=True))
    assert "nowhere" in output
    assert "s3im scene room" in output


def test_a_batch_smaller_than_a_window(room, tmp_path):
    flags = ["--pipeline.datamanager.train-num-rays-per-batch", "9"]
    output = the_sentence(train(room, tmp_path, *flags, fails=True))
    assert "9 rays per batch are fewer than one S3IM window of 4 x 4" in output


def test_a_patch_larger_than_the_images(room, tmp_path):
    sampler = "--pipeline.datamanager.pixel-sampler"
    flags = [f"{sampler}.patch-share", "1", f"{sampler}.patch-size", "30"]
    flags += ["--pipeline.datamanager.train-num-rays-per-batch", "1024"]
    flags += ["--pipeline.datamanager.eval-num-rays-per-batch", "1024"]
    output = the_sentence(train(room, tmp_path, *flags, fails=True))
    assert "30 x 30" in output
    assert "32 x 24" in output or "24" in output


def test_true_patches_without_patches(room, tmp_path):
    output = the_sentence(train(room, tmp_path, "--pipeline.model.s3im.mode", "patch", fails=True))
    assert "patch-share above 0" in output


def test_settings_of_a_surface_that_contradict_each_other(room, tmp_path):
    flags = ["--pipeline.model.background-model", "nerf++", "--pipeline.model.bounds", "near-far"]
    output = the_sentence(train(room, tmp_path, *flags, method="s3im-neus-facto-lite", fails=True))
    assert "it begins where the sphere ends, so set --pipeline.model.bounds sphere" in output


def test_a_loss_that_turns_nan_stops_the_run_and_keeps_the_last_checkpoint(room, tmp_path):
    flags = ["--optimizers.fields.optimizer.lr", "1e30", "--steps-per-save", "1"]
    output = the_sentence(train(room, tmp_path, "--vis", "viewer", *flags, fails=True))
    assert "not finite" in output or "turned NaN or infinite at step" in output
    for path in (run_folder(tmp_path) / "nerfstudio_models").glob("*.ckpt"):
        state = torch.load(path)["pipeline"]
        assert all(torch.isfinite(value).all() for value in state.values())


class Malicious:
    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_ns_eval_refuses_a_malicious_checkpoint(trained, tmp_path):
    checkpoints = trained / "nerfstudio_models"
    name = f"step-{STEPS - 1:09d}.ckpt"
    kept = tmp_path / "kept.ckpt"
    shutil.move(checkpoints / name, kept)
    try:
        torch.save({"step": 1, "pipeline": Malicious(tmp_path / "owned")}, checkpoints / name)
        command = ["ns-eval", "--load-config", str(trained / "config.yml"), "--output-path", str(tmp_path / "m.json")]
        output = the_sentence(run(*command, fails=True))
    finally:
        shutil.move(kept, checkpoints / name)
    assert "was refused" in output
    assert not (tmp_path / "owned").exists()
