"""S3IM-nerfacto: at weight 0 nerfacto to the last bit; with S3IM one more loss; outputs for the viewer and exports."""

import math
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.field_components.activations import trunc_exp
from nerfstudio.models.nerfacto import NerfactoModelConfig
from short_training import losses_of_training

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.encodings import hash_grid
from s3im_methods.errors import InputError
from s3im_methods.losses import S3IMConfig
from s3im_methods.models.density_normals import density_normals
from s3im_methods.models.s3im_losses import true_picture
from s3im_methods.models.s3im_nerfacto import S3IMNerfactoModel, S3IMNerfactoModelConfig

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
    "camera_optimizer": CameraOptimizerConfig(mode="SO3xR3"),
}
STEPS = 12


def build(config_class, facts=None, **settings):
    torch.manual_seed(0)
    # Our own model is to see to that by itself.
    with lpips_without_download() if config_class is NerfactoModelConfig else nullcontext():
        return config_class(**SMALL, **settings).setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={"scene_facts": facts}
        )


def batch(step: int, rays: int = 64) -> tuple[RayBundle, dict]:
    random = torch.Generator().manual_seed(step)
    directions = torch.nn.functional.normalize(torch.randn(rays, 3, generator=random), dim=-1)
    bundle = RayBundle(
        origins=0.1 * torch.randn(rays, 3, generator=random),
        directions=directions,
        pixel_area=torch.full((rays, 1), 1e-4),
        camera_indices=torch.randint(0, 3, (rays, 1), generator=random),
    )
    return bundle, {"image": torch.rand(rays, 3, generator=random)}


def training(model, steps: int = STEPS) -> list[dict[str, torch.Tensor]]:
    return losses_of_training(model, batch, steps)


def test_weight_zero_is_nerfacto_to_the_last_bit():
    stock = training(build(NerfactoModelConfig, implementation="torch"))
    ours = training(build(S3IMNerfactoModelConfig, implementation="torch", s3im=S3IMConfig(loss_mult=0.0)))
    for step, (expected, actual) in enumerate(zip(stock, ours, strict=True)):
        assert expected.keys() == actual.keys()
        for name, value in expected.items():
            assert torch.equal(actual[name], value), (step, name)


def test_the_fused_implementation_differs_by_rounding_only():
    stock = training(build(NerfactoModelConfig, implementation="torch"))
    ours = training(build(S3IMNerfactoModelConfig, implementation="fused", s3im=S3IMConfig(loss_mult=0.0)))
    for name, value in stock[0].items():
        assert torch.equal(ours[0][name], value), name
    torch.testing.assert_close(ours[-1]["rgb_loss"], stock[-1]["rgb_loss"], rtol=1e-3, atol=1e-5)


def test_s3im_is_added_without_moving_the_base_methods_random_numbers():
    without = training(build(S3IMNerfactoModelConfig, s3im=S3IMConfig(loss_mult=0.0)), steps=1)
    with_s3im = training(build(S3IMNerfactoModelConfig, s3im=S3IMConfig(loss_mult=0.5, balance="add")), steps=1)
    assert with_s3im[0].keys() - without[0].keys() == {"s3im_loss"}
    assert 0 < with_s3im[0]["s3im_loss"] < 1
    for name, value in without[0].items():
        assert torch.equal(with_s3im[0][name], value), name


def test_it_starts_and_ramps_with_the_step():
    config = S3IMConfig(loss_mult=1.0, start_step=3, ramp_steps=4)
    history = training(build(S3IMNerfactoModelConfig, s3im=config), steps=8)
    assert ["s3im_loss" in losses for losses in history] == [False] * 4 + [True] * 4


def gradients_at_the_colours(**s3im) -> dict[str, torch.Tensor]:
    """The gradient of the total and the terms, of a model's first training step."""
    model = build(S3IMNerfactoModelConfig, s3im=S3IMConfig(loss_mult=2.0, **s3im)).train()
    torch.manual_seed(1)
    bundle, targets = batch(0)
    outputs = model(bundle)
    losses = model.get_loss_dict(outputs, targets, model.get_metrics_dict(outputs, targets))
    gradient = torch.autograd.grad(losses["rgb_loss"] + losses.get("s3im_loss", 0), outputs["rgb"])[0]
    return {**losses, "gradient": gradient}


def test_the_control_pulls_at_the_colours_as_strongly_but_in_the_plain_losss_direction():
    with_s3im, control = (
        gradients_at_the_colours(balance="add"),
        gradients_at_the_colours(role="control", balance="add"),
    )
    assert "s3im_loss" not in control and control.keys() | {"s3im_loss"} == with_s3im.keys()
    assert control["gradient"].norm().item() == pytest.approx(with_s3im["gradient"].norm().item(), rel=1e-5)
    factor = (control["rgb_loss"] / with_s3im["rgb_loss"]).item()
    assert factor > 2
    plain = gradients_at_the_colours(start_step=1)["gradient"]
    torch.testing.assert_close(control["gradient"], factor * plain, rtol=1e-5, atol=0)
    assert torch.equal(control["interlevel_loss"], with_s3im["interlevel_loss"])


@pytest.mark.parametrize("denominators", ["free", "held"])
def test_in_balance_the_pull_has_the_sums_direction_and_the_plain_losss_length(denominators):
    added, kept = (gradients_at_the_colours(balance=how, denominators=denominators) for how in ("add", "keep"))
    plain = gradients_at_the_colours(start_step=1)["gradient"]
    assert kept["gradient"].norm().item() == pytest.approx(plain.norm().item(), rel=1e-5)
    factor = (kept["rgb_loss"] / added["rgb_loss"]).item()
    assert 0 < factor < 0.5
    torch.testing.assert_close(kept["gradient"], factor * added["gradient"], rtol=1e-4, atol=1e-9)
    assert (kept["s3im_loss"] / added["s3im_loss"]).item() == pytest.approx(factor)
    assert torch.equal(kept["interlevel_loss"], added["interlevel_loss"])


def test_it_is_no_loss_of_evaluation():
    model = build(S3IMNerfactoModelConfig)
    model.eval()
    bundle, targets = batch(0)
    with torch.no_grad():
        outputs = model(bundle)
    assert "s3im_loss" not in model.get_loss_dict(outputs, targets, {})


def test_s3im_adds_nothing_to_the_checkpoint():
    stock, ours = build(NerfactoModelConfig, implementation="torch"), build(S3IMNerfactoModelConfig)
    assert ours.state_dict().keys() == stock.state_dict().keys()


def test_outputs_for_viewer_and_exports():
    model = build(S3IMNerfactoModelConfig)
    model.eval()
    with torch.no_grad():
        outputs = model(batch(0)[0])
    assert {"rgb", "depth", "accumulation", "normals"} <= outputs.keys()
    assert outputs["normals"].shape == (64, 3)
    assert outputs["normals"].min() >= 0 and outputs["normals"].max() <= 1


def test_rendering_normals_leaves_training_without_gradients_of_points():
    settings = {**SMALL, "camera_optimizer": CameraOptimizerConfig(mode="off")}
    model = S3IMNerfactoModelConfig(**settings, implementation="fused").setup(
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={}
    )
    model.eval()
    assert model(batch(0)[0])["normals"].std() > 0
    assert not model.field.mlp_base.model[0].point_gradients


def test_metrics_leave_lpips_out_where_its_weights_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    model = build(S3IMNerfactoModelConfig)
    model.eval()
    image = torch.rand(12, 16, 3)
    outputs = {"rgb": image, **dict.fromkeys(("accumulation", "depth", "prop_depth_0"), torch.ones(12, 16, 1))}
    metrics, _ = model.get_image_metrics_and_images(outputs, {"image": image.clone()})
    assert metrics.keys() == {"psnr", "ssim"}
    assert metrics["ssim"] == pytest.approx(1.0)


def test_what_a_mask_leaves_out_counts_apart():
    model = build(S3IMNerfactoModelConfig).eval()
    truth = torch.full((16, 16, 3), 0.5)
    rendered = truth.clone()
    rendered[:8] += 0.1
    rendered[8:] += 0.4
    outputs = {"rgb": rendered, "accumulation": torch.ones(16, 16, 1), "depth": torch.ones(16, 16, 1)}
    outputs |= {f"prop_depth_{place}": torch.ones(16, 16, 1) for place in range(model.config.num_proposal_iterations)}
    mask = torch.zeros(16, 16, 1, dtype=torch.bool)
    mask[:8] = True
    found = model.get_image_metrics_and_images(outputs, {"image": truth, "mask": mask})[0]
    assert found["masked_psnr"] == pytest.approx(20.0, abs=1e-4)
    assert found["psnr"] == pytest.approx(-10 * math.log10((0.01 + 0.16) / 2), abs=1e-4)
    as_bytes = torch.full((16, 16, 3), 51, dtype=torch.uint8)
    assert torch.equal(true_picture(model, as_bytes), torch.full((16, 16, 3), 0.2))
    whole = model.get_image_metrics_and_images(outputs, {"image": truth, "mask": torch.ones_like(mask)})[0]
    assert whole["masked_psnr"] == pytest.approx(whole["psnr"], abs=1e-4)
    nothing = model.get_image_metrics_and_images(outputs, {"image": truth, "mask": torch.zeros_like(mask)})[0]
    assert "masked_psnr" not in nothing
    assert torch.equal(true_picture(SimpleNamespace(renderer_rgb=object()), torch.ones(2, 2, 4)), torch.ones(2, 2, 3))
    assert "masked_psnr" not in model.get_image_metrics_and_images(outputs, {"image": truth})[0]


def test_the_panel_changes_weight_and_switch():
    term = build(S3IMNerfactoModelConfig, s3im=S3IMConfig(loss_mult=0.7)).s3im
    assert term.weight(0) == 0.7
    term.weight_slider.default_value = 2.0
    term.weight_slider.cb_hook(term.weight_slider)
    assert term.weight(0) == 2.0
    term.enabled_box.default_value = False
    term.enabled_box.cb_hook(term.enabled_box)
    assert term.weight(0) == 0.0
    predicted, target = torch.rand(32, 3), torch.rand(32, 3)
    term.enabled = True
    loss = term(predicted, target, step=0)
    term.show()
    assert term.loss_text.gui_handle is None
    assert loss.item() == pytest.approx(2 * term._last_loss.item())


def test_normals_of_a_ball_point_outwards():
    points = torch.nn.functional.normalize(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    normals = density_normals(lambda x: torch.sigmoid(20 * (1 - x.norm(dim=-1, keepdim=True))), points)
    torch.testing.assert_close(normals, points)
    assert np.isfinite(density_normals(lambda x: 0 * x[..., :1], points).numpy()).all()


def test_normals_where_the_density_hardly_changes_are_unit_vectors_too():
    points = torch.tensor([[0.0, 4.2, 5.6]])
    normals = density_normals(lambda at: (-at.square().sum(-1, keepdim=True)).exp(), points)
    torch.testing.assert_close(normals, points / 7)


@pytest.mark.parametrize("learned", [False, True])
def test_an_image_with_opacity_has_no_background(learned):
    model = build(S3IMNerfactoModelConfig, background_color="white").eval()
    colour, opacity = torch.tensor([0.2, 0.4, 0.6]).expand(2, 3, 3), torch.tensor([[0.0, 0.25, 1.0]] * 2)[..., None]
    outputs = {"rgb": colour * opacity + (1 - opacity), "accumulation": opacity}
    if learned:
        outputs["bg_rgb"] = torch.ones_like(colour)
    image = model.get_rgba_image(outputs)
    assert torch.equal(image[..., 3:], opacity)
    expected = outputs["rgb"] if learned else colour
    torch.testing.assert_close(image[:, 1:, :3], expected[:, 1:])


def test_a_background_of_last_samples_is_opaque_as_nerfstudio_has_it():
    model = build(S3IMNerfactoModelConfig, background_color="last_sample").eval()
    outputs = {"rgb": torch.rand(2, 3, 3), "accumulation": torch.rand(2, 3, 1)}
    image = model.get_rgba_image(outputs)
    assert torch.equal(image[..., :3], outputs["rgb"]) and (image[..., 3] == 1).all()


TRANSPARENT, OPAQUE = (SceneFacts(has_transparent_background=value) for value in (True, False))


@pytest.mark.parametrize(
    ("facts", "given", "background"),
    [
        (TRANSPARENT, None, "random-white"),
        (OPAQUE, None, "last_sample"),
        (None, None, "last_sample"),
        (TRANSPARENT, "last_sample", "last_sample"),
        (TRANSPARENT, "white", "white"),
        (OPAQUE, "black", "black"),
    ],
)
def test_transparent_images_are_put_before_random_colours_unless_told_otherwise(facts, given, background):
    model = build(S3IMNerfactoModelConfig, facts, background_color=given)
    assert model.config.background_color == background
    if background != "random-white":
        assert model.renderer_rgb.background_color == background
    assert (f"; background: {background}" in model.hardware_line()) == (facts is TRANSPARENT)


def test_colours_behind_rays_are_random_in_training_and_white_in_pictures():
    model = build(S3IMNerfactoModelConfig, TRANSPARENT)
    renderer, cut_out = model.renderer_rgb, torch.tensor([0.5, 0.5, 0.5, 0.0]).expand(8, 4)
    half = torch.full((8, 1), 0.5)

    def blended() -> list[torch.Tensor]:
        predicted = renderer(rgb=torch.zeros(8, 1, 3), weights=half[:, None])
        return list(renderer.blend_background_for_loss_computation(predicted, half, cut_out))

    (predicted, target), (_, again) = blended(), blended()
    torch.testing.assert_close(predicted, target / 2)
    assert len(target.flatten().unique()) == target.numel() and not torch.equal(target, again)
    model.eval()
    assert torch.equal(torch.stack(blended()), torch.stack([half.expand(8, 3), torch.ones(8, 3)]))


def test_a_config_that_knows_the_settings_of_s3im_by_their_old_name_loads():
    name = "s3im_methods.models.s3im_nerfacto.NerfactoS3IMConfig"
    assert yaml.load(f"!!python/object:{name} {{loss_mult: 0.3}}", yaml.UnsafeLoader).loss_mult == 0.3


WHITE_STUDIO = (0.9, 0.85, 1.0)


@pytest.mark.parametrize(
    ("facts", "settings", "expected"),
    [
        (SceneFacts(mean_colour=WHITE_STUDIO), {}, [0.9, 0.85, 0.95]),
        (SceneFacts(mean_colour=WHITE_STUDIO), {"implementation": "torch"}, [0.9, 0.85, 0.95]),
        (SceneFacts(mean_colour=WHITE_STUDIO), {"first_colours": "random"}, [0.5] * 3),
        (SceneFacts(mean_colour=(0.7, 0.7, 0.7)), {}, [0.5] * 3),
        (None, {}, [0.5] * 3),
    ],
)
def test_colours_begin_near_the_mean_colour_of_the_images(facts, settings, expected):
    model = build(S3IMNerfactoModelConfig, facts, **settings).eval()
    torch.testing.assert_close(model(batch(0)[0])["rgb"].mean(dim=0), torch.tensor(expected), atol=0.08, rtol=0)
    # White itself would be infinitely far from grey.
    assert model.field.mlp_head.layers[-1].bias.isfinite().all()


def losses_of(facts: SceneFacts | None, channels: int = 4, train: bool = True, **settings) -> dict[str, torch.Tensor]:
    """The losses of a step on images with so many channels."""
    model = build(S3IMNerfactoModelConfig, facts, **settings).train(train)
    bundle, _ = batch(0)
    outputs = model(bundle)
    targets = {"image": torch.rand(len(bundle), channels, generator=torch.Generator().manual_seed(0))}
    losses = model.get_loss_dict(outputs, targets, model.get_metrics_dict(outputs, targets) if train else None)
    return {**losses, "accumulation": outputs["accumulation"], "alpha": targets["image"][:, 3:]}


def test_the_alpha_of_cut_out_images_is_learned():
    losses = losses_of(TRANSPARENT, opacity_loss_mult=0.5)
    expected = 0.5 * (losses["accumulation"] - losses["alpha"]).square().mean()
    assert losses["opacity_loss"].item() == pytest.approx(expected.item())
    assert losses["opacity_loss"].requires_grad


def test_rays_that_meet_nothing_become_clear():
    """Before white, opaque white would do as well for the colours."""

    def empty(step: int) -> tuple[RayBundle, dict]:
        bundle, _ = batch(step, rays=16)
        return bundle, {"image": torch.tensor([1.0, 1.0, 1.0, 0.0]).expand(len(bundle), 4)}

    model = build(S3IMNerfactoModelConfig, TRANSPARENT)
    losses = losses_of_training(model, empty, steps=25, learning_rate=0.1)
    assert losses[-1]["opacity_loss"] < 0.1 * losses[0]["opacity_loss"]


@pytest.mark.parametrize(
    ("facts", "settings"),
    [
        (OPAQUE, {}),
        (None, {}),
        (TRANSPARENT, {"opacity_loss_mult": 0.0}),
        (TRANSPARENT, {"channels": 3}),
        (TRANSPARENT, {"train": False}),
    ],
)
def test_there_is_no_loss_of_opacity_without_alpha_or_weight_or_training(facts, settings):
    assert "opacity_loss" not in losses_of(facts, **settings)


@pytest.mark.parametrize(("installed", "kept"), [(False, "fused"), (True, "tcnn")])
def test_a_run_is_saved_with_the_implementation_that_its_checkpoint_fits(monkeypatch, installed, kept):
    monkeypatch.setattr(hash_grid, "TCNN_EXISTS", installed)
    config = S3IMNerfactoModel.decided(S3IMNerfactoModelConfig(), SceneFacts(has_transparent_background=True))
    assert (config.implementation, config.background_color) == (kept, "random-white")


def test_an_implementation_that_is_asked_for_is_kept():
    model = build(S3IMNerfactoModelConfig, implementation="torch")
    assert model.kept_config.implementation == model.config.implementation == "torch"


IGNORED = {"opacity_loss_mult": 0.0}


@pytest.mark.parametrize(
    "s3im",
    [
        S3IMConfig(denominators="free"),
        S3IMConfig(loss_mult=0),
        S3IMConfig(balance="add"),
        S3IMConfig(balance="add", denominators="held"),
        S3IMConfig(balance="add", role="control"),
    ],
)
def test_it_warns_of_objects_that_are_to_be_before_black(s3im):
    model = build(S3IMNerfactoModelConfig, TRANSPARENT, background_color="last_sample", s3im=s3im, **IGNORED)
    (sentence,) = model.data_warnings(SimpleNamespace())
    assert (
        "Give --pipeline.model.opacity-loss-mult a number above 0, or --pipeline.model.background-color random-white"
        in sentence
    )


@pytest.mark.parametrize(
    ("settings", "facts"),
    [
        ({"background_color": "black", **IGNORED}, TRANSPARENT),
        ({"background_color": "black", "s3im": S3IMConfig(denominators="free")}, TRANSPARENT),
        ({"background_color": "black", "s3im": S3IMConfig(denominators="free"), **IGNORED}, OPAQUE),
        ({"s3im": S3IMConfig(denominators="free"), **IGNORED}, TRANSPARENT),
        ({"background_color": "black", "s3im": S3IMConfig(denominators="held"), **IGNORED}, TRANSPARENT),
    ],
)
def test_it_does_not_warn_where_nothing_is_before_black_or_s3im_is_held(settings, facts):
    assert build(S3IMNerfactoModelConfig, facts, **settings).data_warnings(SimpleNamespace()) == []


class ScaledHalf(torch.autograd.Function):
    """The backward pass of tinycudann: gradients in half precision, times 128."""

    @staticmethod
    def forward(ctx, values):
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        return (128 * gradient).half().float() / 128


def test_normals_of_dense_surfaces_are_finite_with_gradients_in_half_precision():
    points = torch.nn.functional.normalize(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)), dim=-1)

    def density(at):
        return trunc_exp(ScaledHalf.apply(10 - 3 * at.norm(dim=-1, keepdim=True)))

    assert density(points).min() > 511
    torch.testing.assert_close(density_normals(density, points), points, atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"near_plane": 3.0, "far_plane": 1.0}, "far-plane is 1.0: give more than near-plane, which is 3"),
        ({"near_plane": float("nan")}, "which is nan"),
        ({"far_plane": float("inf")}, "far-plane is inf"),
        ({"shared_pixels": 0}, "shared-pixels is 0: give 1 or more"),
        ({"opacity_loss_mult": -1.0}, "opacity-loss-mult is -1.0: give a weight of 0 or above"),
    ],
)
def test_what_is_out_of_range_is_refused_in_a_sentence(settings, words):
    with pytest.raises(InputError, match=words):
        S3IMNerfactoModel.decided(S3IMNerfactoModelConfig(**settings), SceneFacts())
