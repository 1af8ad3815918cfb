"""What a surface method gets from the base, seen by a method that has nothing of its own but a rule and a sampler."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.models.base_surface_model import SurfaceModel, SurfaceModelConfig
from short_training import losses_of_training
from torch import Tensor, nn
from torch.nn import functional

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.data.scene_facts import SceneFacts, add_facts
from s3im_methods.data.scene_sphere import SceneSphere
from s3im_methods.fields.opacity import OpacityRule
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.losses.depth import DepthLossConfig
from s3im_methods.models.surface.mixin import SurfaceMixin
from s3im_methods.models.surface.presets import OUR_OBJECT, OUR_ROOM
from s3im_methods.models.surface.samples import SurfaceSamples
from s3im_methods.models.surface.settings import SurfaceSettings


class Occupancy(OpacityRule):
    """Opacity that has no length: a sample is as opaque as it is inside."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([20.0]))

    def sharpness(self) -> Tensor:
        return self.slope / self.space.radius

    def alphas(self, sdf, gradients, samples) -> Tensor:
        return torch.sigmoid(-self.sharpness() * sdf)


@dataclass
class PlainConfig(SurfaceSettings, SurfaceModelConfig):
    _target: type = field(default_factory=lambda: Plain)


class Plain(SurfaceMixin, SurfaceModel):
    presets = {("ours", "object"): OUR_OBJECT, ("ours", "room"): OUR_ROOM}  # noqa: RUF012

    def populate_modules(self) -> None:
        super().populate_modules()
        self.field.use_opacity(Occupancy())
        self.sampler = self.first_sampler(single_jitter=True)

    def schedule(self, step: int) -> None:
        super().schedule(step)
        self.field.opacity.progress = min(1.0, step / 4)

    def sample(self, ray_bundle: RayBundle) -> SurfaceSamples:
        found = self.evaluate(ray_bundle, self.sampler(ray_bundle, num_samples=12))
        if self.training:
            # Points of its own for the eikonal loss.
            found.for_losses["eik_grad"] = self.field.geometry(torch.full((5, 3), 0.1))[2]
        return found


FIELD: dict[str, Any] = {"num_layers": 1, "hidden_dim": 64, "geo_feat_dim": 7, "num_layers_color": 1}
FIELD |= {"hidden_dim_color": 16, "num_levels": 4, "max_res": 64, "log2_hashmap_size": 10, "position_frequencies": 0}


def build(band: float = 0.0, **settings: Any) -> Any:
    torch.manual_seed(0)
    metadata: dict[str, Any] = {}
    sphere = SceneSphere((0.0, 1.0, 0.0), 2.0, "object")
    add_facts(metadata, object_sphere=sphere, room_sphere=sphere, has_foreground_mask=True)
    config = PlainConfig(**{"scene_kind": "object", "sdf_field": S3IMSDFFieldConfig(**FIELD, band=band), **settings})
    with lpips_without_download():
        return config.setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata=metadata
        )


def batch(step: int = 0, rays: int = 16) -> tuple[RayBundle, dict[str, Any]]:
    random = torch.Generator().manual_seed(step)
    origins = 6 * torch.nn.functional.normalize(torch.randn(rays, 3, generator=random), dim=-1)
    directions = torch.nn.functional.normalize(torch.tensor([0.0, 1.0, 0.0]) - origins, dim=-1)
    images = torch.randint(0, 3, (rays, 1), generator=random)
    bundle = RayBundle(
        origins,
        directions,
        torch.full((rays, 1), 1e-4),
        camera_indices=images,
        metadata={"directions_norm": torch.ones(rays, 1)},
    )
    targets = {"image": torch.rand(rays, 3, generator=random), "fg_mask": torch.ones(rays, 1)}
    targets |= {"indices": torch.cat([images, images, images], dim=1), "depth_image": torch.full((rays, 1), 4.0)}
    return bundle, targets


@pytest.mark.parametrize("band", [0.0, 8.0])
@pytest.mark.parametrize("kind", ["object", "room"])
def test_a_method_with_one_level_trains_on_any_number_of_rays_with_depth_and_masks(kind, band):
    model = build(band, scene_kind=kind, depth=DepthLossConfig(kind="l1"))
    history = losses_of_training(model, lambda step: batch(step, 16 + 3 * step), steps=3)
    names = {"rgb_loss", "eikonal_loss", "fg_mask_loss", "s3im_loss", "depth_loss"}
    assert all(losses.keys() == names for losses in history)
    assert all(value.isfinite() for losses in history for value in losses.values())
    outputs = model.eval()(batch()[0])
    assert not any(name.startswith("prop_depth") for name in outputs)


def test_its_settings_are_decided_once_and_the_users_stay_as_they_are():
    given = PlainConfig(sdf_field=S3IMSDFFieldConfig(**FIELD))
    facts = SceneFacts(scene_kind="room", room_sphere=SceneSphere((0.0, 0.0, 1.0), 3.0, "room"))
    decided = Plain.decided(given, facts)
    assert (decided.bounds, decided.sphere_center, decided.sphere_radius) == ("near-far", (0.0, 0.0, 1.0), 3.0)
    assert (given.bounds, given.sphere_radius, given.sdf_field.bias) == (None, None, None)
    model = build(scene_kind="room")
    assert model.config is model.kept_config
    assert model.field.config.bias == model.config.sdf_field.bias == 0.6


def test_a_rooms_initial_surface_has_the_radius_of_the_setting_in_the_scenes_sphere():
    model = build(scene_kind="room", sdf_field=S3IMSDFFieldConfig(**{**FIELD, "hidden_dim": 256}))
    # In a sphere of radius 2 around (0, 1, 0), 0.6 radii from its centre; a room is empty inside.
    inside, on, outside = model.surface_value(torch.tensor([[0.0, 1.0, 0.0], [0.0, 2.2, 0.0], [0.0, 3.4, 0.0]]))
    assert inside > 1.0 and outside < -1.0
    assert on.item() == pytest.approx(0.0, abs=0.1)


def test_rays_that_miss_the_sphere_weigh_nothing_under_a_rule_without_lengths():
    model = build(sdf_field=S3IMSDFFieldConfig(**FIELD, inside_outside=True, bias=0.1)).eval()
    rays, _ = batch(rays=4)
    rays.directions = -rays.directions
    outputs = model(rays)
    assert torch.equal(outputs["accumulation"], torch.zeros(4, 1))
    assert torch.equal(outputs["rgb"], torch.ones(4, 3))


def test_points_of_its_own_take_the_place_of_the_samples_in_the_eikonal_loss():
    model = build().train()
    rays, targets = batch()
    outputs = model(rays)
    assert outputs["eik_grad"].shape == (5, 3)
    expected = model.config.eikonal_loss_mult * ((outputs["eik_grad"].norm(dim=-1) - 1) ** 2).mean()
    assert torch.equal(model.get_loss_dict(outputs, targets)["eikonal_loss"], expected)


def test_mixed_precision_leaves_the_losses_in_float32(monkeypatch):
    asked: list[tuple[bool, torch.dtype]] = []
    entropy = functional.binary_cross_entropy

    def noted(weights: Tensor, truth: Tensor) -> Tensor:
        # CUDA's autocast refuses it.
        asked.append((torch.is_autocast_enabled("cpu"), weights.dtype))
        return entropy(weights, truth)

    monkeypatch.setattr(functional, "binary_cross_entropy", noted)
    model = build().train()
    rays, targets = batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = model(rays)
        outputs["weights"] = outputs["weights"].bfloat16()
        losses = model.get_loss_dict(outputs, targets)
    assert asked == [(False, torch.float32)]
    assert losses["fg_mask_loss"] > 0 and all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize("mode", [True, False])
def test_a_band_leaves_the_last_samples_that_a_ray_past_the_surface_shows(mode):
    colours = []
    for band in (0.0, 8.0):
        model = build(band, background_model="none", background_color="last_sample").train(mode)
        # Within the sphere of radius 2, and past the surface at half of it.
        rays, _ = batch(rays=4)
        rays.origins = torch.tensor([[x, 1.0, -6.0] for x in (1.5, 1.6, 1.7, 5.0)])
        rays.directions = torch.tensor([[0.0, 0.0, 1.0]]).expand(4, 3)
        torch.manual_seed(0)
        outputs = model(rays)
        assert outputs["accumulation"].max() < 0.05
        colours.append(outputs["rgb"])
    assert colours[0].min() > 0.1
    torch.testing.assert_close(colours[1], colours[0], atol=5e-3, rtol=0)


def test_near_and_far_plane_are_those_of_the_rays():
    rays, _ = batch(rays=4)
    rays.origins, known = torch.zeros(4, 3), {"background_model": "none", "near_plane": 0.3, "far_plane": 5.0}
    expected = {"sphere": None, "near-far": 5.0, "box": None}
    for bounds, far in expected.items():
        model = build(bounds=bounds, **known).train()
        assert model.collider(replace(rays)).nears.min().item() == pytest.approx(0.3)
        assert model.far_plane() == far
    # Without a setting, four radii of the sphere.
    assert build(bounds="near-far", background_model="none").far_plane() == 8.0


def test_a_rules_schedule_is_in_the_checkpoint():
    model = build()
    losses_of_training(model, batch, steps=3)
    assert model.field.opacity.progress == 0.5
    other = build()
    other.load_state_dict(model.state_dict())
    assert other.field.opacity.progress == 0.5


def test_a_method_has_every_hook_of_pipeline_and_trainer():
    model = build()
    assert "preset: ours, object, in the sphere around (0, 1, 0) of radius 2" in model.hardware_line()
    assert model.far_plane() is None
    config = PlainConfig()
    Plain.adapt_to_data(config, object())
    assert config == PlainConfig()
