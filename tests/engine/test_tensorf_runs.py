"""Runs of S3IM-TensoRF by the trainer at thumbnail size: stopped and resumed after an upsampling, and evaluated."""

from pathlib import Path
from typing import Any

import pytest
import torch
from nerfstudio.configs.method_configs import all_methods
from nerfstudio.utils import eval_utils
from short_runs import short_config, train

from s3im_methods.method_configs import s3im_tensorf_lite
from s3im_methods.scenes import RoomConfig, write_scene

STOP, STEPS = 6, 10
GROWTH = {
    # A mask, a box cut down and two upsamplings, on both sides of the stop.
    "original": {"alpha_mask_steps": (3,), "shrink_box_steps": (3,), "filter_rays_step": 7},
    "ours": {},
    "nerfstudio": {},
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> Path:
    """A room of few and small views."""
    out = tmp_path_factory.mktemp("scene") / "room"
    write_scene(RoomConfig(width=24, height=18, train_views=6, test_views=2, light_samples=4, supersampling=1), out)
    # What a first run imports on the way draws from Python's random numbers with some versions of torch and Python, by
    # which nerfstudio orders the images; in real use every run is the first of its process.
    train(config(out, tmp_path_factory.mktemp("first"), "ours", 1))
    return out


def config(scene: Path, out: Path, style: str, steps: int) -> Any:
    result = short_config(s3im_tensorf_lite.config, scene, out, steps)
    model = result.pipeline.model
    model.style, model.init_resolution, model.final_resolution, model.upsampling_iters = style, 8, 14, (4, 8)
    for name, value in GROWTH[style].items():
        setattr(model, name, value)
    return result


def leaves(tree: Any, path: str = "") -> dict[str, Any]:
    if isinstance(tree, dict):
        return {k: v for name, branch in tree.items() for k, v in leaves(branch, f"{path}/{name}").items()}
    if isinstance(tree, list):
        return {k: v for i, branch in enumerate(tree) for k, v in leaves(branch, f"{path}/{i}").items()}
    return {path: tree}


def plainly_laid_out(tree: Any) -> Any:
    """A checkpoint's tree with every tensor contiguous, as before grids lay in memory with their components last."""
    if isinstance(tree, dict):
        return {name: plainly_laid_out(branch) for name, branch in tree.items()}
    if isinstance(tree, list):
        return [plainly_laid_out(branch) for branch in tree]
    return tree.contiguous() if isinstance(tree, torch.Tensor) else tree


def test_a_checkpoint_with_another_layout_in_memory_is_continued_like_its_run(scene, tmp_path):
    whole = train(config(scene, tmp_path / "whole", "ours", STEPS))
    train(config(scene, tmp_path / "parts", "ours", STOP))
    rest = config(scene, tmp_path / "parts", "ours", STEPS)
    rest.load_dir = rest.get_checkpoint_dir()
    (file,) = rest.load_dir.glob("*.ckpt")
    torch.save(plainly_laid_out(torch.load(file, weights_only=False)), file)
    expected, actual = leaves(whole), leaves(train(rest))
    for name, value in expected.items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(actual[name], value, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("style", list(GROWTH))
def test_resuming_after_an_upsampling_repeats_the_run_that_was_never_stopped(style, scene, tmp_path, monkeypatch):
    whole = train(config(scene, tmp_path / "whole", style, STEPS))
    train(config(scene, tmp_path / "parts", style, STOP))
    rest = config(scene, tmp_path / "parts", style, STEPS)
    rest.load_dir = rest.get_checkpoint_dir()
    resumed = train(rest)
    expected, actual = leaves(whole), leaves(resumed)
    assert expected.keys() == actual.keys()
    for name, value in expected.items():
        same = torch.equal(actual[name], value) if isinstance(value, torch.Tensor) else actual[name] == value
        assert same, name
    assert ("/pipeline/_model.field.alpha_mask.volume" in actual) and (
        actual["/pipeline/_model.field.alpha_mask.volume"].numel() > 0
    ) == (style == "original")

    # ns-eval, ns-render, ns-export and ns-viewer load a run like this.
    monkeypatch.setitem(all_methods, "s3im-tensorf-lite", s3im_tensorf_lite.config)
    _, pipeline, _, step = eval_utils.eval_setup(
        tmp_path / "parts" / "run" / "s3im-tensorf-lite" / "one" / "config.yml"
    )
    assert step == STEPS - 1
    for name, value in pipeline.state_dict().items():
        assert torch.equal(value, whole["pipeline"][name]), name
    assert pipeline.model.field.alpha_mask.exists == (style == "original")  # type: ignore[union-attr]
    metrics = pipeline.get_average_eval_image_metrics()
    assert metrics is not None and metrics["psnr"] > 5
