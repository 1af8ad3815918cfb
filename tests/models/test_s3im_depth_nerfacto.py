"""S3IM-depth-nerfacto: without a depth loss S3IM-nerfacto to the last bit; with one, a loss of training alone."""

from dataclasses import replace

import pytest
import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from short_training import losses_of_training

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError
from s3im_methods.losses import S3IMConfig
from s3im_methods.losses.depth import DepthLossConfig, SigmaScheduleConfig
from s3im_methods.models.depth_supervision import DepthAlignment, depth_targets, measured_depth
from s3im_methods.models.s3im_depth_nerfacto import S3IMDepthNerfactoModelConfig
from s3im_methods.models.s3im_nerfacto import S3IMNerfactoModelConfig

SMALL = {
    "num_levels": 4,
    "log2_hashmap_size": 10,
    "max_res": 64,
    "hidden_dim": 16,
    "hidden_dim_color": 16,
    "num_proposal_iterations": 1,
    "num_proposal_samples_per_ray": (16,),
    "num_nerf_samples_per_ray": 8,
    "proposal_net_args_list": [{"hidden_dim": 16, "log2_hashmap_size": 8, "num_levels": 2, "max_res": 32}],
    "camera_optimizer": CameraOptimizerConfig(mode="off"),
    "implementation": "torch",
    "s3im": S3IMConfig(loss_mult=0.0),
    "far_plane": 4.0,
}
DEPTH = SceneFacts(depth_source="sensor", depth_metres_per_unit=4.0)
NO_DEPTH = SceneFacts(depth_source="none")


def build(config_class: type[S3IMNerfactoModelConfig] = S3IMDepthNerfactoModelConfig, facts=DEPTH, **settings):
    torch.manual_seed(0)
    return config_class(**{**SMALL, **settings}).setup(
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={"scene_facts": facts}
    )


def batch(step: int = 0, rays: int = 64) -> tuple[RayBundle, dict]:
    """Rays in a room, the box from -1 to 1, whose depth is known but for every fifth ray."""
    random = torch.Generator().manual_seed(step)
    norms = 1 + torch.rand(rays, 1, generator=random)
    images = torch.randint(0, 3, (rays, 1), generator=random)
    origins = 0.1 * torch.randn(rays, 3, generator=random)
    directions = torch.nn.functional.normalize(torch.randn(rays, 3, generator=random), dim=-1)
    bundle = RayBundle(
        origins=origins,
        directions=directions,
        pixel_area=torch.full((rays, 1), 1e-4),
        camera_indices=images,
        metadata={"directions_norm": norms},
    )
    depth = ((directions.sign() - origins) / directions).min(-1, keepdim=True).values / norms
    depth[::5] = 0
    return bundle, {
        "image": torch.rand(rays, 3, generator=random),
        "indices": torch.cat([images, torch.zeros(rays, 2, dtype=torch.int64)], dim=1),
        "depth_image": depth,
    }


def training(model, steps: int = 4, change=lambda targets: targets) -> list[dict[str, torch.Tensor]]:
    def changed(step: int) -> tuple[RayBundle, dict]:
        rays, targets = batch(step)
        return rays, change(targets)

    return losses_of_training(model, changed, steps)


def without(targets: dict) -> dict:
    return {name: value for name, value in targets.items() if name != "depth_image"}


def test_kind_none_is_s3im_nerfacto_to_the_last_bit_and_needs_no_depth():
    base = training(build(S3IMNerfactoModelConfig))
    model = build(depth=DepthLossConfig(kind="none"), facts=NO_DEPTH)
    for expected, actual in zip(base, training(model, change=without), strict=True):
        assert expected.keys() == actual.keys()
        assert all(torch.equal(actual[name], value) for name, value in expected.items())


def test_the_depth_loss_is_added_and_moves_no_other_number_of_the_first_step():
    base = training(build(S3IMNerfactoModelConfig), steps=1)[0]
    (first,) = training(build(), steps=1)
    assert first.keys() - base.keys() == {"depth_loss"}
    assert first["depth_loss"] > 0
    assert all(torch.equal(first[name], value) for name, value in base.items())


@pytest.mark.parametrize("kind", ["bounded", "ds-nerf", "urban", "l1", "pearson"])
def test_training_lowers_it(kind):
    history = training(build(depth=DepthLossConfig(kind=kind, loss_mult=1.0)), steps=40)
    values = torch.stack([losses["depth_loss"] for losses in history])
    assert values[-5:].mean() < 0.9 * values[:5].mean()


@pytest.mark.parametrize("kind", ["bounded", "urban-stock", "ranking", "pearson"])
def test_a_batch_without_a_valid_ray_trains_on(kind):
    model = build(depth=DepthLossConfig(kind=kind))
    history = training(model, change=lambda targets: {**targets, "depth_image": torch.zeros(64, 1)})
    assert [losses["depth_loss"].item() for losses in history] == [0.0] * 4
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_it_is_no_loss_of_evaluation():
    model = build().eval()
    bundle, targets = batch()
    with torch.no_grad():
        outputs = model(bundle)
    assert "depth_loss" not in model.get_loss_dict(outputs, targets, {})


def test_levels():
    """All levels' mean, or the field's alone."""
    model = build().train()
    bundle, targets = batch()
    outputs = model(bundle)
    values = {}
    for levels in ("all", "last"):
        model.config.depth.levels = levels
        values[levels] = model._depth_loss(outputs, targets)
    outputs = {**outputs, **{name: outputs[name][:1] for name in ("weights_list", "ray_samples_list")}}
    assert values["all"].item() == pytest.approx((values["last"] + model._depth_loss(outputs, targets)).item() / 2)


def test_without_depth_one_sentence_says_how_to_add_it():
    with pytest.raises(InputError, match="depth_file_path"):
        training(build(facts=NO_DEPTH))
    with pytest.raises(InputError, match="depth_file_path"):
        training(build(facts=SceneFacts()), change=without)
    model = build(facts=NO_DEPTH).eval()
    assert model(batch()[0])["depth"].shape == (64, 1)


def test_sigma_in_metres():
    bundle, targets = batch()
    schedule = SigmaScheduleConfig(start=0.4, end=0.4, steps=0)
    in_scene, in_metres = (
        depth_targets(
            targets, bundle.metadata["directions_norm"], DEPTH, DepthLossConfig(sigma=schedule, sigma_unit=u), 0
        )
        for u in ("scene", "metres")
    )
    assert in_scene.sigma == 0.4 and in_metres.sigma == pytest.approx(0.1)
    with pytest.raises(InputError, match="sigma-unit"):
        training(build(facts=SceneFacts(), depth=DepthLossConfig(sigma_unit="metres")))


def test_z_depth_becomes_distance_along_the_ray():
    bundle, targets = batch()
    norms = bundle.metadata["directions_norm"]
    z = depth_targets(targets, norms, DEPTH, DepthLossConfig(), 0)
    assert torch.equal(z.depth, (targets["depth_image"] * norms)[:, 0])


def test_sigma_widening_and_confidence_are_per_ray():
    bundle, targets = batch()
    extras = {
        f"depth_{name}": torch.rand(64, 1) + offset
        for name, offset in (("sigma_scale", 1), ("widening", 0), ("confidence", 0))
    }
    found = depth_targets({**targets, **extras}, bundle.metadata["directions_norm"], DEPTH, DepthLossConfig(), 10_000)
    torch.testing.assert_close(found.sigma, DepthLossConfig().sigma.end * extras["depth_sigma_scale"][:, 0])
    assert torch.equal(found.widening, extras["depth_widening"][:, 0])  # type: ignore[arg-type]
    assert torch.equal(found.confidence, extras["depth_confidence"][:, 0])  # type: ignore[arg-type]
    assert torch.equal(found.image_indices, targets["indices"][:, 0])  # type: ignore[arg-type]


def monocular(targets: dict) -> dict:
    return {**targets, "depth_widening": (torch.arange(64) % 2)[:, None].float() * 2}


def test_alignment_is_learned_for_monocular_pixels_in_a_group_of_its_own():
    assert "depth_alignment" not in build().get_param_groups()
    model = build(facts=replace(DEPTH, depth_alignment="learned"), depth=DepthLossConfig(kind="l1", loss_mult=1.0))
    (parameter,) = model.get_param_groups()["depth_alignment"]
    assert parameter.shape == (3, 2) and not parameter.any()
    training(model, steps=3)
    assert not parameter.any()
    training(model, steps=3, change=monocular)
    assert parameter.all()
    assert "depth_alignment.log_scale_and_shift" in model.state_dict()


def test_alignment_is_of_the_map_and_begins_as_the_identity():
    """Scale and shift belong to z-depth; the shift grows with the ray's slope."""
    alignment = DepthAlignment(3)
    bundle, targets = batch()
    norms = bundle.metadata["directions_norm"]
    arguments = (monocular(targets), norms, DEPTH, DepthLossConfig(), 0, alignment)
    depth = targets["depth_image"]
    torch.testing.assert_close(depth_targets(*arguments).depth, (depth * norms)[:, 0])
    alignment.log_scale_and_shift.data[:] = torch.tensor([2.0, 0.25]).log() * torch.tensor([1.0, 0.0])
    alignment.log_scale_and_shift.data[:, 1] = 0.25
    changed = (depth > 0) & (torch.arange(64) % 2 > 0)[:, None]
    expected = torch.where(changed, 2 * depth + 0.25, depth) * norms
    torch.testing.assert_close(depth_targets(*arguments).depth, expected[:, 0])


def images(**extras) -> tuple[dict, dict]:
    truth = torch.linspace(0.5, 2, 12 * 16).reshape(12, 16, 1)
    norms = torch.full((12, 16, 1), 1.5)
    ones = torch.ones(12, 16, 1)
    outputs = {
        "rgb": torch.rand(12, 16, 3),
        "accumulation": ones,
        "depth": 1.1 * truth * norms,
        "expected_depth": truth * norms + 0.3,
        "prop_depth_0": ones,
        "directions_norm": norms,
    }
    return outputs, {"image": torch.rand(12, 16, 3), "depth_image": truth, **extras}


def test_depth_metrics_in_scene_units_and_metres():
    model = build().eval()
    metrics, pictures = model.get_image_metrics_and_images(*images())
    assert metrics["depth_abs_rel"] == pytest.approx(0.1, abs=1e-5)
    assert metrics["depth_delta1"] == 1.0
    assert metrics["expected_depth_rmse"] == pytest.approx(0.3, abs=1e-5)
    assert metrics["expected_depth_rmse_metres"] == pytest.approx(1.2, abs=1e-5)
    assert pictures["depth"].shape == (12, 32, 3)
    without_unit = build(facts=SceneFacts()).eval().get_image_metrics_and_images(*images())[0]
    assert without_unit.keys() == metrics.keys() - {"depth_rmse_metres", "expected_depth_rmse_metres"}


def test_depth_metrics_are_of_measured_pixels():
    guessed = torch.zeros(12, 16, 1)
    guessed[:, 8:] = 2.0
    outputs, targets = images(depth_widening=guessed)
    outputs["depth"][:, 8:] = 77.0
    metrics, _ = build().eval().get_image_metrics_and_images(outputs, targets)
    assert metrics["depth_abs_rel"] == pytest.approx(0.1, abs=1e-5)
    assert not measured_depth(targets, outputs["directions_norm"])[:, 8:].any()


def test_a_view_without_depth_has_no_depth_metrics():
    outputs, targets = images()
    metrics, pictures = build().eval().get_image_metrics_and_images(outputs, without(targets))
    assert not any("depth" in name for name in metrics)
    assert pictures["depth"].shape == (12, 16, 3)


@pytest.mark.parametrize("appearance", ["glo", "embedding"])
def test_without_an_embedding_no_image_has_a_vector(appearance):
    model = build(appearance=appearance, use_appearance_embedding=False)
    assert model.field.embedding_appearance is None
    assert all(value.isfinite() for value in training(model, steps=1)[0].values())


def test_glo_is_a_small_vector_that_is_zero_at_test():
    model = build(appearance="glo")
    weight = model.field.embedding_appearance.embedding.weight
    assert weight.shape == (3, 4) and not weight.any()
    training(model, steps=2)
    assert weight.any()
    model.eval()
    bundle, _ = batch()
    before = model(bundle)["rgb"]
    weight.data += 1
    assert torch.equal(model(bundle)["rgb"], before)


def test_data_parallelism_finds_the_learned_alignment_among_the_outputs(tmp_path):
    """It is used in the losses alone, and must not be taken for a parameter that a step leaves out."""
    facts = replace(DEPTH, depth_alignment="learned")
    model = build(facts=facts, depth=DepthLossConfig(kind="l1", loss_mult=1.0))
    model.train()
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    try:
        parallel = torch.nn.parallel.DistributedDataParallel(model, find_unused_parameters=True)
        for step in range(3):
            rays, targets = batch(step)
            targets["depth_widening"] = torch.ones_like(targets["depth_image"])
            model.zero_grad()
            outputs = parallel(rays)
            losses = model.get_loss_dict(outputs, targets, model.get_metrics_dict(outputs, targets))
            torch.stack(list(losses.values())).sum().backward()
        assert model.depth_alignment.log_scale_and_shift.grad.any()
    finally:
        torch.distributed.destroy_process_group()
