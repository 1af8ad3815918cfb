"""The paper's mip-NeRF: one network for both passes, names that S3IM and exports know, and settings by the data."""

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.data.scene_box import SceneBox
from short_training import losses_of_training

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError
from s3im_methods.losses import S3IMConfig
from s3im_methods.models.s3im_mipnerf import S3IMMipNeRFModel, S3IMMipNeRFModelConfig

SMALL = {"num_coarse_samples": 16, "num_importance_samples": 16, "num_layers": 7, "hidden_dim": 32, "num_octaves": 6}


def build(facts=None, **settings):
    torch.manual_seed(0)
    return S3IMMipNeRFModelConfig(**{**SMALL, **settings}).setup(
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={"scene_facts": facts}
    )


def rays(area: float = 1e-4, count: int = 64, step: int = 0) -> RayBundle:
    random = torch.Generator().manual_seed(step)
    directions = torch.nn.functional.normalize(torch.randn(count, 3, generator=random), dim=-1)
    return RayBundle(-2 * directions, directions, torch.full((count, 1), area))


def batch(step: int) -> tuple[RayBundle, dict]:
    return rays(step=step), {"image": torch.full((64, 3), 0.9)}


def test_it_trains_on_both_passes_and_with_s3im():
    model = build(s3im=S3IMConfig(balance="add"))
    history = losses_of_training(model, batch, 30, learning_rate=3e-3)
    assert history[0].keys() == {"rgb_loss", "rgb_loss_coarse", "s3im_loss"}
    assert history[-1]["rgb_loss"] < 0.5 * history[0]["rgb_loss"]
    # One network sees both passes, and a mean of the coarse one counts a tenth.
    assert len(model.get_param_groups()) == 1
    assert 0.02 < (history[0]["rgb_loss_coarse"] / history[0]["rgb_loss"]).item() < 0.5


def test_a_pixels_width_counts():
    model = build().eval()
    with torch.no_grad():
        thin, thick = (model(rays(area))["rgb"] for area in (1e-8, 1e-1))
    assert not torch.allclose(thin, thick, atol=1e-5)


def test_outputs_and_metrics_have_the_usual_names():
    model = build().eval()
    outputs = model.get_outputs_for_camera_ray_bundle(rays(count=144).reshape((12, 12)))
    assert {"rgb", "depth", "accumulation", "normals"} <= outputs.keys()
    assert outputs["normals"].isfinite().all() and outputs["rgb"].shape == (12, 12, 3)
    metrics, _ = model.get_image_metrics_and_images(outputs, {"image": torch.rand(12, 12, 3)})
    assert {"psnr", "ssim", "coarse_psnr"} <= metrics.keys()


def test_planes_and_background_follow_the_data():
    config = S3IMMipNeRFModelConfig()
    S3IMMipNeRFModel.adapt_to_data(config, NerfstudioDataParserConfig())
    assert (config.near_plane, config.far_plane) == (None, None)
    decided = S3IMMipNeRFModel.decided(config, SceneFacts())
    assert decided.collider_params == {"near_plane": 0.05, "far_plane": 4.0}
    assert decided.background_color == "last_sample"
    assert S3IMMipNeRFModel.decided(config, SceneFacts(has_transparent_background=True)).background_color == "white"
    S3IMMipNeRFModel.adapt_to_data(config, BlenderDataParserConfig())
    assert S3IMMipNeRFModel.decided(config, SceneFacts()).collider_params == {"near_plane": 2.0, "far_plane": 6.0}
    assert build(near_plane=1.0).far_plane() == 4.0


def test_views_are_rendered_where_training_has_samples():
    model = build(near_plane=1.0, far_plane=3.0)
    for mode in (True, False):
        model.train(mode)
        bundle = model.collider(rays())
        assert bundle.nears.unique().tolist() == [1.0] and bundle.fars.unique().tolist() == [3.0]
    bins = model.sampler_uniform(bundle).frustums
    assert bins.starts[:, 0].unique().tolist() == [1.0] and bins.ends[:, -1].unique().tolist() == [3.0]
    assert model(rays())["depth"].min() >= 1.0


def test_planes_in_the_wrong_order_are_one_sentence():
    with pytest.raises(InputError) as error:
        build(near_plane=2.0, far_plane=1.0)
    assert str(error.value) == "--pipeline.model.far-plane is 1.0: give more than near-plane, which is 2."
