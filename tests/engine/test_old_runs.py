"""Runs that earlier releases wrote load, evaluate and resume; see tests/fixtures/README.md."""

import json
import math
from pathlib import Path

import pytest
import torch
import yaml
from nerfstudio.configs.method_configs import all_methods
from nerfstudio.utils import eval_utils
from old_runs import FIXTURES, METHODS, copy_run
from short_runs import train

RUNS = sorted(path.parent.relative_to(FIXTURES) for path in FIXTURES.glob("runs/*/*/config.yml"))


@pytest.fixture(params=RUNS, ids=lambda run: "-".join(run.parts[1:]))
def old_run(request, tmp_path, monkeypatch) -> Path:
    """A copy of one run's folder, its config's relative paths leading to a copy of its scene."""
    copy_run(request.param, tmp_path)
    monkeypatch.chdir(tmp_path)
    for name, method in METHODS.items():
        monkeypatch.setitem(all_methods, name, method)
    return request.param


def test_every_method_that_was_released_has_one():
    # The others join with their first release.
    not_released = {
        f"s3im-{family}{size}"
        for family in ("dvgo", "mipnerf", "mipnerf360", "neus", "unisurf", "volsdf")
        for size in ("", "-lite")
    }
    assert {run.parts[1] for run in RUNS} == METHODS.keys() - not_released
    assert sum(path.stat().st_size for path in FIXTURES.rglob("*") if path.is_file()) < 1.5e6


def test_an_old_run_is_evaluated_as_its_release_did(old_run):
    _, pipeline, checkpoint, step = eval_utils.eval_setup(old_run / "config.yml")
    stored = torch.load(checkpoint)
    assert step == stored["step"]
    # nerfstudio loads what it finds, and leaves at random what has another name.
    loaded = pipeline.state_dict()
    assert loaded.keys() == stored["pipeline"].keys()
    assert all(torch.equal(loaded[name], value) for name, value in stored["pipeline"].items())
    expected = json.loads((old_run / "metrics.json").read_text(encoding="utf-8"))
    actual = pipeline.get_average_eval_image_metrics()
    assert actual is not None
    assert {name: actual[name] for name in expected} == pytest.approx(expected, rel=2e-3)


def test_an_old_run_is_resumed(old_run):
    settings = yaml.load((old_run / "config.yml").read_text(encoding="utf-8"), Loader=yaml.Loader)
    (checkpoint,) = (old_run / "nerfstudio_models").glob("*.ckpt")
    stored = torch.load(checkpoint)
    # The event files of a run are written by a thread that outlives its test, and so its working directory.
    settings.output_dir, settings.load_dir = Path.cwd(), checkpoint.parent.absolute()
    settings.vis = "tensorboard"
    settings.max_num_iterations = stored["step"] + 3
    resumed = train(settings)
    assert resumed["step"] == stored["step"] + 2
    assert resumed["pipeline"].keys() == stored["pipeline"].keys()
    assert all(math.isfinite(value.float().sum()) for value in resumed["pipeline"].values())
    assert resumed["optimizers"].keys() == stored["optimizers"].keys()
    for name, before in stored["optimizers"].items():
        after = resumed["optimizers"][name]
        assert after["state"].keys() == before["state"].keys(), name
        assert all(after["state"][key]["step"] >= state["step"] for key, state in before["state"].items()), name
    assert any(
        not torch.equal(value, stored["pipeline"][name])
        for name, value in resumed["pipeline"].items()
        if value.is_floating_point()
    )
