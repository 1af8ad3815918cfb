"""Monocular priors: who learns from them by default, in which unit, and for how long."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
import yaml

from s3im_methods import method_configs
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.models.surface.priors import prior_losses, priors_phrase

METHODS = [f"s3im_{name}{size}" for name in ("neus_facto", "neus", "volsdf", "unisurf") for size in ("", "_lite")]
BOTH = SceneFacts(scene_kind="room", has_normals=True, has_monocular_depth=True)


def weights(method: str, facts: SceneFacts, **settings: Any) -> tuple[float, float]:
    """Of monocular depth and normals."""
    config = replace(getattr(method_configs, method).config.pipeline.model, **settings)
    decided = config._target.decided(config, facts)
    return decided.mono_depth_loss_mult, decided.mono_normal_loss_mult


@pytest.mark.parametrize("method", METHODS)
def test_a_room_with_priors_learns_from_them_with_monosdfs_weights_and_an_object_does_not(method):
    assert weights(method, BOTH) == (0.1, 0.05)
    assert weights(method, replace(BOTH, scene_kind="object")) == (0.0, 0.0)
    assert weights(method, BOTH, monocular_priors="none") == (0.0, 0.0)
    assert weights(method, BOTH, mono_normal_loss_mult=0.2) == (0.1, 0.2)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(BOTH, has_monocular_depth=False), (0.0, 0.05)),
        (replace(BOTH, has_normals=False), (0.1, 0.0)),
        # A sensor knows more.
        (replace(BOTH, depth_source="sensor"), (0.0, 0.05)),
        (replace(BOTH, depth_source="monocular"), (0.1, 0.05)),
        (SceneFacts(scene_kind="room"), (0.0, 0.0)),
    ],
)
def test_only_what_the_room_has_and_nothing_better_is_used(facts, expected):
    assert weights("s3im_neus_facto_lite", facts) == expected


@pytest.mark.parametrize(("method", "style"), [("s3im_neus_facto", "nerfstudio"), ("s3im_volsdf", "paper")])
def test_styles_of_others_leave_priors_to_the_user(method, style):
    assert weights(method, BOTH, style=style) == (0.0, 0.0)


def test_a_run_from_before_keeps_its_weights_and_the_files_unit():
    # As YAML makes objects: without their constructor.
    config: Any = method_configs.s3im_neus_facto_lite.config.pipeline.model
    old = yaml.load(yaml.dump(config), yaml.Loader)
    for name in ("monocular_priors", "mono_depth_unit", "mono_decay_steps"):
        del vars(old)[name]
    old.mono_depth_loss_mult = old.mono_normal_loss_mult = 0.0
    decided = old._target.decided(old, BOTH)
    assert (decided.mono_depth_loss_mult, decided.mono_normal_loss_mult) == (0.0, 0.0)
    assert (old.mono_depth_unit, config.mono_depth_unit) == ("file", "spread")


def losses(step: int = 0, unit: float = 1.0, facts: SceneFacts = BOTH, key: str = "depth", **settings: Any) -> dict:
    config: Any = method_configs.s3im_neus_facto_lite.config.pipeline.model
    config = replace(config, **{"mono_depth_loss_mult": 0.1, "mono_normal_loss_mult": 0.05, **settings})
    random = torch.Generator().manual_seed(0)
    rendered = 1 + torch.rand(30, 1, generator=random)
    outputs = {"normal": torch.randn(30, 3, generator=random), "expected_depth": rendered}
    outputs["directions_norm"] = torch.ones(30, 1)
    given = unit * (3 * rendered[:, 0] + torch.rand(30, generator=random))
    batch = {key: given if key == "depth" else given[:, None], "normal": torch.randn(30, 3, generator=random)}
    batch["indices"] = torch.arange(3).repeat_interleave(10)[:, None].expand(-1, 3)
    return prior_losses(config, outputs, batch, facts, step)


def test_the_unit_of_the_files_does_not_matter_and_the_loss_is_monosdfs_in_its_unit():
    assert losses(unit=1.0)["mono_depth_loss"].item() == pytest.approx(losses(unit=1000.0)["mono_depth_loss"].item())
    # Half the squared difference, where depths spread by 5 within images.
    in_file = [losses(unit=unit, mono_depth_unit="file")["mono_depth_loss"].item() for unit in (1.0, 2.0)]
    assert in_file[1] == pytest.approx(4 * in_file[0])
    share = losses(mono_depth_loss_mult=1.0)["mono_depth_loss"].item() / 12.5
    assert 0 < share < 1


def test_a_networks_depth_of_a_nerfstudio_scene_is_compared_too_and_a_sensors_is_not():
    by_key = losses()["mono_depth_loss"]
    assert torch.equal(
        losses(key="depth_image", facts=replace(BOTH, depth_source="monocular"))["mono_depth_loss"], by_key
    )
    assert "mono_depth_loss" not in losses(key="depth_image", facts=replace(BOTH, depth_source="sensor"))


def test_weights_fall_as_monosdfs_and_only_if_asked_to():
    start, later = losses(), losses(step=300)
    assert all(torch.equal(start[name], later[name]) for name in start)
    falling = losses(step=300, mono_decay_steps=1000)
    for name, loss in start.items():
        assert falling[name].item() == pytest.approx(loss.item() * math.exp(-3), rel=1e-5)


def test_the_line_says_what_is_used_and_how_to_leave_it_out():
    config: Any = replace(method_configs.s3im_neus_facto_lite.config.pipeline.model, scene_kind="room")
    phrase = priors_phrase(config._target.decided(config, BOTH))
    assert phrase == (
        "depth with weight 0.1 and normals with weight 0.05 (--pipeline.model.monocular-priors none leaves them out)"
    )
    assert priors_phrase(config._target.decided(config, SceneFacts())) == "none"
