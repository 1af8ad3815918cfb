"""S3IM-UNISURF: its settings, and what is its own beside what every surface method has."""

import copy
from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from short_runs import short_config, train
from short_training import losses_of_training
from surface_rays import batch

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.volume import scalar_field
from s3im_methods.losses import S3IMConfig
from s3im_methods.losses.depth import DepthLossConfig
from s3im_methods.method_configs import s3im_unisurf, s3im_unisurf_lite
from s3im_methods.models.s3im_neus import NeuSFieldConfig
from s3im_methods.models.s3im_unisurf import PRESETS, S3IMUniSurfModel, S3IMUniSurfModelConfig
from s3im_methods.scenes import ObjectConfig, write_scene

FIELD: dict[str, Any] = {"hidden_dim": 64, "geo_feat_dim": 7, "hidden_dim_color": 16, "num_levels": 4, "max_res": 64}
FIELD |= {"log2_hashmap_size": 10, "position_frequencies": 2, "appearance_embedding_dim": 3}
SMALL: dict[str, Any] = {"march_steps": 16, "secant_steps": 4, "num_samples": 8, "num_samples_before": 4}
SMALL |= {"num_samples_outside": 6, "interval_steps": 4}
KINDS = [(style, kind) for style in ("ours", "paper") for kind in ("object", "room")]


def build(facts: SceneFacts | None = None, sdf_field: dict[str, Any] | None = None, **settings: Any) -> Any:
    torch.manual_seed(0)
    settings = {"scene_kind": "object", "background_model": "none", **SMALL, **settings}
    config = S3IMUniSurfModelConfig(sdf_field=NeuSFieldConfig(**{**FIELD, **(sdf_field or {})}), **settings)
    with lpips_without_download():
        return config.setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={"scene_facts": facts}
        )


@pytest.mark.parametrize(("style", "kind"), KINDS)
def test_a_preset_leaves_nothing_open(style, kind):
    config = S3IMUniSurfModel.decided(S3IMUniSurfModelConfig(style=style, scene_kind=kind), SceneFacts())
    for name in PRESETS[style, kind]:
        holder = config.sdf_field if name.startswith("sdf_field.") else config
        assert getattr(holder, name.removeprefix("sdf_field.")) is not None, name


def test_the_papers_style_has_the_papers_networks_samples_and_schedule():
    paper = S3IMUniSurfModel.decided(S3IMUniSurfModelConfig(style="paper"), SceneFacts())
    field = paper.sdf_field
    assert (field.num_layers, field.hidden_dim, field.num_layers_color, field.hidden_dim_color) == (8, 256, 4, 256)
    assert (field.use_grid_feature, field.position_frequencies) == (False, 6)
    assert (paper.march_steps, paper.secant_steps, paper.num_samples, paper.num_samples_before) == (256, 8, 64, 32)
    assert (paper.interval_start, paper.interval_end, paper.interval_steps) == (0.5, 0.025, 199715)
    # 0.005 in a box of half side 4.
    assert paper.smoothness_reach == 0.005 / 4
    assert (paper.learn_slope, paper.eikonal_loss_mult, paper.smoothness_loss_mult) == (False, 0, 0.005)
    model = build(style="paper", sdf_field={"beta_init": None})
    assert model.field.sharpness.item() == pytest.approx(10, abs=1e-3)
    groups = model.get_param_groups()
    assert not any(parameter is model.field.opacity.log_slope for group in groups.values() for parameter in group)


@pytest.mark.parametrize("method", [s3im_unisurf, s3im_unisurf_lite])
def test_the_interval_shrinks_over_60_percent_of_the_run(method):
    config = S3IMUniSurfModel.decided(method.config.pipeline.model, SceneFacts())
    assert config.interval_steps == 0.6 * method.config.max_num_iterations
    assert (config.interval_start, config.interval_end, config.smoothness_reach) == (0.5, 0.03, 0.01)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"march_steps": 1}, "march-steps is 1: give 2 or more"),
        ({"secant_steps": -1}, "secant-steps is -1: give 0 or more"),
        ({"num_samples": 0}, "num-samples is 0: give 1 or more"),
        ({"num_samples_before": -1}, "num-samples-before is -1: give 0 or more"),
        ({"interval_steps": 0}, "interval-steps is 0: give 1 or more"),
        ({"interval_start": 0.0}, "interval-start is 0.0: give a length above 0"),
        ({"interval_end": float("nan")}, "interval-end is nan: give a length above 0"),
        ({"interval_end": 0.7}, "interval-end is 0.7: give at most interval-start, 0.5"),
        ({"smoothness_reach": -1.0}, "smoothness-reach is -1.0"),
        ({"smoothness_loss_mult": -1.0}, "smoothness-loss-mult is -1.0"),
        ({"sphere_radius": 0.0}, "sphere-radius is 0.0"),
        ({"style": "nerfstudio"}, "no preset for"),
    ],
)
def test_what_is_out_of_range_is_refused_in_a_sentence(settings, names):
    with pytest.raises(InputError, match=names):
        S3IMUniSurfModel.decided(S3IMUniSurfModelConfig(**settings), SceneFacts())


@pytest.mark.parametrize(("band", "background"), [(0.0, "none"), (6.0, "nerf++")])
@pytest.mark.parametrize(("style", "kind"), KINDS)
def test_every_preset_trains_and_renders(style, kind, band, background):
    model = build(style=style, scene_kind=kind, background_model=background, sdf_field={"band": band})
    history = losses_of_training(model, lambda step: batch(step, 16 + step), steps=3, learning_rate=1e-3)
    assert all(value.isfinite() for losses in history for value in losses.values())
    names = {"rgb_loss", "eikonal_loss", "fg_mask_loss", "s3im_loss", "smoothness_loss"}
    assert names == history[0].keys()
    assert all((losses["eikonal_loss"] == 0) == (style == "paper") for losses in history)
    outputs = model.eval()(batch(rays=64)[0])
    for name in ("rgb", "depth", "expected_depth", "accumulation", "normals"):
        assert outputs[name].isfinite().all(), name


def test_weight_0_of_s3im_changes_no_other_loss():
    with_s3im, without = (
        losses_of_training(build(s3im=S3IMConfig(loss_mult=mult, balance="add")), batch, steps=1)[0]
        for mult in (1.0, 0.0)
    )
    assert with_s3im.keys() - without.keys() == {"s3im_loss"}
    assert all(torch.equal(with_s3im[name], value) for name, value in without.items())


def straight_at_the_sphere(count: int = 1) -> RayBundle:
    """Rays along z from 6 before the centre of a sphere around (1, 0, 0)."""
    return RayBundle(
        torch.tensor([[1.0, 0.0, -6.0]]).expand(count, 3),
        torch.tensor([[0.0, 0.0, 1.0]]).expand(count, 3),
        torch.ones(count, 1),
        camera_indices=torch.zeros(count, 1, dtype=torch.int64),
        metadata={"directions_norm": torch.full((count, 1), 1.7)},
    )


def test_samples_lie_around_the_initial_sphere_and_the_depth_is_its():
    model = build(sphere_center=(1.0, 0.0, 0.0), sphere_radius=2.0, sdf_field={"hidden_dim": 256, "beta_init": 0.6})
    rays = model.collider(straight_at_the_sphere())
    model.eval()
    for step, half in ((2, (0.5 * 0.03) ** 0.5), (4, 0.03), (1000, 0.03)):
        model.schedule(step)
        frustums = model.sample(rays).samples.frustums
        low, high = frustums.starts[0, -8, 0].item(), frustums.ends[0, -1, 0].item()
        # The initial sphere has half the radius of the scene's, and lies 5 away.
        assert (low + high) / 2 == pytest.approx(5, abs=0.05)
        assert high - low == pytest.approx(2 * half * model.sphere_radius, abs=1e-4)
        assert frustums.starts[0, 0, 0] == rays.nears[0, 0]
    outputs = model(straight_at_the_sphere())
    for name in ("depth", "expected_depth"):
        assert outputs[name].item() == pytest.approx(5.0, abs=0.05)


@pytest.mark.parametrize(("depth", "counts"), [(6.5, True), (7.9, True), (8.1, False)])
@pytest.mark.parametrize("kind", ["bounded", "urban", "l1"])
def test_a_surface_that_is_too_near_learns_depth_behind_its_samples(kind, depth, counts):
    sphere = {"sphere_center": (1.0, 0.0, 0.0), "sphere_radius": 2.0}
    model = build(**sphere, depth=DepthLossConfig(kind=kind), sdf_field={"hidden_dim": 256}).train()
    model.schedule(1000)
    outputs = model(straight_at_the_sphere())
    # The initial surface lies at 5, its samples end at half an interval behind it, and the ray at 8.
    assert outputs["ray_samples_list"][-1].frustums.ends.max() < 5.2
    targets = {"image": torch.zeros(1, 3), "depth_image": torch.full((1, 1), depth / 1.7)}
    targets["indices"] = torch.zeros(1, 3, dtype=torch.int64)
    found = model.get_loss_dict(outputs, targets)["depth_loss"]
    assert (found > 0) == counts
    if counts:
        found.backward()
        assert any(parameter.grad is not None and parameter.grad.any() for parameter in model.field.parameters())


def test_training_and_evaluation_take_equally_many_samples():
    model = build()
    counts = [model.train(mode).sample(model.collider(batch()[0])).samples.frustums.shape for mode in (True, False)]
    assert counts[0] == counts[1] == (32, 12)


@pytest.mark.parametrize("bounds", ["sphere", "box"])
def test_rays_that_miss_weigh_nothing(bounds):
    model = build(sdf_field={"inside_outside": True, "bias": 0.1}, background_color="white", bounds=bounds).eval()
    rays, _ = batch(rays=4)
    rays.directions = -rays.directions
    outputs = model(rays)
    assert torch.equal(outputs["accumulation"], torch.zeros(4, 1))
    assert torch.equal(outputs["rgb"], torch.ones(4, 3))


@pytest.mark.parametrize("band", [0.0, 6.0])
def test_without_a_ray_that_meets_the_surface_smoothness_is_0(band):
    """The sphere's inside is solid, and all cameras are in it."""
    model = build(sdf_field={"band": band})
    history = losses_of_training(model, lambda step: batch(step, distance=0.05), steps=2, learning_rate=1e-3)
    assert [losses["smoothness_loss"].item() for losses in history] == [0, 0]
    assert all(value.isfinite() for losses in history for value in losses.values())
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_smoothness_compares_places_on_the_surface_with_others_to_all_sides():
    model = build(sphere_center=(1.0, 0.0, 0.0), sphere_radius=2.0, smoothness_reach=0.02, sdf_field={"band": 0.0})
    asked, geometry = [], model.field.geometry
    model.field.geometry = lambda points: asked.append(points) or geometry(points)
    bundle = batch(rays=400)[0]
    bundle.origins = 2 * bundle.origins + torch.tensor([1.0, 0.0, 0.0])
    model.train()(bundle)
    here, nearby = asked[-1].chunk(2)
    meets = model.field.sdf(here).abs() < 1e-3
    assert meets.sum() > 100
    aside = (nearby - here)[meets]
    # Up to 0.02 radii of 2 along each axis, evenly.
    assert 0.039 < aside.abs().max() <= 0.04 + 1e-5
    assert aside.mean(dim=0).abs().max() < 0.01
    assert aside.std(dim=0) == pytest.approx([0.04 / 3**0.5] * 3, rel=0.2)


def test_with_a_band_smoothness_is_that_of_all_rays_that_meet_the_surface(monkeypatch):
    monkeypatch.setattr(torch, "rand_like", lambda values: torch.full_like(values, 0.7))
    asked, smoothness = [], []
    for band in (0.0, 6.0):
        model = build(sdf_field={"band": band}).train()
        outputs, counts = model.field.get_outputs, []

        def counted(*given, inner=outputs, seen=counts, **named):
            seen.append(len(named["elsewhere"]))
            return inner(*given, **named)

        model.field.get_outputs = counted
        smoothness.append(model(batch()[0])["smoothness"])
        asked += counts
    # Two places for each ray, or for each that meets the surface.
    assert asked[0] == 64 and 0 < asked[1] < 64
    assert smoothness[0] > 0
    torch.testing.assert_close(smoothness[0], smoothness[1])


def test_a_band_leaves_out_what_is_hidden_and_changes_hardly_what_is_seen():
    """A steep slope, so that most samples are far from the surface or behind it."""
    seen, asked = [], []
    for band in (0.0, 6.0):
        model = build(
            sdf_field={"band": band, "beta_init": 0.6, "color_weight_threshold": 1e-4},
            smoothness_loss_mult=0,
            eikonal_loss_mult=0,
        )
        model.schedule(4)
        geometry, counts = model.field.geometry, []
        model.field.geometry = lambda points, inner=geometry, to=counts: to.append(len(points)) or inner(points)
        model.train()(batch(rays=256)[0])
        # Without an eikonal loss no sample far from the surface is evaluated in full.
        asked.append(sum(counts))
        seen.append(model.eval()(batch(rays=256)[0]))
    assert asked[0] == 256 * 12 and asked[1] < 0.4 * asked[0]
    for name in ("rgb", "accumulation", "depth"):
        torch.testing.assert_close(seen[0][name], seen[1][name], atol=5e-3, rtol=0)


def test_the_callers_rays_stay_as_the_collider_made_them():
    model = build(background_model="nerf++").train()
    rays = model.collider(batch()[0])
    nears, fars = rays.nears.clone(), rays.fars.clone()
    model.get_outputs(rays)
    assert torch.equal(rays.nears, nears) and torch.equal(rays.fars, fars)


def test_its_volume_is_an_occupancy_of_one_half_at_the_surface():
    model = build(sphere_center=(1.0, 0.0, 0.0), sphere_radius=2.0, sdf_field={"hidden_dim": 256}).eval()
    volume = scalar_field(model)
    assert volume.kind == "occupancy"
    inside, on, outside, beyond = volume.value(torch.tensor([[1.0, 0, 0], [2.0, 0, 0], [2.9, 0, 0], [3.1, 0, 0]]))
    assert inside > 0.99 and outside < 0.01 and beyond.isnan()
    assert on.item() == pytest.approx(0.5, abs=0.15)


def test_the_interval_is_in_the_checkpoint():
    model = build()
    losses_of_training(model, batch, steps=3)
    assert model.field.opacity.progress == 0.5
    other = build()
    other.load_state_dict(model.state_dict())
    assert other.field.opacity.progress == 0.5


def test_depth_is_learned_from_one_level():
    losses = losses_of_training(build(SceneFacts(depth_source="sensor"), depth=DepthLossConfig(kind="l1")), batch, 1)
    assert losses[0]["depth_loss"] > 0


@pytest.mark.parametrize("band", [0.0, 6.0])
def test_it_trains_in_mixed_precision(band):
    model = build(sdf_field={"band": band}).train()
    rays, targets = batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = model.get_loss_dict(model(rays), targets)
    sum(losses.values()).backward()  # type: ignore[union-attr]
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients and all(gradient.isfinite().all() for gradient in gradients)


def test_every_parameter_that_learns_is_in_one_group():
    groups = build(background_model="nerf++").get_param_groups()
    assert set(groups) == {"fields", "encodings", "field_background"}


def test_a_resumed_run_repeats_the_straight_one(tmp_path):
    size: dict[str, Any] = {
        "width": 24,
        "height": 18,
        "train_views": 8,
        "test_views": 2,
        "supersampling": 1,
        "light_samples": 4,
    }
    write_scene(ObjectConfig(**size), tmp_path / "object")

    def settings(folder: str, steps: int) -> Any:
        result = short_config(s3im_unisurf_lite.config, tmp_path / "object", tmp_path / folder, steps)
        result.pipeline.model.interval_steps = 4
        return result

    straight = train(settings("straight", 4))
    first = settings("resumed", 2)
    train(copy.deepcopy(first))
    again = settings("resumed", 4)
    again.load_dir = first.get_checkpoint_dir()
    resumed = train(again)
    assert straight["step"] == resumed["step"] == 3
    for key, value in straight["pipeline"].items():
        torch.testing.assert_close(resumed["pipeline"][key], value, rtol=0, atol=0, msg=lambda m, k=key: f"{k}: {m}")
