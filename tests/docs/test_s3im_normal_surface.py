"""The documentation's example of a surface method in one file: it trains, renders, resumes and has a mesh."""

import copy
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.plugins.registry import discover_methods
from short_runs import short_config, train

from s3im_methods.exporters.mesh.volume import scalar_field
from s3im_methods.scenes import ObjectConfig, write_scene

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
NAME = "s3im-normal-surface"


@pytest.fixture()
def method(monkeypatch):
    """Its settings, found as the page says."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("NERFSTUDIO_METHOD_CONFIGS", f"{NAME}=s3im_normal_surface:s3im_normal_surface")
    yield discover_methods()[0][NAME]
    sys.modules.pop("s3im_normal_surface", None)


@pytest.fixture(scope="module")
def thing(tmp_path_factory):
    out = tmp_path_factory.mktemp("scene") / "object"
    write_scene(ObjectConfig(width=24, height=18, train_views=8, test_views=2, supersampling=1, light_samples=4), out)
    return out


def settings(method, scene, out, steps=3) -> Any:
    result = short_config(method, scene, out, steps)
    result.pipeline.model.num_samples = 24
    return result


def test_it_has_what_every_surface_method_has(method, thing, tmp_path):
    pipeline = settings(method, thing, tmp_path).pipeline.setup(device="cpu", test_mode="val")
    losses = pipeline.train().get_train_loss_dict(step=0)[1]
    assert losses.keys() == {"rgb_loss", "eikonal_loss", "fg_mask_loss", "s3im_loss"}
    model = pipeline.eval().model
    assert "preset: ours, object" in model.hardware_line()
    outputs = model.get_outputs_for_camera(pipeline.datamanager.eval_dataset.cameras[:1])
    assert outputs.keys() >= {"rgb", "depth", "expected_depth", "normals", "accumulation"}
    assert all(image.isfinite().all() for image in outputs.values())
    # What s3im export-mesh asks for: at first, a sphere of half the radius of the scene's.
    volume = scalar_field(model)
    center = torch.tensor([model.sphere_center])
    assert volume.kind == "sdf"
    assert volume.value(center).item() == pytest.approx(-0.5 * model.sphere_radius, rel=0.2)


def test_its_opacity_is_learned_and_telescopes_before_a_plane(method, thing, tmp_path):
    model = settings(method, thing, tmp_path).pipeline.setup(device="cpu", test_mode="val").train().model
    rule = model.field.opacity
    assert any(parameter is rule.log_sharpness for parameter in model.get_param_groups()["fields"])
    # A ray of 16 bins from one standard deviation before a plane to two behind it.
    deviation = float(1 / rule.sharpness())
    edges = torch.linspace(0, 3 * deviation, 17)[None, :, None]
    direction = torch.tensor([[0.0, 0.0, 1.0]])
    samples = RayBundle(torch.zeros(1, 3), direction, torch.ones(1, 1)).get_ray_samples(edges[:, :-1], edges[:, 1:])
    sdf = deviation - (edges[:, :-1] + edges[:, 1:]) / 2
    alphas = rule.alphas(sdf, -direction.expand(1, 16, 3), samples)
    left = torch.special.ndtr(torch.tensor([-2.0, 1.0]))
    assert (1 - alphas).prod().item() == pytest.approx((left[0] / left[1]).item(), rel=0.01)


def test_it_trains_and_a_resumed_run_repeats_the_straight_one(method, thing, tmp_path):
    straight = train(settings(method, thing, tmp_path / "straight", steps=4))
    first = settings(method, thing, tmp_path / "resumed", steps=2)
    train(copy.deepcopy(first))
    again = settings(method, thing, tmp_path / "resumed", steps=4)
    again.load_dir = first.get_checkpoint_dir()
    resumed = train(again)
    assert straight["step"] == resumed["step"] == 3
    for key, value in straight["pipeline"].items():
        torch.testing.assert_close(resumed["pipeline"][key], value, rtol=0, atol=0, msg=lambda m, k=key: f"{k}: {m}")
