"""S3IM-NeuS-facto: nerfstudio's neus-facto to the last bit, and what is added to it."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.fields import sdf_field as stock_field
from nerfstudio.fields.sdf_field import SDFFieldConfig
from nerfstudio.model_components.renderers import RGBRenderer
from nerfstudio.models.neus_facto import NeuSFactoModelConfig
from short_training import losses_of_training

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.scene_sphere import SceneSphere
from s3im_methods.encodings.sdf_hash_grid import SDFHashEncoding
from s3im_methods.errors import InputError
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.losses import S3IMConfig
from s3im_methods.losses.depth import DepthLossConfig
from s3im_methods.models.s3im_neus_facto import S3IMNeuSFactoModel, S3IMNeuSFactoModelConfig

SMALL: dict[str, Any] = {
    "num_proposal_iterations": 1,
    "num_proposal_samples_per_ray": (16,),
    "num_neus_samples_per_ray": 8,
    "num_samples_outside": 6,
    "proposal_net_args_list": [{"hidden_dim": 16, "log2_hashmap_size": 8, "num_levels": 2, "max_res": 32}],
}
FIELD: dict[str, Any] = {
    "use_grid_feature": True,
    "num_layers": 2,
    "hidden_dim": 32,
    "geo_feat_dim": 7,
    "num_layers_color": 2,
    "hidden_dim_color": 16,
    "num_levels": 4,
    "max_res": 64,
    "log2_hashmap_size": 10,
    "appearance_embedding_dim": 3,
}
WITHOUT = S3IMConfig(loss_mult=0.0)
OBJECT = {"scene_kind": "object", "background_model": "none"}


def build(config_class: Any = S3IMNeuSFactoModelConfig, facts: SceneFacts | None = None, **settings):
    torch.manual_seed(0)
    with lpips_without_download():
        return config_class(**{**SMALL, **settings}).setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={"scene_facts": facts}
        )


def ours(facts: SceneFacts | None = None, sdf_field: dict | None = None, **settings):
    settings = {"s3im": WITHOUT, **OBJECT, **settings}
    field = S3IMSDFFieldConfig(**{**FIELD, "implementation": "torch", **(sdf_field or {})})
    return build(facts=facts, sdf_field=field, **settings)


def batch(step: int = 0, rays: int = 32, distance: float = 3.0) -> tuple[RayBundle, dict]:
    """Rays from around the unit sphere towards its inside."""
    random = torch.Generator().manual_seed(step)
    origins = distance * torch.nn.functional.normalize(torch.randn(rays, 3, generator=random), dim=-1)
    targets = 0.5 * torch.randn(rays, 3, generator=random)
    images = torch.randint(0, 3, (rays, 1), generator=random)
    bundle = RayBundle(
        origins=origins,
        directions=torch.nn.functional.normalize(targets - origins, dim=-1),
        pixel_area=torch.full((rays, 1), 1e-4),
        camera_indices=images,
        metadata={"directions_norm": 1 + torch.rand(rays, 1, generator=random)},
    )
    return bundle, {
        "image": torch.rand(rays, 3, generator=random),
        "indices": torch.cat([images, torch.zeros(rays, 2, dtype=torch.int64)], dim=1),
    }


def training(model, steps: int = 4, rays: int = 32, **more) -> list[dict[str, torch.Tensor]]:
    def with_more(step: int) -> tuple[RayBundle, dict]:
        bundle, targets = batch(step, rays)
        return bundle, targets | {name: value(rays) for name, value in more.items()}

    return losses_of_training(model, with_more, steps, learning_rate=1e-3)


class TorchForTinycudann:
    """What nerfstudio's field asks of tinycudann."""

    @staticmethod
    def Encoding(n_input_dims: int, encoding_config: dict) -> SDFHashEncoding:
        return SDFHashEncoding(
            num_levels=encoding_config["n_levels"],
            min_res=encoding_config["base_resolution"],
            max_res=FIELD["max_res"],
            log2_hashmap_size=encoding_config["log2_hashmap_size"],
            features_per_level=encoding_config["n_features_per_level"],
            implementation="torch",
        )


@pytest.mark.parametrize("background", ["none", "mlp"])
def test_style_nerfstudio_is_nerfstudios_neus_facto_to_the_last_bit(monkeypatch, background):
    monkeypatch.setattr(stock_field, "tcnn", TorchForTinycudann)
    monkeypatch.setattr(stock_field.SDFField, "unlock", lambda field, step: None, raising=False)
    stock = build(
        NeuSFactoModelConfig,
        sdf_field=SDFFieldConfig(**FIELD, bias=0.5, beta_init=0.8),
        background_model=background,
    )
    # nerfstudio changes the rays of its caller, but that no one sees here.
    mine = ours(style="nerfstudio", background_model=background)
    assert stock.state_dict().keys() <= mine.state_dict().keys()
    for expected, actual in zip(training(stock), training(mine), strict=True):
        assert expected.keys() == actual.keys()
        for name, value in expected.items():
            assert torch.equal(actual[name], value), name


def test_with_s3im_one_loss_is_added_and_no_other_changes():
    base = training(ours(), steps=1)[0]
    with_s3im = training(ours(s3im=S3IMConfig(loss_mult=1.0, balance="add")), steps=1)[0]
    assert with_s3im.keys() - base.keys() == {"s3im_loss"}
    assert all(torch.equal(with_s3im[name], value) for name, value in base.items())


BACKGROUNDS = ["none", "nerf++", "grid", "mlp"]


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("kind", ["object", "room"])
def test_every_preset_trains_and_renders(kind, background):
    model = ours(scene_kind=kind, background_model=background)
    history = training(model, steps=6)
    assert all(value.isfinite() for losses in history for value in losses.values())
    model.eval()
    with torch.no_grad():
        outputs = model(batch(rays=256)[0])
    for name in ("rgb", "depth", "expected_depth", "accumulation", "normals", "prop_depth_0"):
        assert outputs[name].isfinite().all(), name
        assert not outputs[name].requires_grad
    direction = (2 * outputs["normals"] - 1).norm(dim=-1, keepdim=True)
    torch.testing.assert_close(direction, outputs["accumulation"], atol=1e-3, rtol=0)
    # A median, not the mean.
    assert not torch.equal(outputs["depth"], outputs["expected_depth"])
    # The viewer offers them all, and can show colours and single values; numbers below 0 are no colour.
    assert {tuple(value.shape) for value in outputs.values()} == {(256, 1), (256, 3)}
    assert all(value.min() >= 0 for name, value in outputs.items() if value.shape[1] == 3), outputs.keys()
    assert isinstance(model.renderer_rgb, RGBRenderer)
    assert ("bg_rgb" in outputs) == (background != "none")
    as_images = {name: value.view(16, 16, *value.shape[1:]) for name, value in outputs.items()}
    metrics, images = model.get_image_metrics_and_images(as_images, {"image": torch.rand(16, 16, 3)})
    assert metrics["psnr"] > 0
    torch.testing.assert_close(images["normal"], as_images["normals"])


def test_depth_is_the_distance_along_the_ray_to_the_initial_sphere():
    model = ours(
        sphere_center=(1.0, 0.0, 0.0), sphere_radius=2.0, num_neus_samples_per_ray=256, sdf_field={"hidden_dim": 256}
    )
    model.field.opacity.get_parameter("variance").data.fill_(0.7)
    model.eval()
    origins = torch.tensor([[1.0, 0.0, -6.0], [1.0, 4.0, 0.0]])
    directions = torch.tensor([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    rays = RayBundle(
        origins,
        directions,
        torch.ones(2, 1),
        camera_indices=torch.zeros(2, 1, dtype=torch.int64),
        metadata={"directions_norm": torch.full((2, 1), 1.7)},
    )
    with torch.no_grad():
        outputs = model(rays)
    # The initial sphere has half the radius of the scene's.
    expected = torch.tensor([[5.0], [3.0]])
    assert torch.allclose(outputs["depth"], expected, atol=0.15)
    assert torch.allclose(outputs["expected_depth"], expected, atol=0.15)
    assert torch.allclose(outputs["normals"] * 2 - 1, -directions, atol=0.1)


def test_rays_that_miss_the_sphere_see_the_background_alone():
    model = ours(sdf_field={"inside_outside": True, "bias": 0.1}, background_color="white").eval()
    rays, _ = batch(rays=4)
    rays.origins = torch.tensor([[0.0, 2.0, -3.0]]).expand(4, 3)
    rays.directions = torch.tensor([[0.0, 0.0, 1.0]]).expand(4, 3)
    with torch.no_grad():
        outputs = model(rays)
    assert torch.equal(outputs["accumulation"], torch.zeros(4, 1))
    assert torch.equal(outputs["rgb"], torch.ones(4, 3))


@pytest.mark.parametrize("background", ["nerf++", "grid", "mlp"])
def test_the_callers_rays_stay_as_the_collider_made_them(background):
    model = ours(background_model=background).eval()
    rays = model.collider(batch()[0])
    nears, fars = rays.nears.clone(), rays.fars.clone()
    with torch.no_grad():
        model.get_outputs(rays)
    assert torch.equal(rays.nears, nears)
    assert torch.equal(rays.fars, fars)


def test_foreground_masks_are_learned():
    # Everything is foreground, and at first half of the rays pass beside the sphere.
    model = ours(fg_mask_loss_mult=1.0)
    history = training(model, steps=30, fg_mask=lambda rays: torch.ones(rays, 1))
    losses = [losses["fg_mask_loss"].item() for losses in history]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert "fg_mask_loss" not in training(ours(), steps=1)[0]


@pytest.mark.parametrize("rays", [7, 33])
def test_monocular_priors_take_any_number_of_rays(rays):
    model = ours(mono_depth_loss_mult=0.1, mono_normal_loss_mult=0.05)
    losses = training(
        model,
        steps=2,
        rays=rays,
        depth=lambda count: torch.rand(count) + 1,
        normal=lambda count: torch.nn.functional.normalize(torch.randn(count, 3), dim=-1),
    )
    for name in ("mono_depth_loss", "normal_loss"):
        assert losses[0][name] > 0
        assert losses[1][name].isfinite()


@pytest.mark.parametrize("prior", ["depth", "normal"])
def test_monocular_priors_are_added_by_their_weights(prior):
    def loss(mult: float) -> float:
        model = ours(mono_depth_loss_mult=mult, mono_normal_loss_mult=mult)
        depth = {"depth": lambda rays: torch.linspace(1, 2, rays)}
        more: Any = depth if prior == "depth" else {"normal": lambda rays: torch.ones(rays, 3)}
        name = "mono_depth_loss" if prior == "depth" else "normal_loss"
        return training(model, steps=1, **more)[0][name].item()

    assert loss(0.5) == pytest.approx(10 * loss(0.05), rel=1e-4)


def test_monocular_depth_is_compared_as_z_depth():
    model = ours(mono_depth_loss_mult=1.0).train()
    rays, targets = batch()
    outputs = model(rays)
    targets["depth"] = 3 * (outputs["expected_depth"] / rays.metadata["directions_norm"])[:, 0].detach() - 1
    assert model.get_loss_dict(outputs, targets)["mono_depth_loss"] < 1e-4
    targets["depth"] = 3 * outputs["expected_depth"][:, 0].detach() - 1
    assert model.get_loss_dict(outputs, targets)["mono_depth_loss"] > 1e-2


def test_sensor_depth_is_learned_and_judged():
    model = ours(SceneFacts(depth_source="sensor", depth_metres_per_unit=2.0), depth=DepthLossConfig(kind="urban"))
    losses = training(model, steps=1, depth_image=lambda rays: torch.full((rays, 1), 1.5))
    assert losses[0]["depth_loss"] > 0
    model.eval()
    rays, _ = batch(rays=256)
    with torch.no_grad():
        outputs = {name: value.view(16, 16, *value.shape[1:]) for name, value in model(rays).items()}
    targets = {"image": torch.rand(16, 16, 3), "depth_image": torch.full((16, 16, 1), 1.5)}
    metrics, _ = model.get_image_metrics_and_images(outputs, targets)
    assert metrics["depth_rmse_metres"] == pytest.approx(2 * metrics["depth_rmse"])


def test_depth_that_no_sample_can_have_is_not_learned():
    def loss(depth: float) -> float:
        model = ours(depth=DepthLossConfig(kind="urban"))
        return training(model, steps=1, depth_image=lambda rays: torch.full((rays, 1), depth))[0]["depth_loss"].item()

    assert loss(1.5) > 0
    assert loss(50.0) == 0


def test_outside_a_bounding_sphere_nerfstudios_exporter_finds_nothing():
    model = ours(sdf_field={"inside_outside": True}).eval()
    points = torch.tensor([[0.0, 0.0, 0.9], [0.0, 0.0, 2.0], [3.0, 3.0, 3.0]])
    with torch.no_grad():
        found = model.field.forward_geonetwork(points)[:, 0]
    assert found[0] < 0
    assert found[1].item() == pytest.approx(1.0)
    assert found[2] > 4


def test_curvature_is_added_by_its_weight():
    one, ten = (training(ours(curvature_loss_mult=mult), steps=1)[0]["curvature_loss"].item() for mult in (1e-3, 1e-2))
    assert ten == pytest.approx(10 * one, rel=1e-4)
    assert one > 0


def test_curvature_does_not_depend_on_the_scenes_unit():
    losses = []
    for unit in (1.0, 2.0):
        model = ours(curvature_loss_mult=1.0, sphere_radius=unit).train()
        rays, targets = batch()
        rays.origins *= unit
        torch.manual_seed(1)
        losses.append(model.get_loss_dict(model(rays), targets)["curvature_loss"].item())
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


def test_rays_in_an_objects_sphere_begin_at_the_near_plane():
    rays, _ = batch(distance=0.0)
    assert torch.equal(ours(near_plane=0.3).train().collider(rays).nears, torch.full((32, 1), 0.3))


def test_a_rooms_rays_end_four_radii_away_and_are_looked_at_more_closely_nearby():
    model = ours(scene_kind="room", sphere_radius=3.0, near_plane=0.5).train()
    rays = model.collider(batch()[0])
    assert torch.equal(rays.fars, torch.full((32, 1), 12.0))
    frustums = model.proposal_sampler.initial_sampler(rays, num_samples=64).frustums
    lengths = (frustums.ends - frustums.starts)[..., 0]
    assert (lengths[:, -8:].mean(dim=1) > 3 * lengths[:, :8].mean(dim=1)).all()


def test_levels_and_annealing_follow_the_step_and_end_within_the_run():
    model = ours(cos_anneal_steps=10, sdf_field={"first_levels": 1, "unlock_every": 2})
    training(model, steps=4)
    assert model.field.encoding.active_levels == 2
    assert model.field.opacity.progress == pytest.approx(0.3)
    training(model, steps=11)
    assert model.field.opacity.progress == 1.0


def test_proposal_networks_learn_ever_more_rarely():
    model = ours(proposal_warmup=10, proposal_update_every=5)
    schedule = model.proposal_sampler.update_sched
    assert [round(schedule(step), 2) for step in (0, 5, 10, 100)] == [1, 3, 5, 5]
    assert ours(proposal_schedule="every-step").proposal_sampler.update_sched(100) == -1


def test_a_render_between_two_steps_does_not_delay_the_proposal_networks():
    model = ours()
    # As a render leaves it.
    model.proposal_sampler._steps_since_update = 0
    for callback in model.get_training_callbacks(TrainingCallbackAttributes(None, None, None, None)):  # type: ignore[arg-type]
        callback.run_callback_at_location(11, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
    assert model.proposal_sampler._steps_since_update == 1


def test_every_parameter_that_learns_is_in_one_group():
    model = ours(background_model="nerf++")
    groups = model.get_param_groups()
    assert set(groups) == {"fields", "encodings", "proposal_networks", "field_background"}
    grouped = [id(parameter) for group in groups.values() for parameter in group]
    assert len(grouped) == len(set(grouped))
    # nerfstudio's device_indicator_param is empty.
    assert {id(p) for p in model.parameters() if p.requires_grad and p.numel() > 0} <= set(grouped)


def test_sharpness_is_a_metric_and_nothing_waits_for_it():
    model = ours().train()
    rays, targets = batch()
    metrics = model.get_metrics_dict(model(rays), targets)
    assert isinstance(metrics["sharpness"], torch.Tensor)
    assert metrics["sharpness"].item() == pytest.approx(20.0855, rel=1e-4)


def test_outside_a_bounding_sphere_the_surface_is_not_known():
    model = ours(sphere_center=(1.0, 0.0, 0.0), sphere_radius=0.5)
    inside, outside = model.surface_value(torch.tensor([[1.2, 0.0, 0.0], [1.6, 0.0, 0.0]]))
    assert inside.item() == pytest.approx(0.2 - 0.25, abs=0.05)
    assert outside.isnan()
    assert ours(scene_kind="room").surface_value(torch.tensor([[9.0, 0.0, 0.0]])).isfinite().all()


def test_the_data_say_which_preset_and_which_sphere():
    facts = SceneFacts(
        scene_kind="room",
        room_sphere=SceneSphere((0.0, 1.0, 0.0), 3.0, "room"),
        object_sphere=SceneSphere((0.0, 0.0, 0.0), 1.0, "object"),
    )
    model = ours(facts, scene_kind="auto")
    assert (model.sphere_center, model.sphere_radius) == ((0.0, 1.0, 0.0), 3.0)
    assert "room, in the sphere around (0, 1, 0) of radius 3" in model.hardware_line()
    assert model.surface_value(torch.tensor([[0.0, 1.0, 0.0]])).item() == pytest.approx(1.8, abs=0.25)


def test_it_says_what_of_its_sphere_does_not_suit_the_cameras():
    inside, outside = torch.eye(4)[None, :3], torch.tensor([[[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 3]]])
    far, near = (
        ours().data_warnings(
            SimpleNamespace(cameras=Cameras(pose, fx=8.0, fy=8.0, cx=8.0, cy=6.0, width=16, height=12))
        )
        for pose in (outside, inside)
    )
    assert far == []
    assert "1 of 1 training cameras are inside the sphere around (0, 0, 0) with radius 1" in near[0]


@pytest.mark.parametrize("band", [0.0, 6.0])
def test_it_trains_in_mixed_precision(band):
    model = ours(sdf_field={"band": band}, s3im=S3IMConfig()).train()
    rays, targets = batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = model(rays)
        losses = model.get_loss_dict(outputs, targets, model.get_metrics_dict(outputs, targets))
    sum(losses.values()).backward()  # type: ignore[union-attr]
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert {"rgb_loss", "s3im_loss", "eikonal_loss", "interlevel_loss"} <= losses.keys()
    assert gradients and all(gradient.isfinite().all() for gradient in gradients)


def test_a_batch_without_depth_is_refused_where_depth_is_to_be_learned():
    with pytest.raises(InputError, match="no depth to train on"):
        training(ours(SceneFacts(depth_source="none"), depth=DepthLossConfig(kind="l1")), steps=1)


@pytest.mark.parametrize(("implementation", "networks"), [("tcnn", "tcnn"), ("fused", "torch"), ("torch", "torch")])
def test_proposal_networks_are_computed_by_what_computes_the_field(implementation, networks):
    """So a checkpoint without tinycudann fits a machine that has it."""
    given = S3IMNeuSFactoModelConfig(**SMALL, sdf_field=S3IMSDFFieldConfig(**FIELD, implementation=implementation))
    decided = S3IMNeuSFactoModel.decided(given, SceneFacts())
    assert [arguments["implementation"] for arguments in decided.proposal_net_args_list] == [networks]
    assert "implementation" not in given.proposal_net_args_list[0]
