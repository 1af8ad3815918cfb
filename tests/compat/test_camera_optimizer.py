"""Learned poses act in float32 under autocast too, give nerfstudio's metrics, and keep nerfstudio's parameters."""

import copy
from typing import Any

import pytest
import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizer, CameraOptimizerConfig
from nerfstudio.cameras.rays import RayBundle
from torch import nn

from s3im_methods.compat.camera_optimizer import PreciseCameraOptimizer, make_poses_precise

RAYS, CAMERAS = 64, 5


def optimizer(mode: Any = "SO3xR3") -> CameraOptimizer:
    torch.manual_seed(0)
    made: CameraOptimizer = CameraOptimizerConfig(mode=mode).setup(num_cameras=CAMERAS, device="cpu")
    if mode != "off":
        made.pose_adjustment.data.normal_(std=0.05)
    return made


def precise(mode: Any = "SO3xR3") -> CameraOptimizer:
    holder = nn.Module()
    holder.camera_optimizer = optimizer(mode)
    make_poses_precise(holder)
    return holder.camera_optimizer


def rays() -> RayBundle:
    random = torch.Generator().manual_seed(1)
    directions = nn.functional.normalize(torch.randn(RAYS, 3, generator=random), dim=-1)
    cameras = torch.randint(0, CAMERAS, (RAYS, 1), generator=random)
    return RayBundle(torch.randn(RAYS, 3, generator=random), directions, torch.ones(RAYS, 1), camera_indices=cameras)


def moved(which: CameraOptimizer, half: bool) -> RayBundle:
    bundle = rays()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        which.apply_to_raybundle(bundle)
    return bundle


@pytest.mark.parametrize("mode", ["SO3xR3", "SE3"])
def test_autocast_moves_no_ray(mode):
    exact, ours = moved(optimizer(mode), half=False), moved(precise(mode), half=True)
    for name in ("origins", "directions"):
        assert getattr(ours, name).dtype == torch.float32
        assert torch.equal(getattr(ours, name), getattr(exact, name))


def test_upstream_still_needs_it():
    """When this fails, nerfstudio's poses are as precise: remove ``compat.camera_optimizer``."""
    exact, stock = moved(optimizer(), half=False), moved(optimizer(), half=True)
    angle = (exact.directions * stock.directions.float()).sum(-1)
    assert (exact.directions - stock.directions.float()).abs().max() > 1e-3 or angle.min() < 0.9999
    assert stock.directions.dtype == torch.bfloat16


@pytest.mark.parametrize("mode", ["SO3xR3", "off"])
def test_metrics_are_nerfstudios_and_stay_on_the_device(mode):
    ours: dict = {}
    stock: dict = {}
    precise(mode).get_metrics_dict(ours)
    optimizer(mode).get_metrics_dict(stock)
    assert ours.keys() == stock.keys()
    for name, value in ours.items():
        assert isinstance(value, torch.Tensor)
        assert float(value) == pytest.approx(float(stock[name]), rel=1e-6)


def test_parameters_and_other_optimisers_stay_as_they_are():
    assert precise().state_dict().keys() == optimizer().state_dict().keys()

    class Own(CameraOptimizer):
        pass

    holder = nn.Module()
    holder.own = Own(CameraOptimizerConfig(), CAMERAS, "cpu")
    make_poses_precise(holder)
    assert type(holder.own) is Own and type(precise()) is PreciseCameraOptimizer


def test_methods_with_learned_poses_have_it():
    from nerfstudio.data.scene_box import SceneBox

    from s3im_methods.method_configs import s3im_nerfacto_lite

    config = copy.deepcopy(s3im_nerfacto_lite.config.pipeline.model)
    config.camera_optimizer = CameraOptimizerConfig(mode="SO3xR3")  # type: ignore[attr-defined]
    box = SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3]))
    model = config.setup(scene_box=box, num_train_data=2, metadata={}, device="cpu")
    assert type(model.camera_optimizer) is PreciseCameraOptimizer
