"""Hash grids of ours inside methods of others, and what the run says of them."""

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from every_method import batch, build, wrapped
from nerfstudio.models.tensorf import TensoRFModel
from short_training import losses_of_training
from torch import nn

from s3im_methods.encodings.hash_grid import FusedHashEncoding
from s3im_methods.errors import InputError


def with_grids(name: str, grids: str):
    config = wrapped(name)
    config.pipeline.model.hash_grids = grids
    return config


def test_fused_grids_differ_by_rounding_only():
    histories = [losses_of_training(build(with_grids("nerfacto", grids)), batch, 3) for grids in ("base", "fused")]
    for one, other in zip(*histories, strict=True):
        for term, value in one.items():
            torch.testing.assert_close(other[term], value, rtol=2e-3, atol=1e-5)
    assert "hash grids: fused" in build(with_grids("nerfacto", "fused")).hardware_line()
    assert "hash grids: base" in build(with_grids("nerfacto", "base")).hardware_line()


def test_grids_of_signed_distances_stay_and_those_of_proposals_are_fused():
    model = build(with_grids("neus-facto", "fused"))
    assert not any(isinstance(part, FusedHashEncoding) for part in model.field.modules())
    assert any(isinstance(part, FusedHashEncoding) for part in model.proposal_networks.modules())


def test_a_method_without_hash_grids_is_refused():
    with pytest.raises(InputError, match="has no hash grid in torch that could be fused"):
        build(with_grids("vanilla-nerf", "fused"))


def test_an_occupancy_grid_is_refused_without_cuda():
    class OccGridEstimator(nn.Module):
        """As nerfacc's, by name."""

    model = build(wrapped("tensorf"))
    assert model.data_warnings(None) == []
    model.grid = OccGridEstimator()
    with pytest.raises(InputError, match="occupancy grid, which needs CUDA"):
        model.data_warnings(None)


def test_cameras_without_times_see_a_scene_in_motion_at_time_0(capsys):
    model = build(wrapped("dnerf")).eval()
    rays, _ = batch(0)
    rays.times = None
    at_rest = model(copy.deepcopy(rays))["rgb"]
    model.scene_has_times = True
    shown = [model(copy.deepcopy(rays))["rgb"] for _ in range(2)]
    assert capsys.readouterr().out.count("they see the scene at time 0") == 1
    rays.times = torch.zeros(len(rays), 1)
    expected = model(rays)["rgb"]
    assert all(torch.equal(picture, expected) for picture in shown) and not torch.equal(at_rest, expected)


@pytest.mark.parametrize(("name", "times", "warned"), [("dnerf", 0, 1), ("dnerf", 1, 0), ("vanilla-nerf", 0, 0)])
def test_it_warns_of_a_dynamic_method_on_a_scene_at_rest(name, times, warned):
    dataset: Any = SimpleNamespace(cameras=SimpleNamespace(times=torch.zeros(3, 1) if times else None))
    sentences = build(wrapped(name)).data_warnings(dataset)
    assert len(sentences) == warned and all("has no times" in text for text in sentences)


@pytest.mark.parametrize(
    ("background", "weight", "denominators", "cut_out", "warned"),
    [
        ("last_sample", 0.1, "free", True, True),
        ("black", 0.1, "free", True, True),
        ("white", 0.1, "free", True, False),
        ("last_sample", 0.0, "free", True, True),
        ("last_sample", 0.0, None, True, True),
        ("last_sample", 0.1, "free", False, False),
        ("last_sample", 0.1, "held", True, False),
        ("last_sample", 0.1, None, True, False),
    ],
)
def test_it_warns_of_objects_on_black(monkeypatch, background, weight, denominators, cut_out, warned):
    monkeypatch.setattr("s3im_methods.models.any_method.model.has_transparent_background", lambda dataset: cut_out)
    config = wrapped("nerfacto")
    config.pipeline.model.background_color = background
    config.pipeline.model.s3im.loss_mult = weight
    config.pipeline.model.s3im.denominators = denominators
    sentences = build(config).data_warnings(None)
    assert len(sentences) == warned and all("--pipeline.model.background-color white" in text for text in sentences)


def growing_tensorf() -> Any:
    config = wrapped("tensorf")
    config.pipeline.model.final_resolution, config.pipeline.model.upsampling_iters = 16, (2, 4)
    return config


def test_grids_that_have_grown_stay_with_the_optimisers_that_were_built_before():
    model = build(growing_tensorf())
    before = dict(model.named_parameters())
    model.update_to_step(4)
    now = dict(model.named_parameters())
    assert now.keys() == before.keys() and all(now[name] is before[name] for name in now)
    grown = [name for name, value in now.items() if 16 in value.shape]
    assert len(grown) == 4 and all(isinstance(value, nn.Parameter) for value in now.values())


def test_upstream_still_gives_grown_grids_new_objects():
    """When this fails, drop ``AnyMethod.update_to_step``."""
    model = build(growing_tensorf())
    before = dict(model.named_parameters())
    TensoRFModel.update_to_step(model, 4)
    assert any(before[name] is not value for name, value in model.named_parameters())


def test_several_processes_do_not_train_grids_that_grow(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    with pytest.raises(InputError, match=r"grids cannot grow .*: train with --machine\.num-devices 1\."):
        build(growing_tensorf()).get_training_callbacks(SimpleNamespace())
    build(wrapped("nerfacto")).get_training_callbacks(SimpleNamespace(optimizers=None))


def test_a_fine_rendering_has_the_usual_names_too():
    model = build(wrapped("vanilla-nerf"))
    rays, pixels = batch(0)
    assert "rgb" not in model.train()(rays)
    outputs = {name: value.reshape(4, 8, -1) for name, value in model.eval()(rays).items()}
    assert torch.equal(outputs["rgb"], outputs["rgb_fine"]) and {"depth", "accumulation"} <= outputs.keys()
    model.ssim = lambda *pair: torch.tensor(0.5)  # The image is too small for its own.
    metrics, _ = model.get_image_metrics_and_images(outputs, {"image": pixels["image"].reshape(4, 8, 3)})
    assert metrics["ssim"] == metrics["fine_ssim"] == 0.5 and "psnr" in metrics
    assert not any("lpips" in name for name in metrics if metrics[name] != metrics[name])
