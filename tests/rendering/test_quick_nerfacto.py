"""Quick views of nerfacto against the model's own outputs."""

from collections import Counter
from typing import Any

import pytest
import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.field_components.mlp import MLP
from nerfstudio.model_components import renderers

from s3im_methods.models import s3im_nerfacto
from s3im_methods.models.s3im_depth_nerfacto import S3IMDepthNerfactoModelConfig
from s3im_methods.models.s3im_mip_grid import S3IMMipGridModelConfig
from s3im_methods.models.s3im_mipnerf360 import S3IMMipNeRF360ModelConfig
from s3im_methods.models.s3im_nerfacto import S3IMNerfactoModelConfig
from s3im_methods.rendering import ray_kernels
from s3im_methods.rendering.quick_nerfacto import quick_nerfacto

SMALL: dict[str, Any] = {
    "num_levels": 3,
    "log2_hashmap_size": 10,
    "max_res": 64,
    "hidden_dim": 16,
    "hidden_dim_color": 16,
    "num_proposal_iterations": 1,
    "num_proposal_samples_per_ray": (24,),
    "num_nerf_samples_per_ray": 12,
    "proposal_net_args_list": [
        {"hidden_dim": 16, "log2_hashmap_size": 8, "num_levels": 2, "max_res": 32, "use_linear": False}
    ],
    "appearance_embed_dim": 4,
    "average_init_density": 1.0,
    "implementation": "fused",
    "camera_optimizer": CameraOptimizerConfig(mode="off"),
}
# Samples that weigh less than 1e-4 have no colour, and sums are in another order.
CLOSE: dict[str, Any] = {"atol": 2e-3, "rtol": 2e-4}


def model(config_class: type = S3IMNerfactoModelConfig, **settings: Any) -> Any:
    """With grids that make a scene with much to see."""
    torch.manual_seed(0)
    config = config_class(**{**SMALL, **settings})
    built = config.setup(scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={})
    for network, scale in ((built.field, 3.0), *((network, 2.0) for network in built.proposal_networks)):
        for name, parameter in network.named_parameters():
            if "hash_table" in name:
                parameter.data.normal_().mul_(scale)
    head: Any = getattr(built.field, "mlp_head", MLP(1, 1, 1))
    for layer in head.layers:
        layer.weight.data.mul_(3.0)
    return built.eval()


def rays(count: int = 50) -> RayBundle:
    random = torch.Generator().manual_seed(1)
    return RayBundle(
        origins=0.3 * torch.randn(count, 3, generator=random),
        directions=torch.nn.functional.normalize(torch.randn(count, 3, generator=random), dim=-1),
        pixel_area=torch.full((count, 1), 1e-4),
        camera_indices=torch.randint(0, 3, (count, 1), generator=random),
        metadata={"directions_norm": torch.ones(count, 1)},
    )


def camera(width: int = 20, height: int = 14, focal: float = 200.0) -> Cameras:
    pose = torch.eye(4)[None, :3]
    return Cameras(pose, focal, focal, width / 2, height / 2, width, height)


@torch.no_grad()
def outputs(built: Any, bundle: RayBundle, monkeypatch: pytest.MonkeyPatch, quick: bool) -> dict[str, torch.Tensor]:
    with monkeypatch.context() as patch:
        if quick:
            assert quick_nerfacto(built) is not None
        else:
            patch.setattr(s3im_nerfacto, "quick_nerfacto", lambda model: None)
        return built(bundle)


TWO = {
    "num_proposal_iterations": 2,
    "num_proposal_samples_per_ray": (24, 16),
    "proposal_net_args_list": [
        {"hidden_dim": 16, "log2_hashmap_size": 8, "num_levels": 2, "max_res": 32, "use_linear": False},
        {"hidden_dim": 8, "log2_hashmap_size": 9, "num_levels": 3, "max_res": 64, "use_linear": False},
    ],
}
ALIKE = {**TWO, "proposal_net_args_list": TWO["proposal_net_args_list"][:1], "use_same_proposal_network": True}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"disable_scene_contraction": True},
        {"background_color": "white"},
        {"background_color": "random"},
        {"use_average_appearance_embedding": False},
        {"use_appearance_embedding": False},
        {"proposal_initial_sampler": "uniform", "far_plane": 4.0},
        TWO,
        ALIKE,
    ],
)
def test_outputs_are_the_models_own(settings, monkeypatch):
    built = model(**settings)
    expected, found = (outputs(built, rays(), monkeypatch, quick) for quick in (False, True))
    assert found.keys() == expected.keys()
    assert expected["rgb"].std() > 0.05
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        # A depth is one of few, and a normal is that of one of them: rounding can tip from one to the next.
        off = ((found[name] - value).abs() > CLOSE["atol"] + CLOSE["rtol"] * value.abs()).any(dim=-1)
        assert off.float().mean() <= (0.04 if "depth" in name or name == "normals" else 0.0), name


def test_depth_nerfacto_has_its_further_outputs(monkeypatch):
    built = model(S3IMDepthNerfactoModelConfig, appearance="glo")
    expected, found = (outputs(built, rays(), monkeypatch, quick) for quick in (False, True))
    assert "directions_norm" in found
    assert found.keys() == expected.keys()
    torch.testing.assert_close(found["rgb"], expected["rgb"], **CLOSE)


MIP_GRID = (S3IMMipGridModelConfig, {})
MIP_360 = (S3IMMipNeRF360ModelConfig, {"encoding": "grid", "dilation": 0.0, "opaque_background": True})
NOT_OPAQUE = (S3IMMipNeRF360ModelConfig, {**MIP_360[1], "opaque_background": False})


@pytest.mark.parametrize(("config_class", "settings"), [MIP_GRID, MIP_360, NOT_OPAQUE])
@pytest.mark.parametrize("further", [{}, {"disable_scene_contraction": True, "far_plane": 3.0}, TWO])
@pytest.mark.parametrize("area", [1e-6, 1e-2])
def test_samples_with_a_width_have_the_models_outputs(config_class, settings, further, area, monkeypatch):
    built, bundle = model(config_class, **settings, **further), rays()
    bundle.pixel_area = area * torch.rand(50, 1)
    expected, found = (outputs(built, bundle, monkeypatch, quick) for quick in (False, True))
    assert found.keys() == expected.keys()
    assert expected["rgb"].std() > 0.03
    for name, value in expected.items():
        off = ((found[name] - value).abs() > CLOSE["atol"] + CLOSE["rtol"] * value.abs()).any(dim=-1)
        assert off.float().mean() <= (0.04 if "depth" in name or name == "normals" else 0.0), name


def test_annealed_weights_are_annealed(monkeypatch):
    built = model()
    built.proposal_sampler.set_anneal(0.3)
    expected, found = (outputs(built, rays(), monkeypatch, quick) for quick in (False, True))
    torch.testing.assert_close(found["rgb"], expected["rgb"], **CLOSE)


def test_a_crop_has_its_bounds_and_its_colour(monkeypatch):
    built, bundle = model(), rays()
    bundle.nears, bundle.fars = torch.rand(50, 1) * 0.3, 0.5 + torch.rand(50, 1)
    with renderers.background_color_override_context(torch.tensor([0.1, 0.9, 0.4])):
        expected, found = (outputs(built, bundle, monkeypatch, quick) for quick in (False, True))
    torch.testing.assert_close(found["rgb"], expected["rgb"], **CLOSE)


def test_no_threads_and_two_give_the_same(monkeypatch):
    built, found, threads = model(), [], torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.append(outputs(built, rays(), monkeypatch, quick=True)["rgb"])
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(*found, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("config_class", "settings"),
    [
        (S3IMNerfactoModelConfig, {"predict_normals": True}),
        (S3IMNerfactoModelConfig, {"implementation": "torch"}),
        (S3IMNerfactoModelConfig, {"features_per_level": 4}),
        (
            S3IMNerfactoModelConfig,
            {"proposal_net_args_list": [{**SMALL["proposal_net_args_list"][0], "use_linear": True}]},
        ),
        (S3IMMipGridModelConfig, {"predict_normals": True}),
        (S3IMMipNeRF360ModelConfig, {"encoding": "grid", "dilation": 0.5}),
        (S3IMMipNeRF360ModelConfig, {"encoding": "grid", "dilation": 0.0, "reflection": "ref-nerf"}),
        (S3IMMipNeRF360ModelConfig, {"encoding": "mlp", "num_layers": 2, "dilation": 0.0}),
    ],
)
@torch.no_grad()
def test_other_models_are_left_to_torch(config_class, settings):
    built = model(config_class, **settings)
    assert quick_nerfacto(built) is None
    assert built(rays())["rgb"].shape == (50, 3)


def test_training_and_gradients_are_left_to_torch():
    built = model()
    assert quick_nerfacto(built) is None
    with torch.no_grad():
        assert quick_nerfacto(built) is not None
        assert quick_nerfacto(built.train()) is None


def image(built: Any, side: int, view: Cameras | RayBundle) -> dict[str, torch.Tensor]:
    built.config.shared_pixels = side
    if isinstance(view, RayBundle):
        return built.get_outputs_for_camera_ray_bundle(view)
    return built.get_outputs_for_camera(view)


def test_without_sharing_an_image_is_its_rays(monkeypatch):
    built, view = model(), camera()
    found = image(built, 1, view)
    bundle = view.generate_rays(0)
    expected = outputs(built, bundle.flatten(), monkeypatch, quick=False)
    torch.testing.assert_close(found["rgb"], expected["rgb"].view(14, 20, 3), **CLOSE)


@pytest.mark.parametrize(("width", "height"), [(20, 14), (21, 15), (1, 1), (2, 7), (3, 3)])
@pytest.mark.parametrize("rays_at_once", [7, 4096])
def test_shared_proposals_change_little(width, height, rays_at_once):
    built, view = model(eval_num_rays_per_chunk=rays_at_once), camera(width, height, focal=2000.0)
    own, shared = (image(built, side, view) for side in (1, 3))
    assert own.keys() == shared.keys()
    for name, value in own.items():
        assert shared[name].shape == value.shape
        assert shared[name].isfinite().all()
    assert (own["rgb"] - shared["rgb"]).abs().mean() < 0.02


def test_chunks_do_not_matter():
    view = camera()
    whole, cut = (image(model(eval_num_rays_per_chunk=count), 3, view)["rgb"] for count in (4096, 33))
    torch.testing.assert_close(cut, whole, atol=1e-5, rtol=1e-5)


def test_pixels_that_see_far_apart_do_not_share():
    built = model()
    for view in (camera(focal=10.0), rays_from_several_points()):
        own, shared = (image(built, side, view)["rgb"] for side in (1, 3))
        assert torch.equal(own, shared)


def rays_from_several_points() -> RayBundle:
    bundle = camera().generate_rays(0)
    bundle.origins = bundle.origins.clone()
    bundle.origins[3, 4, 0] += 0.01
    return bundle


def test_pixels_of_one_view_share():
    built = model()
    own, shared = (image(built, side, camera())["rgb"] for side in (1, 3))
    assert not torch.equal(own, shared)


def test_an_image_asks_for_a_ninth_of_the_proposals(monkeypatch):
    asked = Counter()

    def counting(name: str, kernel: Any) -> Any:
        def counted(*given: Any) -> None:
            asked[name] += given[-1] - given[-2]
            kernel(*given)

        return counted

    for name in ("proposal_weights", "radiance"):
        monkeypatch.setattr(ray_kernels, name, counting(name, getattr(ray_kernels, name)))
    image(model(), 3, camera(30, 21))
    assert asked == {"proposal_weights": 10 * 7, "radiance": 30 * 21}
