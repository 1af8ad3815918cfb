"""S3IM-TensoRF: nerfstudio's tensorf to the last bit, the original's arithmetic, growth, and what a run needs."""

import copy
import functools
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import AdamOptimizerConfig, Optimizers
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig
from nerfstudio.models.tensorf import TensoRFModelConfig

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.errors import InputError
from s3im_methods.losses import S3IMConfig
from s3im_methods.models.grids.growth import grow
from s3im_methods.models.s3im_tensorf import S3IMTensoRFModel, S3IMTensoRFModelConfig

SMALL = {
    "init_resolution": 8,
    "final_resolution": 16,
    "upsampling_iters": (2, 4),
    "num_uniform_samples": 12,
    "num_samples": 6,
    "num_den_components": 2,
    "num_color_components": 3,
    "appearance_dim": 5,
}
ORIGINAL = {"style": "original", "scene_kind": "room", "box_scale": 1.0, "head_width": 16}
WITHOUT = S3IMConfig(loss_mult=0.0)
EVERY_PRESET = [(s, k) for s in ("ours", "original", "nerfstudio") for k in ("room", "object")]


def build(config_class: Any = S3IMTensoRFModelConfig, **settings):
    torch.manual_seed(0)
    with lpips_without_download():
        return config_class(**{**SMALL, **settings}).setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={}
        )


def batch(step: int, rays: int = 32) -> tuple[RayBundle, dict]:
    random = torch.Generator().manual_seed(step)
    bundle = RayBundle(
        origins=0.1 * torch.randn(rays, 3, generator=random),
        directions=torch.nn.functional.normalize(torch.randn(rays, 3, generator=random), dim=-1),
        pixel_area=torch.full((rays, 1), 1e-4),
        camera_indices=torch.randint(0, 3, (rays, 1), generator=random),
    )
    return bundle, {"image": torch.rand(rays, 3, generator=random)}


def adam(lr: float) -> dict:
    return {
        "optimizer": AdamOptimizerConfig(lr=lr),
        "scheduler": ExponentialDecaySchedulerConfig(lr_final=lr / 10, max_steps=10),
    }


class Run:
    """A training loop as the trainer's."""

    def __init__(self, model) -> None:
        self.model = model.train()
        self.optimizers = Optimizers({"fields": adam(1e-2), "encodings": adam(2e-2)}, model.get_param_groups())
        pipeline: Any = type("Pipeline", (), {"get_param_groups": staticmethod(model.get_param_groups)})()
        self.callbacks = model.get_training_callbacks(TrainingCallbackAttributes(self.optimizers, None, pipeline, None))

    def steps(self, first: int, last: int) -> list[dict[str, torch.Tensor]]:
        history = []
        for step in range(first, last):
            torch.manual_seed(100 + step)
            if hasattr(self.model, "s3im"):
                self.model.s3im.reseed(100 + step)
            for callback in self.callbacks:
                callback.run_callback_at_location(step, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
            self.optimizers.zero_grad_all()
            bundle, targets = batch(step)
            outputs = self.model(bundle)
            losses = self.model.get_loss_dict(outputs, targets, {})
            functools.reduce(torch.add, losses.values()).backward()
            self.optimizers.optimizer_step_all()
            self.optimizers.scheduler_step_all(step)
            for callback in self.callbacks:
                callback.run_callback_at_location(step, TrainingCallbackLocation.AFTER_TRAIN_ITERATION)
            history.append({name: value.detach() for name, value in losses.items()})
            self.last = losses  # as the trainer, which holds the graph of the last step over the callbacks
        return history


@pytest.mark.parametrize("regularization", ["tv", "l1", "none"])
@pytest.mark.parametrize("encoding", ["vm", "cp", "triplane"])
def test_style_nerfstudio_at_weight_zero_is_tensorf_to_the_last_bit(encoding, regularization):
    if encoding == "cp" and regularization == "tv":
        pytest.skip("CP has no planes")
    settings = {"tensorf_encoding": encoding, "regularization": regularization}
    off = {"camera_optimizer": S3IMTensoRFModelConfig().camera_optimizer}
    stock = Run(build(TensoRFModelConfig, **settings, **off)).steps(0, 7)
    ours = Run(build(style="nerfstudio", s3im=WITHOUT, **settings)).steps(0, 7)
    for step, (expected, actual) in enumerate(zip(stock, ours, strict=True)):
        assert expected.keys() == actual.keys()
        for name, value in expected.items():
            assert torch.equal(actual[name], value), (step, name)


def test_s3im_is_added_without_moving_other_random_numbers():
    without = Run(build(s3im=WITHOUT)).steps(0, 1)[0]
    with_s3im = Run(build(s3im=S3IMConfig(loss_mult=0.5, balance="add"))).steps(0, 1)[0]
    assert with_s3im.keys() - without.keys() == {"s3im_loss"}
    for name, value in without.items():
        assert torch.equal(with_s3im[name], value), name


@pytest.mark.parametrize("encoding", ["vm", "cp", "triplane"])
@pytest.mark.parametrize(("style", "kind"), EVERY_PRESET)
def test_every_preset_trains_grows_and_renders(style, kind, encoding):
    regularization = "none" if encoding == "cp" else "tv"
    model = build(style=style, scene_kind=kind, tensorf_encoding=encoding, regularization=regularization)
    history = Run(model).steps(0, 6)
    assert all(math.isfinite(float(value)) for losses in history for value in losses.values())
    assert model.resolution == (16, 16, 16)
    model.eval()
    with torch.no_grad():
        outputs = model(batch(9)[0])
    assert {"rgb", "depth", "accumulation", "normals"} <= outputs.keys()
    for name in ("rgb", "normals", "accumulation"):
        assert outputs[name].min() >= 0 and outputs[name].max() <= 1 + 1e-5, name


def test_opacity_of_constant_density():
    model = build(**ORIGINAL)
    with torch.no_grad():
        for parameter in model.field.density_encoding.parameters():
            parameter.zero_()
    sigma, length = math.log1p(math.exp(-10)), 1.25
    bundle = batch(0)[0]
    bundle.nears, bundle.fars = torch.full((32, 1), 0.0), torch.full((32, 1), 1e-9)
    density = model.field.density_in_grid(torch.zeros(1, 3))
    torch.testing.assert_close(1 - torch.exp(-density * length), torch.tensor([[1 - math.exp(-25 * sigma * length)]]))


def test_moments_follow_their_parameters_or_begin_anew():
    for restarts, kept in (("none", True), ("encodings", False)):
        run = Run(build(upsampling_restarts=restarts))
        run.steps(0, 3)
        state = run.optimizers.optimizers["encodings"].state
        parameters = list(run.model.field.density_encoding.parameters())
        assert all((p in state) == kept for p in parameters)
        assert all(state[p]["exp_avg"].shape == p.shape for p in parameters if kept)
        assert all(
            a is b for a, b in zip(run.optimizers.parameters["encodings"][-len(parameters) :], parameters, strict=True)
        )
        lr = run.optimizers.optimizers["encodings"].param_groups[0]["lr"]
        assert (lr == pytest.approx(2e-2)) == (not kept)


@pytest.mark.parametrize("by_axis", [True, False])
def test_moments_are_brought_to_the_new_nodes_as_the_grids_are(by_axis):
    """Constant ones stay constant, whatever the nodes; only Adam's count of steps has no shape to follow."""
    run = Run(build(upsampling_restarts="none", resolution_by_axis=by_axis))
    run.steps(0, 1)
    state = run.optimizers.optimizers["encodings"].state
    for number, moments in enumerate(state.values(), start=1):
        moments["exp_avg"].fill_(float(number))
        moments["exp_avg_sq"].fill_(float(-number))
    grids = (run.model.field.density_encoding, run.model.field.color_encoding)
    grow(grids, (13, 13, 13), run.optimizers)
    assert all(grid.axis_resolution() == (13, 13, 13) for grid in grids)
    # nerfstudio's grids are cubes and know their side.
    assert by_axis or all(grid.resolution == 13 for grid in grids)
    for number, (parameter, moments) in enumerate(state.items(), start=1):
        assert moments["exp_avg"].shape == parameter.shape
        torch.testing.assert_close(moments["exp_avg"], torch.full_like(parameter, number))
        torch.testing.assert_close(moments["exp_avg_sq"], torch.full_like(parameter, -number))


@pytest.mark.parametrize("restarts", ["none", "encodings", "all"])
@pytest.mark.parametrize("style", ["ours", "original", "nerfstudio"])
def test_a_run_resumed_after_growth_is_the_run_that_was_never_stopped(style, restarts):
    settings = {**ORIGINAL, "style": style, "upsampling_restarts": restarts}
    if style == "original":
        settings |= {"alpha_mask_steps": (1,), "shrink_box_steps": (1,), "alpha_mask_threshold": 1.75e-4}
    run = Run(build(**settings))
    run.steps(0, 3)
    saved = run.model.state_dict()
    optimizers = {name: o.state_dict() for name, o in run.optimizers.optimizers.items()}
    schedulers = {name: s.state_dict() for name, s in run.optimizers.schedulers.items()}
    if style == "original":
        assert run.model.field.alpha_mask.exists
        assert 0 < run.model.field.alpha_mask.cells.float().mean() < 1
    saved = {name: value.clone() for name, value in saved.items()}
    optimizers, schedulers = copy.deepcopy(optimizers), copy.deepcopy(schedulers)
    expected = run.steps(3, 7)

    resumed = Run(build(**settings))
    # The order of the pipeline and the trainer.
    resumed.model.update_to_step(2)
    resumed.model.load_state_dict(saved)
    resumed.optimizers.load_optimizers(optimizers)
    resumed.optimizers.load_schedulers(schedulers)
    for step, (losses, again) in enumerate(zip(expected, resumed.steps(3, 7), strict=True)):
        for name, value in losses.items():
            assert torch.equal(again[name], value), (step, name)


def test_a_run_is_not_resumed_with_upsamplings_that_its_grids_did_not_have():
    first = Run(build())
    first.steps(0, 3)

    def resumed(**settings: Any) -> Run:
        model = build(**settings)
        model.load_state_dict(first.model.state_dict())
        model.update_to_step(2)
        return Run(model)

    assert resumed().model.resolution == (11, 11, 11)
    sentence = "After step 2 the checkpoint has grids of 11 x 11 x 11 nodes, and the settings say 16 x 16 x 16: give"
    with pytest.raises(InputError, match=f"{sentence} .* final-resolution and upsampling-iters as the run had them"):
        resumed(final_resolution=32)
    with pytest.raises(InputError, match="settings say 8 x 8 x 8"):
        resumed(upsampling_iters=(3, 4))


def test_stock_tensorf_does_not_resume_after_an_upsampling():
    """When this fails, nerfstudio's optimisers follow its grids on resume: look whether ours may do without care."""
    config = {"camera_optimizer": S3IMTensoRFModelConfig().camera_optimizer, "regularization": "tv"}
    run = Run(build(TensoRFModelConfig, **config))
    run.steps(0, 3)
    saved = run.model.state_dict()
    resumed = Run(build(TensoRFModelConfig, **config))
    resumed.model.update_to_step(2)
    resumed.model.load_state_dict(saved)
    held = {id(p) for p in resumed.optimizers.parameters["encodings"]}
    assert not any(id(p) in held for p in resumed.model.field.density_encoding.parameters())
    before = resumed.model.field.density_encoding.plane_coef.detach().clone()
    resumed.steps(3, 4)
    assert torch.equal(resumed.model.field.density_encoding.plane_coef, before)


def test_the_box_shrinks_to_what_is_occupied_and_the_field_stays():
    model = build(
        **ORIGINAL,
        init_resolution=9,
        alpha_mask_steps=(0,),
        shrink_box_steps=(0,),
        upsampling_iters=(),
        alpha_mask_threshold=0.1,
    )
    grid = model.field.density_encoding
    with torch.no_grad():
        for index, name in enumerate(("plane_0", "line_0")):
            getattr(grid, name).fill_(-0.01)
            getattr(grid, name)[..., 4:5, 3 * (index == 0) : 4] = 5.0
        for index in (1, 2):
            getattr(grid, f"plane_{index}").zero_()
    points = 0.2 * torch.rand(20, 3) + torch.tensor([-0.2, 0.0, 0.0])
    before = model.field.density_in_grid(points)
    run = Run(model)
    model.after_step(run.optimizers, step=0)
    assert max(model.resolution) < 9
    assert model.collider.scene_box.aabb is model.field.aabb
    assert (model.field.aabb[1] - model.field.aabb[0]).max() < 2
    torch.testing.assert_close(model.field.density_in_grid(points), before, rtol=1e-4, atol=1e-6)
    run.steps(1, 2)


def test_empty_samples_are_skipped_and_empty_rays_do_not_count():
    model = build(**ORIGINAL, alpha_mask_steps=(0,), shrink_box_steps=(), filter_rays_step=0, s3im=WITHOUT)
    model.train()
    alphas = torch.zeros(8, 8, 8)
    alphas[6] = 1.0
    model.field.alpha_mask.update(alphas, model.field.aabb, 0.5)
    model.train_step = 1
    bundle, targets = batch(0)
    outputs = model(bundle)
    counts = outputs["counts"]
    assert 0 < counts.sum() < len(counts)
    assert (outputs["accumulation"][~counts] == 0).all()
    losses = model.get_loss_dict(outputs, targets, {})
    expected = (outputs["rgb"][counts] - targets["image"][counts]).square().mean()
    torch.testing.assert_close(losses["rgb_loss"], expected)


@pytest.mark.parametrize("encoding", ["vm", "cp", "triplane"])
def test_a_batch_that_meets_only_empty_space_trains_on(encoding):
    off = dict.fromkeys(("tv_density", "tv_color", "l1_density", "l1_density_rest"), 0.0)
    off |= {"alpha_mask_steps": (0,), "shrink_box_steps": (), "s3im": WITHOUT}
    model = build(**ORIGINAL, **off, tensorf_encoding=encoding).train()
    model.field.alpha_mask.update(torch.zeros(8, 8, 8), model.field.aabb, 0.5)
    bundle, targets = batch(0)
    losses = model.get_loss_dict(model(bundle), targets, {})
    functools.reduce(torch.add, losses.values()).backward()
    assert not any(p.grad is not None and p.grad.any() for p in model.field.density_encoding.parameters())


def test_a_field_that_is_still_empty_gets_no_mask_and_keeps_its_box(capsys):
    model = build(**ORIGINAL, alpha_mask_steps=(0,), shrink_box_steps=(0,), alpha_mask_threshold=0.5)
    box = model.field.aabb.clone()
    model.after_step(Run(model).optimizers, step=0)
    assert not model.field.alpha_mask.exists
    assert torch.equal(model.field.aabb, box) and model.resolution == (8, 8, 8)
    assert "alpha mask and box stay as they are" in " ".join(capsys.readouterr().out.split())


def test_colour_only_where_it_weighs():
    exact = build(style="ours", scene_kind="room", color_weight_threshold=0.0).eval()
    quick = build(style="ours", scene_kind="room", color_weight_threshold=1e-3).eval()
    with torch.no_grad():
        a, b = exact(batch(0)[0])["rgb"], quick(batch(0)[0])["rgb"]
    torch.testing.assert_close(a, b, atol=6e-3, rtol=0)


def test_a_coin_chooses_the_background_of_a_training_batch():
    model = build(**ORIGINAL)
    seen = set()
    for step in range(12):
        torch.manual_seed(step)
        model(batch(0)[0])
        seen.add(model.renderer_rgb.background_color)
    model.eval()(batch(0)[0])
    assert seen == {"white", "black"} and model.renderer_rgb.background_color == "black"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"space": "contraction", "sampling": "steps"}, "sampling is steps"),
        ({"shrink_box_steps": (5,), "space": "box"}, "alpha-mask-steps"),
        ({"box_scale": 0.0}, "box-scale is 0"),
        ({"upsampling_iters": (5, 4)}, "rising order"),
        ({"style": "other"}, "no preset"),
        ({"tensorf_encoding": "cp", "tv_density": 1.0}, "CP"),
        ({"tensorf_encoding": "cp", "style": "nerfstudio", "regularization": "tv"}, "regularization is tv: CP has no"),
        ({"regularization_decay_steps": 0}, "regularization-decay-steps is 0: give 1 or more"),
        ({"max_steps": 0}, "max-steps is 0: give 1 or more"),
        ({"tv_color": -1.0}, "tv-color is -1.0: give a weight of 0 or above"),
    ],
)
def test_settings_that_contradict_each_other(settings, words):
    with pytest.raises(InputError, match=words):
        build(**settings)


def test_the_parser_decides_the_kind_of_scene_unless_the_user_does():
    class BlenderDataParserConfig:
        pass

    cases: Any = (
        ("auto", BlenderDataParserConfig(), "object"),
        ("auto", object(), "auto"),
        ("room", BlenderDataParserConfig(), "room"),
    )
    for given, parser, expected in cases:
        config = S3IMTensoRFModelConfig(scene_kind=given)
        S3IMTensoRFModel.adapt_to_data(config, parser)
        assert config.scene_kind == expected


def test_what_a_short_run_does_not_reach_is_known():
    model = build(**ORIGINAL, alpha_mask_steps=(3, 5), shrink_box_steps=(3,), filter_rays_step=6, s3im=WITHOUT)
    ends = {"upsampling-iters": 5, "alpha-mask-steps": 6, "shrink-box-steps": 4, "filter-rays-step": 7}
    assert model.schedule_ends() == ends
    assert set(build(style="nerfstudio", upsampling_iters=(), s3im=WITHOUT).schedule_ends().values()) == {0}


def test_the_line_of_a_run_names_grids_and_preset():
    assert "vm grids of 2 + 3 components, 8 x 8 x 8 nodes" in build().hardware_line()


@pytest.mark.parametrize(
    ("style", "kind", "weight", "warned"),
    [
        ("original", "room", 0.1, True),
        ("original", "room", 1.0, False),
        ("original", "object", 0.1, False),
        ("ours", "room", 0.1, False),
    ],
)
def test_it_warns_of_fog_where_the_original_needs_s3im(style, kind, weight, warned):
    model = build(style=style, scene_kind=kind, s3im=S3IMConfig(loss_mult=weight))
    sentences = model.data_warnings(views(9.0))
    assert bool(sentences) == warned
    if warned:
        assert "--pipeline.model.s3im.loss-mult 1" in sentences[0]


def views(distance: float) -> Any:
    """A camera that is so far away from the middle."""
    return SimpleNamespace(
        cameras=Cameras(torch.eye(4)[None, :3] + torch.tensor([0, 0, 0, distance]), 1.0, 1.0, 1.0, 1.0)
    )


def test_cameras_in_an_objects_box_are_told():
    (sentence,) = build(scene_kind="object").data_warnings(views(0.1))
    assert sentence.startswith("1 of 1 training camera is inside the box in which the object is looked for: lower")
    assert not build(scene_kind="object").data_warnings(views(9.0))
    assert not build(scene_kind="room").data_warnings(views(0.1))
