"""Runs the commands that a user types."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import torch

from s3im_methods.compat.checkpoints import allow_numpy_scalars

METHOD = "s3im-nerfacto-lite"
STEPS = 90


def program(name: str) -> Path:
    """A command of this environment."""
    return Path(sys.executable).parent / name


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def run(*command: str, fails: bool = False, timeout: float = 300.0) -> str:
    """Run a command of this environment, offline and without a GPU, and return what it printed."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200", "TERM": "dumb"}
    # A proxy that refuses everything: a command that tries the network fails, instead of passing where there is one.
    environment |= dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    result = subprocess.run(
        [str(program(command[0])), *command[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        env=environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert (result.returncode != 0) == fails, result.stdout[-5000:]
    return result.stdout


def train(scene: Path, out: Path, *flags: str, method: str = METHOD, steps: int = STEPS, fails: bool = False) -> str:
    """Train a method for a few steps; the run's folder is ``out/run/METHOD/one``."""
    return run(
        "ns-train",
        method,
        "--data",
        str(scene),
        "--output-dir",
        str(out),
        "--experiment-name",
        "run",
        "--timestamp",
        "one",
        "--max-num-iterations",
        str(steps),
        "--viewer.quit-on-train-completion",
        "True",
        "--pipeline.datamanager.train-num-rays-per-batch",
        "256",
        *flags,
        fails=fails,
    )


def run_folder(out: Path, method: str = METHOD) -> Path:
    """Where :func:`train` puts config.yml and the checkpoints."""
    return out / "run" / method / "one"


def assert_resuming_repeats(scene: Path, straight_run: Path, out: Path, method: str, *flags: str) -> None:
    """The checkpoint after half the steps and the other half equals the one of a run that was never stopped."""
    train(scene, out, "--vis", "viewer", *flags, method=method, steps=STEPS // 2)
    checkpoints = run_folder(out, method) / "nerfstudio_models"
    output = train(scene, out, "--vis", "viewer", *flags, "--load-dir", str(checkpoints), method=method)
    assert "Done loading Nerfstudio checkpoint" in output
    allow_numpy_scalars()
    name = f"step-{STEPS - 1:09d}.ckpt"
    assert [path.name for path in checkpoints.iterdir()] == [name]
    resumed, straight = torch.load(checkpoints / name), torch.load(straight_run / "nerfstudio_models" / name)
    assert resumed["step"] == straight["step"] == STEPS - 1
    assert resumed["pipeline"].keys() == straight["pipeline"].keys()
    for key, value in straight["pipeline"].items():
        torch.testing.assert_close(
            resumed["pipeline"][key], value, rtol=1e-4, atol=1e-5, msg=lambda m, k=key: f"{k}: {m}"
        )
