"""The presets that surface methods share: how large the background is, and that old runs keep theirs."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from s3im_methods import method_configs
from s3im_methods.data.scene_facts import SceneFacts

FULL = ["s3im_neus", "s3im_volsdf", "s3im_unisurf", "s3im_neus_facto"]


def background(config: Any) -> tuple[int, int]:
    decided = config._target.decided(config, SceneFacts())
    return decided.background_layers, decided.background_width


@pytest.mark.parametrize("method", FULL)
def test_the_papers_style_has_nerf_plus_plus_own_network(method):
    config: Any = getattr(method_configs, method).config.pipeline.model
    assert background(config) == (4, 128)
    assert background(replace(config, background_width=32)) == (4, 32)
    if method != "s3im_neus_facto":
        assert background(replace(config, style="paper")) == (8, 256)
        assert background(replace(config, style="paper", background_layers=3)) == (3, 256)


@pytest.mark.parametrize("method", FULL[:3])
@pytest.mark.parametrize("has_lines", [True, False])
def test_a_run_from_before_keeps_its_background(method, has_lines):
    config: Any = getattr(method_configs, method).config.pipeline.model
    # As YAML makes objects: without their constructor.
    old = yaml.load(yaml.dump(replace(config, style="paper")), yaml.Loader)
    if has_lines:
        old.background_layers, old.background_width = 4, 128
    else:
        del old.background_layers, old.background_width
    assert background(old) == (4, 128)
