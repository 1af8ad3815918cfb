"""S3IM-NeuS: its settings, and what is its own beside what every surface method has."""

from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from short_training import losses_of_training
from surface_rays import batch

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError
from s3im_methods.losses import S3IMConfig
from s3im_methods.losses.depth import DepthLossConfig
from s3im_methods.method_configs import s3im_neus, s3im_neus_lite
from s3im_methods.models.s3im_neus import PRESETS, NeuSFieldConfig, S3IMNeuSModel, S3IMNeuSModelConfig

FIELD: dict[str, Any] = {
    "hidden_dim": 64,
    "geo_feat_dim": 7,
    "hidden_dim_color": 16,
    "num_levels": 4,
    "max_res": 64,
    "log2_hashmap_size": 10,
    "position_frequencies": 2,
    "appearance_embedding_dim": 3,
}
KINDS = [(style, kind) for style in ("ours", "paper") for kind in ("object", "room")]


def build(facts: SceneFacts | None = None, sdf_field: dict[str, Any] | None = None, **settings: Any) -> Any:
    torch.manual_seed(0)
    few = {"num_samples": 12, "num_samples_importance": 8, "num_up_sample_steps": 2, "num_samples_outside": 6}
    settings = {"scene_kind": "object", "background_model": "none", **few, **settings}
    config = S3IMNeuSModelConfig(sdf_field=NeuSFieldConfig(**{**FIELD, **(sdf_field or {})}), **settings)
    with lpips_without_download():
        return config.setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={"scene_facts": facts}
        )


@pytest.mark.parametrize(("style", "kind"), KINDS)
def test_a_preset_leaves_nothing_open(style, kind):
    config = S3IMNeuSModel.decided(S3IMNeuSModelConfig(style=style, scene_kind=kind), SceneFacts())
    for name in PRESETS[style, kind]:
        holder = config.sdf_field if name.startswith("sdf_field.") else config
        assert getattr(holder, name.removeprefix("sdf_field.")) is not None, name


def test_the_papers_style_has_the_papers_networks_and_samples():
    given = s3im_neus.config.pipeline.model
    assert isinstance(given, S3IMNeuSModelConfig)
    paper = S3IMNeuSModel.decided(S3IMNeuSModelConfig(**{**vars(given), "style": "paper"}), SceneFacts())
    field = paper.sdf_field
    assert (field.num_layers, field.hidden_dim, field.num_layers_color, field.hidden_dim_color) == (8, 256, 4, 256)
    assert (field.use_grid_feature, field.position_frequencies, field.bias, field.beta_init) == (False, 6, 0.5, 0.3)
    samples = paper.num_samples, paper.num_samples_importance, paper.num_up_sample_steps
    assert samples == (64, 64, 4)
    assert (paper.base_variance, paper.sharpness_growth, paper.num_samples_outside) == (64, 2, 32)
    assert (paper.cos_anneal_steps, paper.eikonal_loss_mult, paper.fg_mask_loss_mult) == (50000, 0.1, 0.1)
    ours = S3IMNeuSModel.decided(given, SceneFacts())
    assert (ours.sdf_field.num_layers, ours.sdf_field.use_grid_feature) == (2, True)


def test_the_papers_style_does_not_anneal_with_masks():
    masks = SceneFacts(has_foreground_mask=True)
    model = build(masks, style="paper", sdf_field={"position_frequencies": 0})
    assert model.config.cos_anneal_steps == 0 and "cos-anneal-steps" not in model.schedule_ends()
    losses_of_training(model, batch, steps=2)
    assert model.field.opacity.progress == 1
    assert S3IMNeuSModel.decided(S3IMNeuSModelConfig(style="paper", cos_anneal_steps=7), masks).cos_anneal_steps == 7
    assert S3IMNeuSModel.decided(S3IMNeuSModelConfig(), masks).cos_anneal_steps == 5000


@pytest.mark.parametrize("method", [s3im_neus, s3im_neus_lite])
def test_annealing_and_unlocking_end_in_the_first_half_of_the_run(method):
    half = method.config.max_num_iterations / 2
    config = S3IMNeuSModel.decided(method.config.pipeline.model, SceneFacts())
    field = config.sdf_field
    assert config.cos_anneal_steps is not None and field.unlock_every is not None
    assert 0 < config.cos_anneal_steps < half
    assert (field.num_levels - field.first_levels) * field.unlock_every < half


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"num_samples": 1}, "num-samples is 1: give 2 samples or more"),
        ({"num_up_sample_steps": -1}, "num-up-sample-steps is -1"),
        ({"num_samples_importance": 15}, "num-samples-importance is 15: give a multiple of .*, which is 4"),
        ({"num_samples_importance": 0}, "num-samples-importance is 0"),
        ({"base_variance": 0.0}, "base-variance is 0.0"),
        ({"sharpness_growth": float("nan")}, "sharpness-growth is nan"),
        ({"sampling": "occupancy", "scene_kind": "room"}, "bounds is near-far: with .*sampling occupancy"),
        ({"sampling": "occupancy", "samples_per_batch": 0}, "samples-per-batch is 0"),
        ({"sampling": "occupancy", "occupancy_resolution": 1}, "occupancy-resolution is 1"),
        ({"sampling": "occupancy", "occupancy_step": 0.0}, "occupancy-step is 0.0"),
        ({"sphere_radius": 0.0}, "sphere-radius is 0.0"),
        ({"eikonal_loss_mult": -1.0}, "eikonal-loss-mult is -1.0"),
        ({"style": "nerfstudio"}, "no preset for"),
    ],
)
def test_what_is_out_of_range_is_refused_in_a_sentence(settings, names):
    with pytest.raises(InputError, match=names):
        S3IMNeuSModel.decided(S3IMNeuSModelConfig(**settings), SceneFacts())


def test_no_rounds_are_the_first_look_alone():
    model = build(num_up_sample_steps=0).eval()
    assert model.sample(model.collider(batch()[0])).samples.frustums.shape == (32, 12)


@pytest.mark.parametrize(("band", "background"), [(0.0, "none"), (6.0, "nerf++")])
@pytest.mark.parametrize(("style", "kind"), KINDS)
def test_every_preset_trains_and_renders(style, kind, band, background):
    model = build(style=style, scene_kind=kind, background_model=background, sdf_field={"band": band})
    history = losses_of_training(model, lambda step: batch(step, 16 + step), steps=3, learning_rate=1e-3)
    assert all(value.isfinite() for losses in history for value in losses.values())
    assert {"rgb_loss", "eikonal_loss", "fg_mask_loss", "s3im_loss"} == history[0].keys()
    outputs = model.eval()(batch(rays=64)[0])
    for name in ("rgb", "depth", "expected_depth", "accumulation", "normals"):
        assert outputs[name].isfinite().all(), name
    assert not any(name.startswith("prop_depth") for name in outputs)


def test_weight_0_of_s3im_changes_no_other_loss():
    with_s3im, without = (
        losses_of_training(build(s3im=S3IMConfig(loss_mult=mult, balance="add")), batch, steps=1)[0]
        for mult in (1.0, 0.0)
    )
    assert with_s3im.keys() - without.keys() == {"s3im_loss"}
    assert all(torch.equal(with_s3im[name], value) for name, value in without.items())


def looks_of(model: Any) -> list[int]:
    """How many points each evaluation of signed distances alone is given from here on."""
    looks: list[int] = []
    inner = model.field.sdf

    def counted(points: torch.Tensor) -> torch.Tensor:
        looks.append(len(points))
        return inner(points)

    model.field.sdf = counted
    return looks


def test_the_band_changes_hardly_what_is_seen_and_takes_the_samplers_distances():
    """A sharp surface, so that most samples are far from it."""
    seen, evaluated = [], []
    for band in (0.0, 8.0):
        model = build(sdf_field={"band": band, "beta_init": 0.6, "sdf_at": "midpoint"}).eval()
        looks = looks_of(model)
        seen.append(model(batch(rays=256)[0]))
        evaluated.append(sum(looks))
    # 13 edges of the first look and 4 of the first round; the second round's are not evaluated.
    assert evaluated == [256 * 17, 256 * 17]
    for name in ("rgb", "accumulation", "depth"):
        torch.testing.assert_close(seen[0][name], seen[1][name], atol=5e-3, rtol=0)


def test_depth_is_the_distance_along_the_ray_to_the_initial_sphere():
    model = build(sphere_center=(1.0, 0.0, 0.0), sphere_radius=2.0, num_samples=32, sdf_field={"hidden_dim": 256})
    model.field.opacity.get_parameter("variance").data.fill_(0.7)
    rays = RayBundle(
        torch.tensor([[1.0, 0.0, -6.0], [1.0, 4.0, 0.0]]),
        torch.tensor([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
        torch.ones(2, 1),
        camera_indices=torch.zeros(2, 1, dtype=torch.int64),
        metadata={"directions_norm": torch.full((2, 1), 1.7)},
    )
    outputs = model.eval()(rays)
    # The initial sphere has half the radius of the scene's.
    for name in ("depth", "expected_depth"):
        torch.testing.assert_close(outputs[name], torch.tensor([[5.0], [3.0]]), atol=0.05, rtol=0)


def test_rays_that_miss_the_sphere_see_the_background_alone():
    model = build(sdf_field={"inside_outside": True, "bias": 0.1}, background_color="white").eval()
    rays, _ = batch(rays=4)
    rays.directions = -rays.directions
    outputs = model(rays)
    assert torch.equal(outputs["accumulation"], torch.zeros(4, 1))
    assert torch.equal(outputs["rgb"], torch.ones(4, 3))


@pytest.mark.parametrize("distance", [0.0, 0.3])
def test_cameras_inside_the_surface_give_finite_losses(distance):
    history = losses_of_training(build(), lambda step: batch(step, distance=distance), steps=3, learning_rate=1e-3)
    assert all(value.isfinite() for losses in history for value in losses.values())


def test_depth_is_learned_from_one_level():
    losses = losses_of_training(build(SceneFacts(depth_source="sensor"), depth=DepthLossConfig(kind="l1")), batch, 1)
    assert losses[0]["depth_loss"] > 0


OCCUPANCY: dict[str, Any] = {"sampling": "occupancy", "occupancy_resolution": 16, "occupancy_step": 1 / 32}


@pytest.mark.parametrize("background", ["none", "nerf++"])
def test_occupancy_sampling_trains_and_renders_the_same_sphere(background):
    model = build(background_model=background, sdf_field={"beta_init": 0.6}, **OCCUPANCY)
    before = model.occupancy.grid.occupied.sum()
    history = losses_of_training(model, lambda step: batch(step, 16 + step), steps=3, learning_rate=1e-3)
    assert all(value.isfinite() for losses in history for value in losses.values())
    assert model.occupancy.grid.occupied.sum() < 0.5 * before
    assert model.field.config.band == 8
    rays, _ = batch(rays=64)
    model.eval()
    # Three steps of this rate have moved the surface by more than the grid allows for between two refreshes.
    model.schedule(0)
    seen = model(rays)
    budget = float(model.occupancy.budget.budget)
    model.occupancy.grid.occupied[:] = True
    everywhere = model(rays)
    for name in ("rgb", "accumulation"):
        torch.testing.assert_close(seen[name], everywhere[name], atol=5e-3, rtol=0)
    # Where a ray is less than half opaque, its median is its last sample.
    opaque = seen["accumulation"] > 0.6
    assert opaque.sum() > 10
    torch.testing.assert_close(seen["depth"][opaque], everywhere["depth"][opaque], atol=5e-3, rtol=0)
    # Who watches a run does not change it.
    assert float(model.occupancy.budget.budget) == budget


def test_occupancy_sampling_survives_a_grid_without_any_cell():
    model = build(**OCCUPANCY).train()
    model.occupancy.grid.occupied[:] = False
    rays, targets = batch()
    outputs = model(rays)
    assert torch.equal(outputs["accumulation"], torch.zeros(32, 1))
    losses = model.get_loss_dict(outputs, targets)
    sum(losses.values()).backward()  # type: ignore[union-attr]
    assert all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize("more", [{}, OCCUPANCY])
def test_it_trains_in_mixed_precision(more):
    model = build(sdf_field={"band": 6.0}, **more).train()
    rays, targets = batch()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = model.get_loss_dict(model(rays), targets)
    sum(losses.values()).backward()  # type: ignore[union-attr]
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients and all(gradient.isfinite().all() for gradient in gradients)


def test_samples_do_not_move_where_perturb_is_off():
    for perturb in (True, False):
        model = build(perturb=perturb).train()
        rays = model.collider(batch()[0])
        first, second = (model.sampler(rays, model.field.sdf).frustums.starts for _ in range(2))
        assert torch.equal(first, second) != perturb


def test_every_parameter_that_learns_is_in_one_group():
    groups = build(background_model="nerf++").get_param_groups()
    assert set(groups) == {"fields", "encodings", "field_background"}


def test_sharpness_of_the_rounds_is_in_units_of_the_sphere():
    small, large = (build(sphere_center=(0.0, 0.0, 0.0), sphere_radius=radius, base_variance=48.0) for radius in (1, 4))
    assert small.sampler.base_sharpness == 4 * large.sampler.base_sharpness
    assert small.sampler.base_sharpness * small.config.unit_share == pytest.approx(48)
