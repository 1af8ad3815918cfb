"""Quick views of TensoRF against the model's own outputs."""

from typing import Any

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox

from s3im_methods.models import s3im_tensorf
from s3im_methods.models.s3im_tensorf import S3IMTensoRFModelConfig
from s3im_methods.rendering import tensorf_kernels, tile_kernels
from s3im_methods.rendering.quick_tensorf import quick_tensorf

SMALL: dict[str, Any] = {
    "init_resolution": 16,
    "final_resolution": 16,
    "upsampling_iters": (),
    "num_uniform_samples": 24,
    "num_samples": 10,
    "num_den_components": 4,
    "num_color_components": 5,
    "appearance_dim": 7,
    "head_width": 20,
    "scene_kind": "room",
    # Thin enough to see through.
    "distance_scale": 1.0,
}
BOX = SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3]))
# Sums are in another order.
CLOSE: dict[str, Any] = {"atol": 5e-4, "rtol": 1e-4}


def model(**settings: Any) -> Any:
    """With grids that make a scene with much to see."""
    torch.manual_seed(0)
    built = S3IMTensoRFModelConfig(**{**SMALL, **settings}).setup(scene_box=BOX, num_train_data=2, metadata={})
    for name, parameter in built.field.named_parameters():
        if "encoding" in name:
            parameter.data.mul_(12.0 if "density" in name else 6.0)
    built.field.field_output_rgb.net.weight.data.mul_(5.0)
    return built.eval()


def rays(count: int = 50) -> RayBundle:
    random = torch.Generator().manual_seed(1)
    return RayBundle(
        origins=0.3 * torch.randn(count, 3, generator=random),
        directions=torch.nn.functional.normalize(torch.randn(count, 3, generator=random), dim=-1),
        pixel_area=torch.full((count, 1), 1e-4),
        camera_indices=torch.zeros(count, 1, dtype=torch.long),
    )


@torch.no_grad()
def both(built: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The model's own outputs, and the quick ones."""
    assert quick_tensorf(built) is not None
    found = built(rays())
    monkeypatch.setattr(s3im_tensorf, "quick_tensorf", lambda model: None)
    return built(rays()), found


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"space": "box", "box_scale": 2.0},
        {"density_activation": "relu", "density_shift": 0.0},
        {"background_color": "white"},
        {"color_weight_threshold": 0.0},
        {"head_width": 32, "appearance_dim": 12},
    ],
)
def test_outputs_are_the_models_own(settings, monkeypatch):
    expected, found = both(model(**settings), monkeypatch)
    assert found.keys() == expected.keys()
    assert expected["rgb"].std() > 0.05
    assert expected["accumulation"].std() > 0.05
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        off = ((found[name] - value).abs() > CLOSE["atol"] + CLOSE["rtol"] * value.abs()).any(dim=-1)
        # A median depth is one of few, and a normal is that of one of them: rounding can tip from one to the next.
        assert off.float().mean() <= (0.04 if name in ("depth", "normals") else 0.0), name


@pytest.mark.parametrize(
    "settings",
    [
        {"sampling": "steps", "space": "box"},
        {"tensorf_encoding": "cp"},
        {"resolution_by_axis": False},
        {"encoding_octaves": "nerfstudio"},
        {"style": "nerfstudio"},
    ],
)
@torch.no_grad()
def test_other_settings_are_left_to_torch(settings):
    built = model(**settings)
    assert quick_tensorf(built) is None
    assert built(rays())["rgb"].shape == (50, 3)


@torch.no_grad()
def test_a_mask_and_training_are_left_to_torch():
    built = model()
    assert quick_tensorf(built) is not None
    assert quick_tensorf(built.train()) is None
    built.eval().field.alpha_mask.update(torch.ones(4, 4, 4), torch.tensor([[-2.0] * 3, [2.0] * 3]), 0.5)
    assert quick_tensorf(built) is None


@pytest.mark.parametrize("rays_at_once", [33, 4096])
def test_an_images_pixels_share_their_first_samples(rays_at_once):
    view = Cameras(torch.eye(4)[None, :3], 2000.0, 2000.0, 10.0, 7.0, 20, 14)
    built, images = model(eval_num_rays_per_chunk=rays_at_once), {}
    for side in (1, 3):
        built.config.shared_pixels = side
        images[side] = built.get_outputs_for_camera(view)["rgb"]
    assert not torch.equal(images[1], images[3])
    assert (images[1] - images[3]).abs().mean() < 0.02


@tile_kernels.jit
def sines(x):
    found = np.empty_like(x)
    for i in range(len(x)):
        found[i] = tensorf_kernels.sine(x[i])
    return found


@pytest.mark.parametrize(("most", "tolerance"), [(3.0, 3e-7), (1000.0, 2e-6)])
def test_the_sine_is_right_to_rounding(most, tolerance):
    x = np.linspace(-most, most, 20001).astype(np.float32)
    np.testing.assert_allclose(sines(x), np.sin(x.astype(np.float64)), atol=tolerance)


def test_densities_are_softplus_and_relu():
    x = np.linspace(-60, 60, 1201).astype(np.float32)
    soft, rectified = x.copy(), x.copy()
    tensorf_kernels.to_densities(soft, np.float32(-4), False, len(x))
    tensorf_kernels.to_densities(rectified, np.float32(-4), True, len(x))
    expected = torch.nn.functional.softplus(torch.from_numpy(x).double() - 4)
    np.testing.assert_allclose(soft, expected.numpy(), rtol=1e-5)
    assert np.array_equal(rectified, np.maximum(x, 0))
