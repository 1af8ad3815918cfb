"""Runs on a cut-out object: what its images decide is trained with, kept in config.yml, and rendered with later."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from nerfstudio.configs.method_configs import all_methods
from nerfstudio.utils import eval_utils
from short_runs import short_config, train

from s3im_methods import method_configs
from s3im_methods.encodings import chosen_implementation

METHODS = ["s3im-nerfacto-lite", "s3im-depth-nerfacto-lite", "s3im-tensorf-lite"]


def trained(method: str, scene: Path, out: Path, monkeypatch, **model: Any) -> Path:
    """Train two steps and return config.yml."""
    specification = getattr(method_configs, method.replace("-", "_"))
    settings = short_config(specification.config, scene, out, 2)
    for name, value in model.items():
        setattr(settings.pipeline.model, name, value)
    train(settings)
    monkeypatch.setitem(all_methods, method, specification.config)
    return out / "run" / method / "one" / "config.yml"


def rendered_with(config: Path) -> Any:
    """The model that renders the run."""
    _, pipeline, _, _ = eval_utils.eval_setup(config, test_mode="inference")
    return pipeline.model


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("kind", "background"), [("object", "white"), ("room", "last_sample")])
def test_the_background_follows_from_the_images_also_when_they_are_gone(
    method, kind, background, scenes, tmp_path, monkeypatch
):
    setting = "random-white" if background == "white" and "nerfacto" in method else background
    scene = tmp_path / "scene"
    shutil.copytree(scenes / kind, scene)
    config = trained(method, scene, tmp_path, monkeypatch)
    kept = yaml.load(config.read_text(), Loader=yaml.Loader).pipeline.model
    assert kept.background_color == setting
    if "nerfacto" in method:
        # A checkpoint of one implementation's grids does not fit all others.
        assert kept.implementation == chosen_implementation("auto")
    for image in scene.rglob("*.png"):
        image.unlink()
    model = rendered_with(config)
    assert model.renderer_rgb.background_color == background
    assert model.config.background_color == setting
    if "tensorf" in method:
        assert model.config.scene_kind == kind


@pytest.mark.parametrize("method", METHODS)
def test_a_config_that_does_not_know_it_yet_is_rendered_by_the_images(method, scenes, tmp_path, monkeypatch):
    """As after a second start into the same folder that ended before the images were looked at."""
    config = trained(method, scenes / "object", tmp_path, monkeypatch)
    settings = yaml.load(config.read_text(), Loader=yaml.Loader)
    settings.pipeline.model = getattr(method_configs, method.replace("-", "_")).config.pipeline.model
    assert settings.pipeline.model.background_color is None
    config.write_text(yaml.dump(settings))
    assert rendered_with(config).renderer_rgb.background_color == "white"


def test_what_the_user_says_counts(scenes, tmp_path, monkeypatch):
    config = trained(METHODS[0], scenes / "object", tmp_path, monkeypatch, background_color="last_sample")
    assert rendered_with(config).renderer_rgb.background_color == "last_sample"
