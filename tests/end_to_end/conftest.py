"""A thumbnail room and one short run on it, made by the commands a user types; all tests here share them."""

from pathlib import Path

import pytest
from ns_commands import run, run_folder, train


@pytest.fixture(scope="session")
def room(tmp_path_factory) -> Path:
    """A room of 8 training and 3 test views, 32 x 24 pixels."""
    out = tmp_path_factory.mktemp("scene") / "room"
    size = ["--width", "32", "--height", "24", "--train-views", "8", "--test-views", "3"]
    run("s3im", "scene", "room", str(out), *size, "--light-samples", "8", "--supersampling", "1")
    return out


@pytest.fixture(scope="session")
def trained(room, tmp_path_factory) -> Path:
    """Folder of a run of ``STEPS`` steps, with events for tensorboard."""
    out = tmp_path_factory.mktemp("runs")
    train(room, out, "--vis", "viewer+tensorboard")
    return run_folder(out)
