"""Runs of S3IM-DVGO by the trainer at thumbnail size: stopped and resumed around a scaling, evaluated, read."""

from pathlib import Path
from typing import Any

import pytest
import torch
from nerfstudio.configs.method_configs import all_methods
from nerfstudio.utils import eval_utils
from short_runs import short_config, train

from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.volume import scalar_field
from s3im_methods.method_configs import s3im_dvgo_lite
from s3im_methods.scenes import RoomConfig, write_scene

STEPS = 10


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    """A room of few and small views."""
    out = tmp_path_factory.mktemp("scene") / "room"
    write_scene(RoomConfig(width=24, height=18, train_views=6, test_views=2, light_samples=4, supersampling=1), out)
    # As in test_tensorf_runs.py: a first run imports modules that draw from Python's random numbers.
    train(config(out, tmp_path_factory.mktemp("first"), "ours", 1))
    return out


def config(scene: Path, out: Path, style: str, steps: int, kind: str = "room") -> Any:
    result = short_config(s3im_dvgo_lite.config, scene, out, steps)
    model = result.pipeline.model
    model.style, model.scene_kind, model.resolution, model.coarse_resolution = style, kind, 24, 12
    model.scaling_steps, model.coarse_steps = (2, 5), 3
    if style == "original":
        # Its settings have no coarse stage in rooms.
        model.scaling_steps, model.coarse_steps = (4, 8), 0 if kind == "room" else 3
    return result


def leaves(tree: Any, path: str = "") -> dict[str, Any]:
    if isinstance(tree, dict):
        return {k: v for name, branch in tree.items() for k, v in leaves(branch, f"{path}/{name}").items()}
    if isinstance(tree, list):
        return {k: v for i, branch in enumerate(tree) for k, v in leaves(branch, f"{path}/{i}").items()}
    return {path: tree}


@pytest.mark.parametrize(("style", "kind", "stop"), [("ours", "room", 3), ("original", "object", 6)])
def test_a_run_that_was_stopped_is_the_run_that_was_not(style, kind, stop, scene, tmp_path, monkeypatch):
    whole = train(config(scene, tmp_path / "whole", style, STEPS, kind))
    train(config(scene, tmp_path / "parts", style, stop, kind))
    rest = config(scene, tmp_path / "parts", style, STEPS, kind)
    rest.load_dir = rest.get_checkpoint_dir()
    expected, actual = leaves(whole), leaves(train(rest))
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        same = torch.equal(actual[name], value) if isinstance(value, torch.Tensor) else actual[name] == value
        assert same, name

    # ns-eval, ns-render, ns-export and ns-viewer load a run like this.
    monkeypatch.setitem(all_methods, "s3im-dvgo-lite", s3im_dvgo_lite.config)
    _, pipeline, _, step = eval_utils.eval_setup(tmp_path / "parts" / "run" / "s3im-dvgo-lite" / "one" / "config.yml")
    assert step == STEPS - 1
    for name, value in pipeline.state_dict().items():
        assert torch.equal(value, whole["pipeline"][name]), name
    model: Any = pipeline.model
    assert model.field.is_fine and model.config.style == style
    metrics = pipeline.get_average_eval_image_metrics()
    # The original's falling shift leaves little but its white background after so few steps.
    assert metrics is not None and metrics["psnr"] > (5 if style == "ours" else 3)
    density = scalar_field(model)
    assert density.kind == "density"
    assert (density.bounds is None) == (kind == "room")
    assert (density.value(torch.zeros(4, 3)) >= 0).all()


def test_a_run_that_is_resumed_with_other_settings_says_so(scene, tmp_path, capsys):
    train(config(scene, tmp_path / "first", "ours", 4))
    checkpoints = tmp_path / "first" / "run" / "s3im-dvgo-lite" / "one" / "nerfstudio_models"
    capsys.readouterr()

    def said(name: str, **settings: Any) -> str:
        again = config(scene, tmp_path / name, "ours", 5)
        again.load_dir = checkpoints
        for key, value in settings.items():
            setattr(again.pipeline.model, key, value)
        train(again)
        return " ".join(capsys.readouterr().out.split())

    assert "resumed with other settings" not in said("same")
    changed = said("changed", step_ratio=0.8, near_plane=0.1)
    assert "other settings than those of its checkpoint: --pipeline.model.near-plane (was 0.05, is 0.1)," in changed
    assert "--pipeline.model.step-ratio (was 1.0, is 0.8). Give --load-config" in changed
    with pytest.raises(InputError, match="scaling-steps as the run had them"):
        said("refused", resolution=20)
