"""S3IM-VolSDF: its presets and refusals, its points for the eikonal loss, and what every surface method can do."""

import copy
import math
from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation
from short_training import losses_of_training

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.data.scene_facts import SceneFacts, add_facts
from s3im_methods.data.scene_sphere import SceneSphere
from s3im_methods.errors import InputError
from s3im_methods.losses import S3IMConfig
from s3im_methods.losses.depth import DepthLossConfig
from s3im_methods.methods.volsdf import s3im_volsdf, s3im_volsdf_lite
from s3im_methods.models.s3im_neus import NeuSFieldConfig
from s3im_methods.models.s3im_volsdf import S3IMVolSDFModel, S3IMVolSDFModelConfig

SMALL: dict[str, Any] = {"num_first_samples": 10, "num_more_samples": 6, "num_opacity_samples": 8, "sharpness_steps": 4}
FIELD: dict[str, Any] = {"num_layers": 2, "hidden_dim": 32, "geo_feat_dim": 7, "num_layers_color": 1}
FIELD |= {"hidden_dim_color": 16, "num_levels": 4, "max_res": 64, "log2_hashmap_size": 10, "position_frequencies": 0}
SPHERE = SceneSphere((0.0, 1.0, 0.0), 2.0, "object")


def build(band: float = 0.0, masks: bool = True, **settings: Any) -> Any:
    torch.manual_seed(0)
    metadata: dict[str, Any] = {}
    add_facts(metadata, object_sphere=SPHERE, room_sphere=SPHERE, has_foreground_mask=masks)
    field = NeuSFieldConfig(**FIELD, band=band)
    config = S3IMVolSDFModelConfig(**{"scene_kind": "object", "sdf_field": field, **SMALL, **settings})
    with lpips_without_download():
        return config.setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata=metadata
        )


def batch(step: int = 0, rays: int = 24, distance: float = 6.0) -> tuple[RayBundle, dict[str, Any]]:
    """Rays around the sphere; the last looks away from it."""
    random = torch.Generator().manual_seed(step)
    origins = torch.tensor([0.0, 1.0, 0.0]) + distance * torch.nn.functional.normalize(
        torch.randn(rays, 3, generator=random), dim=-1
    )
    targets = torch.tensor([0.0, 1.0, 0.0]) + 0.5 * torch.randn(rays, 3, generator=random)
    directions = torch.nn.functional.normalize(targets - origins, dim=-1)
    directions[-1] *= -1
    images = torch.randint(0, 3, (rays, 1), generator=random)
    bundle = RayBundle(
        origins,
        directions,
        torch.full((rays, 1), 1e-4),
        camera_indices=images,
        metadata={"directions_norm": torch.ones(rays, 1)},
    )
    targets_of = {"image": torch.rand(rays, 3, generator=random), "fg_mask": torch.ones(rays, 1)}
    targets_of |= {"indices": torch.cat([images, images, images], dim=1), "depth_image": torch.full((rays, 1), 4.0)}
    return bundle, targets_of


@pytest.mark.parametrize("band", [0.0, 8.0])
@pytest.mark.parametrize("style", ["ours", "paper"])
@pytest.mark.parametrize("kind", ["object", "room"])
def test_it_trains_on_any_number_of_rays_with_depth_and_masks(kind, style, band):
    model = build(band, scene_kind=kind, style=style, depth=DepthLossConfig(kind="l1"))
    history = losses_of_training(model, lambda step: batch(step, 9 + 4 * step), steps=3)
    names = {"rgb_loss", "eikonal_loss", "fg_mask_loss", "s3im_loss", "depth_loss"}
    assert all(losses.keys() == names for losses in history)
    assert all(value.isfinite() for losses in history for value in losses.values())
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_styles_decide_beta_and_search():
    ours, paper = (
        S3IMVolSDFModel.decided(S3IMVolSDFModelConfig(style=style), SceneFacts(scene_kind="room"))
        for style in ("ours", "paper")
    )
    names = ("beta", "convergence", "num_opacity_samples", "num_extra_samples", "eikonal_points")
    assert [getattr(ours, name) for name in names] == ["scheduled", "ray", 24, 0, 0.0]
    assert [getattr(paper, name) for name in names] == ["learned", "batch", 64, 32, 0.5]
    of_object = S3IMVolSDFModel.decided(S3IMVolSDFModelConfig(), SceneFacts(scene_kind="object"))
    assert of_object.num_opacity_samples == 0
    assert (of_object.final_sharpness, ours.final_sharpness) == (1500, 300)
    assert (ours.sdf_field.num_layers, paper.sdf_field.num_layers) == (2, 8)
    assert paper.sdf_field.beta_init == pytest.approx(math.log(10) / 10)
    assert ours.bounds == paper.bounds == "near-far"
    assert S3IMVolSDFModel.decided(
        S3IMVolSDFModelConfig(style="paper", opacity_error=0.2, beta="scheduled"), SceneFacts()
    ).opacity_error == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("settings", "flag"),
    [
        ({"opacity_error": 0.0}, "opacity-error is 0.0: give an error above 0"),
        ({"opacity_error": math.nan}, "opacity-error is nan"),
        ({"sampling_rounds": 0}, "sampling-rounds is 0: give a number of 1 or more"),
        ({"num_first_samples": 0}, "num-first-samples is 0"),
        ({"num_more_samples": 0}, "num-more-samples is 0"),
        ({"num_opacity_samples": 3}, "num-opacity-samples is 3: give 4 or more, or 0"),
        ({"num_extra_samples": -1}, "num-extra-samples is -1: give a number of 0 or more"),
        ({"sharpness_steps": 0}, "sharpness-steps is 0"),
        ({"final_sharpness": 0.0}, "final-sharpness is 0.0: give a number above 0, up to 10000"),
        ({"final_sharpness": math.inf}, "final-sharpness is inf"),
        ({"eikonal_points": -1.0}, "eikonal-points is -1.0"),
        ({"eikonal_loss_mult": -1.0}, "eikonal-loss-mult is -1.0"),
        ({"sdf_field": NeuSFieldConfig(beta_init=0.0)}, "sdf-field.beta-init is 0.0: give a scale above 0"),
    ],
)
def test_settings_out_of_range_are_refused_by_a_sentence(settings, flag):
    with pytest.raises(InputError, match=f"--pipeline.model.{flag}"):
        S3IMVolSDFModel.decided(S3IMVolSDFModelConfig(**settings), SceneFacts())


def test_beta_is_a_function_of_the_step():
    model = build()
    found = []
    for step in (2, 0, 4, 400):
        model.schedule(step)
        found.append(model.field.sharpness.item())
    assert found == pytest.approx([math.sqrt(1500 * math.exp(4)), math.exp(4), 1500, 1500], rel=1e-5)


@pytest.mark.parametrize("method", [s3im_volsdf, s3im_volsdf_lite], ids=["full", "lite"])
def test_beta_is_small_for_the_last_fifth_of_a_run(method):
    config = method.config.pipeline.model
    assert isinstance(config, S3IMVolSDFModelConfig)
    assert config.sharpness_steps == 0.8 * method.config.max_num_iterations


def test_a_learned_beta_learns():
    model = build(style="paper")
    before = model.field.sharpness.item()
    assert before == pytest.approx(10.0)
    losses_of_training(model, batch, steps=2)
    assert model.field.sharpness.item() != pytest.approx(before, rel=1e-3)
    assert any(p is model.field.opacity.variance for p in model.get_param_groups()["fields"])


@pytest.mark.parametrize("style", ["ours", "paper"])
def test_a_resumed_run_is_the_unstopped_one(style):
    """The sampler has no state, and beta is in the checkpoint or follows from the step."""
    # S3IM's permutations are the trainer's to restore.
    without = S3IMConfig(loss_mult=0.0)
    unstopped = build(style=style, s3im=without)
    losses_of_training(unstopped, batch, steps=2)
    resumed = build(style=style, s3im=without)
    resumed.load_state_dict(copy.deepcopy(unstopped.state_dict()))
    losses = []
    for model in (unstopped, resumed):
        for callback in model.train().get_training_callbacks(TrainingCallbackAttributes(None, None, None, None)):  # type: ignore[arg-type]
            callback.run_callback_at_location(2, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
        torch.manual_seed(7)
        rays, targets = batch(2)
        losses.append(model.get_loss_dict(model(rays), targets))
    assert all(torch.equal(value, losses[1][name]) for name, value in losses[0].items())
    assert torch.equal(resumed.field.sharpness, unstopped.field.sharpness)


@pytest.mark.parametrize("band", [0.0, 8.0])
def test_eikonal_points_are_one_sample_per_ray_and_points_of_the_cube(band):
    model = build(band, eikonal_points=0.5).train()
    asked = []
    geometry = model.field.geometry
    model.field.geometry = lambda points: asked.append(points.detach()) or geometry(points)
    outputs = model(batch()[0])
    assert outputs["eik_grad"].shape == (24 + 12, 3)
    points = asked[-1]
    assert points.shape == (12, 3)
    low, high = points.amin(dim=0), points.amax(dim=0)
    assert (low >= torch.tensor([-2.0, -1.0, -2.0])).all() and (high <= torch.tensor([2.0, 3.0, 2.0])).all()
    assert (high - low > 1.5).all()
    outputs["eik_grad"].sum().backward()
    assert model.field.glin0.weight_v.grad.abs().sum() > 0
    assert build(band, eikonal_points=0.0).train()(batch()[0])["eik_grad"].numel() > 36 * 3


def test_a_ray_that_misses_shows_the_background_alone():
    model = build().eval()
    outputs = model(batch()[0])
    assert outputs["accumulation"][-1].item() == 0 and outputs["rgb"][-1].tolist() == [1.0, 1.0, 1.0]
    assert outputs["accumulation"][:-1].amax() > 0.9
    assert not any(name.startswith("prop_depth") for name in outputs)


@pytest.mark.parametrize("distance", [0.3, 0.9])
def test_cameras_inside_the_surface_and_the_sphere_are_rendered(distance):
    model = build().eval()
    outputs = model(batch(distance=distance)[0])
    assert all(outputs[name].isfinite().all() for name in ("rgb", "depth", "normals", "accumulation"))


def test_depth_is_where_the_initial_sphere_is():
    model = build(sdf_field=NeuSFieldConfig(**{**FIELD, "hidden_dim": 64}), num_opacity_samples=32).eval()
    rays, _ = batch(rays=40)
    outputs = model(rays)
    points = rays.origins + outputs["depth"] * rays.directions
    distance = (points - torch.tensor(SPHERE.center)).norm(dim=-1)[outputs["accumulation"][:, 0] > 0.95]
    # Half the unit sphere, which is the sphere of radius 2.
    assert len(distance) > 20
    assert (distance - 1).abs().amax() < 0.15


def test_mixed_precision_on_a_cpu_trains():
    model = build(8.0, background_model="nerf++", masks=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        history = losses_of_training(model, batch, steps=2)
    assert all(value.isfinite() for losses in history for value in losses.values())
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_without_s3im_there_is_no_such_loss():
    losses = losses_of_training(build(s3im=S3IMConfig(loss_mult=0.0)), batch, steps=1)[0]
    assert "s3im_loss" not in losses


def test_the_callers_rays_stay_as_they_are():
    model = build().train()
    rays, _ = batch()
    rays = model.collider(rays)
    before = {name: getattr(rays, name).clone() for name in ("origins", "directions", "nears", "fars")}
    model.get_outputs(rays)
    assert all(torch.equal(getattr(rays, name), value) for name, value in before.items())
