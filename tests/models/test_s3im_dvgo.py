"""S3IM-DVGO: stages as functions of the step, a switch without a jump, S3IM, resuming, and wrong settings."""

import copy
import functools
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.cameras.rays import Frustums, RayBundle, RaySamples
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import AdamOptimizerConfig, Optimizers
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig
from nerfstudio.field_components.field_heads import FieldHeadNames

from s3im_methods.data.scene_facts import SceneFacts, add_facts
from s3im_methods.data.scene_sphere import MARGIN, SceneSphere
from s3im_methods.engine.voxel_adam import VoxelAdamConfig
from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.volume import scalar_field
from s3im_methods.losses import S3IMConfig
from s3im_methods.losses.depth import DepthLossConfig
from s3im_methods.losses.distortion import distortion
from s3im_methods.losses.voxel_variation import touched_nodes, voxel_variation
from s3im_methods.models.dvgo import DVGOModel
from s3im_methods.models.dvgo_presets import with_preset
from s3im_methods.models.grids import memory
from s3im_methods.models.grids.memory import bytes_taken, check_memory, grid_bytes
from s3im_methods.models.grids.stages import view_counts, voxels_at
from s3im_methods.models.s3im_dvgo import S3IMDVGOModelConfig

SMALL = {
    "scene_kind": "object",
    "resolution": 24,
    "coarse_resolution": 10,
    "coarse_steps": 6,
    "coarse_rate": 1.0,
    "coarse_view_counts": False,
    "scaling_steps": (3, 6),
    "network_width": 8,
    "network_layers": 2,
    "direction_octaves": 1,
    "features": 5,
    "color_weight_threshold": 0.0,
    "coarse_color_weight_threshold": 0.0,
}
WITHOUT = S3IMConfig(loss_mult=0.0)


def build(facts: dict[str, Any] | None = None, **settings: Any) -> Any:
    torch.manual_seed(0)
    config = S3IMDVGOModelConfig(**{**SMALL, **settings})
    box = SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3]))
    return config.setup(scene_box=box, num_train_data=3, metadata=facts or {})


def batch(step: int, rays: int = 256) -> tuple[RayBundle, dict]:
    """Rays towards a grey ball of radius 0.5 before white."""
    random = torch.Generator().manual_seed(step)
    origins = 3 * torch.nn.functional.normalize(torch.randn(rays, 3, generator=random), dim=-1)
    targets = 2.0 * (torch.rand(rays, 3, generator=random) - 0.5)
    directions = torch.nn.functional.normalize(targets - origins, dim=-1)
    nearest = (origins - (origins * directions).sum(-1, keepdim=True) * directions).norm(dim=-1, keepdim=True)
    bundle = RayBundle(
        origins=origins,
        directions=directions,
        pixel_area=torch.full((rays, 1), 1e-4),
        camera_indices=torch.zeros(rays, 1, dtype=torch.long),
    )
    return bundle, {"image": torch.where(nearest < 0.5, 0.3, 1.0).expand(-1, 3)}


def _decay(lr: float) -> ExponentialDecaySchedulerConfig:
    return ExponentialDecaySchedulerConfig(lr_final=lr / 10, max_steps=20)


class Run:
    """A training loop as the trainer's."""

    def __init__(self, model: Any) -> None:
        self.model = model.train()
        settings = {
            "grids": {"optimizer": VoxelAdamConfig(lr=0.5, eps=1e-8), "scheduler": _decay(0.5)},
            "fields": {"optimizer": AdamOptimizerConfig(lr=1e-2), "scheduler": _decay(1e-2)},
        }
        self.optimizers = Optimizers(settings, model.get_param_groups())
        self.callbacks = model.get_training_callbacks(TrainingCallbackAttributes(self.optimizers, None, None, None))  # type: ignore[arg-type]

    def steps(self, first: int, last: int) -> list[dict[str, torch.Tensor]]:
        history = []
        for step in range(first, last):
            torch.manual_seed(100 + step)
            self.model.s3im.reseed(100 + step)
            for callback in self.callbacks:
                callback.run_callback_at_location(step, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
            rays, targets = batch(step)
            self.optimizers.zero_grad_all()
            losses = self.model.get_loss_dict(self.model(rays), targets)
            functools.reduce(torch.add, losses.values()).backward()
            self.optimizers.optimizer_step_all()
            for scheduler in self.optimizers.schedulers.values():
                scheduler.step()
            for callback in self.callbacks:
                callback.run_callback_at_location(step, TrainingCallbackLocation.AFTER_TRAIN_ITERATION)
            history.append({name: value.detach() for name, value in losses.items()})
        return history

    def state(self) -> dict[str, Any]:
        optimizers, schedulers = self.optimizers.optimizers, self.optimizers.schedulers
        return copy.deepcopy(
            {
                "model": self.model.state_dict(),
                "optimizers": {name: optimizer.state_dict() for name, optimizer in optimizers.items()},
                "schedulers": {name: scheduler.state_dict() for name, scheduler in schedulers.items()},
            }
        )

    def load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizers.load_optimizers(state["optimizers"])
        self.optimizers.load_schedulers(state["schedulers"])


def render(model: Any) -> dict[str, torch.Tensor]:
    model.eval()
    with torch.no_grad():
        outputs = model(batch(99)[0])
    model.train()
    return outputs


@pytest.mark.parametrize("stop", [3, 6, 9, 11])
def test_a_resumed_run_is_the_run_that_was_never_stopped(stop):
    """In the coarse stage, at the switch, at a scaling and behind it, to the last bit."""
    whole = Run(build())
    expected = whole.steps(0, 14)
    first = Run(build())
    first.steps(0, stop)
    resumed = Run(build())
    resumed.load(first.state())
    found = resumed.steps(stop, 14)
    for ours, theirs in zip(found, expected[stop:], strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


@pytest.mark.parametrize(
    ("stop", "settings", "words"),
    [
        (4, {"coarse_steps": 2}, "is in its coarse stage, and the settings say the fine one"),
        (8, {"coarse_steps": 20}, "is in its fine stage, and the settings say the coarse one"),
        (4, {"coarse_resolution": 14}, "say 14 x 14 x 14: give --pipeline.model.coarse-resolution as"),
        (8, {"resolution": 40}, "give --pipeline.model.resolution and scaling-steps as the run had them"),
        (8, {"scaling_steps": (1, 3)}, "give --pipeline.model.resolution and scaling-steps"),
    ],
)
def test_a_run_is_not_resumed_with_stages_that_its_grids_did_not_have(stop, settings, words):
    first = Run(build())
    first.steps(0, stop)

    def resume(**settings: Any) -> None:
        model = build(**settings)
        model.load_state_dict(first.model.state_dict())
        model.update_to_step(stop - 1)
        Run(model)

    resume()
    with pytest.raises(InputError, match=f"After step {stop - 1} the checkpoint .*{words}"):
        resume(**settings)


def test_training_finds_the_ball_and_tightens_the_box_to_it():
    run = Run(build(coarse_steps=40, coarse_resolution=14, s3im=WITHOUT))
    history = run.steps(0, 48)
    field = run.model.field
    assert history[-1]["rgb_loss"] < 0.3 * history[0]["rgb_loss"]
    assert field.is_fine and max(field.sides) < 1.6
    # The ball itself takes 0.065 of the cube from -1 to 1.
    assert 0.065 < field.alpha_mask(2 * torch.rand(4000, 3) - 1).float().mean() < 0.25
    outputs = render(run.model)
    assert torch.isfinite(torch.cat([outputs[name] for name in ("rgb", "depth", "accumulation", "normals")], -1)).all()
    density = field.density_at(torch.tensor([[0.0, 0.0, 0.45], [0.95, 0.95, 0.95], [5.0, 0.0, 0.0]]))
    assert density[0] > 1 and not density[1:].any()
    assert scalar_field(run.model).kind == "density"


def test_the_field_answers_as_nerfstudios_do():
    model = build(coarse_steps=2)
    Run(model).steps(0, 4)
    points, directions = torch.rand(2, 5, 3) - 0.5, torch.nn.functional.normalize(torch.randn(2, 5, 3), dim=-1)
    nothing = torch.zeros(2, 5, 1)
    found = model.field(RaySamples(Frustums(points, directions, nothing, nothing, nothing)))
    torch.testing.assert_close(found[FieldHeadNames.DENSITY], model.field.density_at(points))
    one = model.field.colours(points[1, 3:4], directions[1, 3:4], torch.tensor([0]))
    torch.testing.assert_close(found[FieldHeadNames.RGB][1, 3], one[0])


def test_what_is_occupied_only_shrinks():
    """At each scaling, in spite of the neighbours that count as occupied."""
    run = Run(build(coarse_steps=20, coarse_resolution=14, scaling_steps=(2, 4, 6), s3im=WITHOUT))
    run.steps(0, 20)
    points = 2 * torch.rand(4000, 3) - 1
    before = run.model.field.alpha_mask(points)
    assert 0.02 < before.float().mean() < 0.9
    field = run.model.field
    resolution, share = field.resolution, field.occupied_share()
    # Of the tightened box, though the mask still spans the first.
    low, high = field.aabb
    inside = field.alpha_mask(low + torch.rand(20000, 3) * (high - low))
    assert abs(share - inside.float().mean()) < 0.02 and max(field.sides) < 1.9
    run.steps(20, 26)
    assert field.occupied_share() < share
    after = run.model.field.alpha_mask(points)
    assert run.model.field.resolution > resolution
    # A finer cell may stick out of the old mask by less than itself.
    assert after.sum() <= before.sum() and (after & ~before).float().mean() < 0.03


def test_no_rendered_colour_jumps_at_the_switch():
    """Onto nodes that hold all old ones, with a box that stays: only the network is new."""
    model = build(
        coarse_resolution=9,
        resolution=25,
        scaling_steps=(),
        mask_threshold=0.9999,
        coarse_alpha_init=1e-3,
        coarse_step_ratio=1.0,
        step_ratio=3.0,
        floor_alpha=1e-9,
    )
    run = Run(model)
    run.steps(0, 5)
    before = model.field.colours(0.3 * torch.ones(1, 3), torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([0]))
    density = model.field.density_at(0.3 * torch.ones(1, 3))
    nodes = model.field.colour_grid.values.detach().clone()
    model.field.add_network()
    after = model.field.colours(0.3 * torch.ones(1, 3), torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([0]))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-7)
    assert torch.equal(model.field.colour_grid.values[..., :3], nodes)
    assert density > 0


def test_kept_densities_are_the_same_under_the_fine_stages_shift():
    model = build(
        coarse_resolution=9,
        resolution=17,
        scaling_steps=(),
        mask_threshold=1e-3,
        coarse_alpha_init=1e-6,
        alpha_init=1e-2,
        floor_alpha=1e-12,
    )
    run = Run(model)
    # A field that is linear between the coarse nodes, and opaque enough to be kept whole.
    axes = torch.meshgrid(*[torch.linspace(-1, 1, 9)] * 3, indexing="ij")
    model.field.density_grid.values.data = (12 + axes[0] - 2 * axes[2])[..., None]
    points = torch.rand(50, 3) - 0.5
    before = model.field.density_at(points)
    model.after_step(run.optimizers, 5)
    assert model.field.is_fine and model.field.resolution == (17, 17, 17)
    torch.testing.assert_close(model.field.density_at(points), before, rtol=1e-5, atol=0)


def test_a_grid_of_colours_alone_has_a_coarse_stage_too():
    run = Run(build(features=3))
    assert not run.model.field.is_fine
    run.steps(0, 7)
    assert run.model.field.is_fine


def test_a_coarse_stage_that_finds_nothing_keeps_the_box_and_says_so(capsys):
    run = Run(build(mask_threshold=0.999, coarse_alpha_init=1e-6))
    run.steps(0, 7)
    assert run.model.field.is_fine and not run.model.field.alpha_mask.exists
    assert torch.equal(run.model.field.aabb, torch.tensor([[-1.0] * 3, [1.0] * 3]))
    assert "the whole box is kept" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("kind", ["object", "room"])
def test_the_original_learns_colours_from_its_first_step_on_where_images_have_no_alpha(kind):
    settings = {"style": "original", "scene_kind": kind, "s3im": WITHOUT, "color_weight_threshold": None}
    model = build(**settings, coarse_steps=None, coarse_color_weight_threshold=None).train()
    rays, targets = batch(0)
    model.get_loss_dict(model(rays), targets)["rgb_loss"].backward()
    for grid in (model.field.density_grid, model.field.colour_grid):
        assert grid.values.grad.to_dense().any()


def test_thresholds_rise_midway_between_scalings_and_after_a_resume():
    settings = {"color_weight_threshold": 1e-2, "threshold_ramp": (0.1, 0.5, 1.0), "s3im": WITHOUT}
    settings |= {"coarse_steps": 2, "coarse_color_weight_threshold": 1e-3, "scaling_steps": (2, 4, 6)}
    run, found, states = Run(build(**settings)), [], []
    for step in range(9):
        found.append(run.model._color_threshold())
        run.steps(step, step + 1)
        states.append(run.state()["model"])
    assert found == pytest.approx([1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 5e-3, 5e-3, 1e-2, 1e-2])
    resumed = build(**settings)
    resumed.load_state_dict(states[5])
    resumed.update_to_step(5)
    assert resumed._color_threshold() == found[6]


def test_a_mask_is_refreshed_by_a_threshold_that_rises_too():
    # Space of which nothing was learned is 1e-2 opaque in a voxel: between a tenth of the threshold and all of it.
    kept = {}
    for ramp in ((), (0.1, 1.0)):
        settings = {"coarse_steps": 0, "scaling_steps": (2, 3), "alpha_init": 1e-2, "step_ratio": 1.0, "s3im": WITHOUT}
        run = Run(build(**settings, mask_by="alpha", mask_refresh_threshold=5e-2, threshold_ramp=ramp))
        run.model.field.density_grid.values.data[:1] = 8.0
        run.model.after_step(run.optimizers, 1)
        kept[ramp] = run.model.field.alpha_mask(torch.tensor([[0.9, 0.9, 0.9]])).item()
    assert kept == {(): 0, (0.1, 1.0): 1}


def test_resolution_is_a_function_of_the_step():
    run = Run(build())
    for step in range(14):
        expected = voxels_at(run.model.config, step)
        x, y, z = run.model.field.resolution
        assert 0.6 * expected < x * y * z < 1.1 * expected
        run.steps(step, step + 1)


def test_without_weight_it_is_dvgo_to_the_last_bit():
    with_term = build(s3im=WITHOUT)
    torch.manual_seed(0)
    plain = DVGOModel(copy.deepcopy(with_term.config), SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), 3, metadata={})
    plain.load_state_dict(with_term.state_dict())
    for model in (with_term, plain):
        model.train()
    torch.manual_seed(5)
    rays, targets = batch(0)
    ours = with_term.get_loss_dict(with_term(rays), targets)
    torch.manual_seed(5)
    rays, targets = batch(0)
    theirs = plain.get_loss_dict(plain(rays), targets)
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_s3im_begins_with_the_fine_stage():
    history = Run(build(s3im=S3IMConfig(loss_mult=1.0))).steps(0, 8)
    assert ["s3im_loss" in losses for losses in history] == [False] * 6 + [True] * 2


def test_total_variation_pulls_touched_nodes_to_their_neighbours():
    torch.manual_seed(1)
    values = torch.randn(4, 5, 3, 2, dtype=torch.float64, requires_grad=True)
    nodes = touched_nodes(torch.tensor([[-0.9, 0.1, 0.2]]), tuple(values.shape))
    assert nodes.shape == (3, 8)
    voxel_variation(values, nodes).backward()
    gradient = values.grad
    assert gradient is not None
    dense = gradient.to_dense()
    x, y, z = nodes[:, 3].tolist()
    expected = torch.zeros(2, dtype=torch.float64)
    for offset in [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]:
        other = [x + offset[0], y + offset[1], z + offset[2]]
        if all(0 <= at < count for at, count in zip(other, values.shape, strict=False)):
            expected += (values[x, y, z] - values[other[0], other[1], other[2]]).detach().clamp(-1, 1) / 6
    torch.testing.assert_close(dense[x, y, z], expected)
    untouched = torch.ones(4, 5, 3, dtype=torch.bool)
    untouched[tuple(nodes)] = False
    assert not dense[untouched].any()


def test_distortion_of_uniform_weights_is_a_third():
    torch.testing.assert_close(distortion(torch.full((2, 64), 1 / 64)), torch.tensor(1 / 3), rtol=1e-4, atol=0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mask_threshold": 0.02}, "mask-threshold is 0.02"),
        ({"features": 2}, "features is 2"),
        ({"step_ratio": 0.0}, "step-ratio is 0.0"),
        ({"scaling_steps": (5, 3)}, "scaling-steps"),
        ({"scaling_steps": tuple(range(1, 12))}, "fewer than 4 voxels"),
        ({"alpha_init": 1.0}, "alpha-init is 1.0"),
        ({"tv_density": -1.0}, "tv-density is -1.0"),
        ({"coarse_steps": -1}, "coarse-steps is -1"),
        ({"resolution": 2}, "resolution is 2"),
        ({"appearance_embed_dim": -1}, "appearance-embed-dim is -1"),
        ({"step_ratio": 1e-6}, "step-ratio is 1e-06: give 0.01 to 10 voxels"),
        ({"coarse_step_ratio": float("inf")}, "coarse-step-ratio is inf"),
        ({"box_scale": float("inf")}, "box-scale is inf"),
        ({"near_plane": float("nan")}, "near-plane is nan: give a distance of 0 or more"),
        ({"mask_threshold": 2.0}, "mask-threshold is 2.0: give an opacity between 0 and 1"),
        ({"mask_refresh_threshold": float("nan")}, "mask-refresh-threshold is nan"),
        ({"least_transmittance": 2.0}, "least-transmittance is 2.0: give a share of 0 or more, below 1"),
        ({"color_weight_threshold": 1.0}, "color-weight-threshold is 1.0"),
        ({"coarse_color_weight_threshold": -1.0}, "coarse-color-weight-threshold is -1.0"),
        ({"threshold_ramp": (0.1, 2.0)}, r"threshold-ramp is \(0.1, 2.0\): give factors of 0 to 1"),
        ({"network_width": 0}, "network-width is 0: give 1 or more"),
        ({"network_layers": 0}, "network-layers is 0"),
        ({"direction_octaves": -1}, "direction-octaves is -1: give 0 or more"),
    ],
)
def test_bad_settings_get_a_sentence(settings, words):
    with pytest.raises(InputError, match=words):
        build(**settings)


def test_cut_out_objects_get_the_box_that_cameras_look_at_and_others_the_parsers():
    metadata: dict[str, Any] = {}
    sphere = SceneSphere((0.1, -0.2, 0.3), 0.4 * MARGIN, "object")
    add_facts(metadata, has_transparent_background=True, object_sphere=sphere)
    model = build(scene_kind="auto", facts=metadata)
    assert model.config.scene_kind == "object" and model.config.space == "box"
    torch.testing.assert_close(model.field.aabb.data, torch.tensor([[-0.3, -0.6, -0.1], [0.5, 0.2, 0.7]]))
    torch.testing.assert_close(build(box_scale=1.5).field.aabb.data, torch.tensor([[-1.5] * 3, [1.5] * 3]))
    room = build(scene_kind="auto", scaling_steps=(3,))
    assert room.config.scene_kind == "room" and room.field.space.scale == room.config.box_scale


def test_a_room_whose_files_name_a_unit_sphere_is_a_room():
    sphere = SceneSphere((0.0, 0.0, 0.0), 1.0, "object")
    for kind, expected in (("room", "room"), ("object", "object"), (None, "object")):
        facts = SceneFacts(object_sphere=sphere, scene_kind=kind)  # type: ignore[arg-type]
        assert with_preset(S3IMDVGOModelConfig(), facts).scene_kind == expected


def test_a_coarse_stage_that_does_not_fit_is_refused_by_its_own_flag():
    with pytest.raises(
        InputError, match=r"5000\^3 voxels need .* give --pipeline\.model\.coarse-resolution \d+ or less"
    ):
        S3IMDVGOModelConfig(scene_kind="object", coarse_resolution=5000).setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=2
        )


def test_a_room_is_told_that_others_do_better():
    views: Any = SimpleNamespace(
        cameras=Cameras(torch.eye(4)[None, :3] + torch.tensor([0, 0, 0, 9.0]), 1.0, 1.0, 1.0, 1.0)
    )
    assert not build().data_warnings(views)
    (sentence,) = build(scene_kind="room", scaling_steps=(3,)).data_warnings(views)
    assert "s3im-nerfacto" in sentence
    depth = {"scene_facts": SceneFacts(depth_source="sensor")}
    assert not build(facts=depth, scene_kind="room", scaling_steps=(3,)).data_warnings(views)


def test_cameras_in_an_objects_box_are_told():
    views: Any = SimpleNamespace(cameras=Cameras(torch.eye(4)[None, :3], 1.0, 1.0, 1.0, 1.0))
    (sentence,) = build().data_warnings(views)
    assert sentence.startswith("1 of 1 training camera is inside the box in which the object is looked for: lower")


@pytest.mark.parametrize(("style", "fall"), [("original", 1.0), ("ours", 0.0)])
def test_the_originals_shift_falls_at_each_scaling(style, fall):
    run = Run(build(style=style, coarse_steps=3, mask_threshold=0.999, s3im=WITHOUT))
    before = run.model.field.shift
    run.steps(0, 3)
    at_first = run.model.field.shift
    assert at_first != before or style == "ours"
    run.steps(3, 6)
    assert run.model.field.shift == at_first - fall
    run.steps(6, 9)
    assert run.model.field.shift == at_first - 2 * fall


def test_the_first_runs_go_on_as_they_began():
    """Their config.yml has not all settings, and objects from YAML see what the class holds."""
    first: Any = object.__new__(S3IMDVGOModelConfig)
    assert (first.mask_by, first.scaling_shift, first.near_reach, first.depth.kind) == ("alpha", 0.0, 0.0, "none")
    now = S3IMDVGOModelConfig()
    assert (now.mask_by, now.scaling_shift, now.near_reach, now.depth.kind) == (None, None, None, "auto")


def with_depth(step: int) -> tuple[RayBundle, dict]:
    """The batch with the ball's depth, which is not known beside it."""
    bundle, known = batch(step)
    along = -(bundle.origins * bundle.directions).sum(-1, keepdim=True)
    nearest = (bundle.origins + along * bundle.directions).norm(dim=-1, keepdim=True)
    depth = torch.where(nearest < 0.5, along - (0.25 - nearest**2).clamp(min=0).sqrt(), 0)
    bundle.metadata["directions_norm"] = torch.ones_like(depth)
    return bundle, known | {"depth_image": depth}


def test_depth_maps_teach_rooms_and_nothing_else():
    facts = SceneFacts(depth_source="sensor")
    room = with_preset(S3IMDVGOModelConfig(scene_kind="room"), facts)
    assert room.depth.kind == "bounded" and room.near_reach == 0.0
    assert with_preset(S3IMDVGOModelConfig(scene_kind="room"), SceneFacts()).near_reach == 1.0
    # Depth maps that nothing is learned from do not keep a room free of fog.
    for unused in (DepthLossConfig(kind="none"), DepthLossConfig(kind="bounded", loss_mult=0.0)):
        assert with_preset(S3IMDVGOModelConfig(scene_kind="room", depth=unused), facts).near_reach == 1.0
    assert with_preset(S3IMDVGOModelConfig(scene_kind="object"), facts).depth.kind == "none"
    assert with_preset(S3IMDVGOModelConfig(scene_kind="room", style="original"), facts).depth.kind == "none"
    assert with_preset(S3IMDVGOModelConfig(scene_kind="room"), SceneFacts(depth_source="sparse")).depth.kind == "none"


def test_the_depth_loss_moves_the_surface_to_where_it_was_measured():
    """Of two trainings from the same grey fog only the one with depth knows where the ball begins."""
    errors = []
    for kind in ("none", "bounded"):
        model = build(
            facts={"scene_facts": SceneFacts(depth_source="sensor")},
            coarse_steps=0,
            scaling_steps=(),
            depth=DepthLossConfig(kind=kind),
            s3im=WITHOUT,
        )
        run = Run(model)
        for step in range(25):
            rays, known = with_depth(step)
            run.optimizers.zero_grad_all()
            losses = model.get_loss_dict(model(rays), known)
            assert ("depth_loss" in losses) == (kind != "none")
            functools.reduce(torch.add, losses.values()).backward()
            run.optimizers.optimizer_step_all()
        rays, known = with_depth(99)
        model.eval()
        with torch.no_grad():
            outputs = model(rays)
        hit = known["depth_image"] > 0
        errors.append((outputs["depth"] - known["depth_image"])[hit].abs().mean())
    assert errors[1] < 0.5 * errors[0]


def test_depth_behind_the_box_teaches_nothing():
    """No ray is as long in the box as the box's diagonal, up to which all of them are sampled."""
    facts = {"scene_facts": SceneFacts(depth_source="sensor")}
    model = build(facts=facts, coarse_steps=0, depth=DepthLossConfig(kind="bounded"), s3im=WITHOUT).train()
    rays, known = with_depth(0)
    outputs, exits = model(rays), model.collider(rays).fars
    losses = [
        model.get_loss_dict(outputs, known | {"depth_image": depth})["depth_loss"]
        for depth in (exits - 0.1, exits + 0.1)
    ]
    assert losses[0] > 0 and losses[1] == 0


def test_each_training_image_has_a_colour_of_its_own_and_held_out_views_the_mean():
    """Two images of one grey ball, one of them darker."""
    model = build(s3im=WITHOUT, coarse_steps=2, scaling_steps=(), appearance_embed_dim=4)
    run = Run(model)

    def photos(step: int) -> tuple[RayBundle, dict]:
        bundle, known = batch(step)
        bundle.camera_indices = (torch.arange(len(bundle)) % 2)[:, None]
        return bundle, {"image": known["image"] - 0.2 * bundle.camera_indices}

    for step in range(60):
        rays, targets = photos(step)
        run.optimizers.zero_grad_all()
        functools.reduce(torch.add, model.get_loss_dict(model(rays), targets).values()).backward()
        run.optimizers.optimizer_step_all()
        model.after_step(run.optimizers, step)
    place, direction, ray = torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([0])
    of_images = [model.field.colours(place, direction, ray, torch.tensor([image])).mean() for image in (0, 1)]
    assert of_images[0] > of_images[1] + 0.1
    model.eval()
    held_out = model.field.colours(place, direction, ray).mean()
    assert of_images[1] < held_out < of_images[0]
    model.field.use_average_appearance_embedding = False
    assert model.field.colours(place, direction, ray).mean() != held_out


def test_without_appearance_nothing_of_it_is_in_the_checkpoint():
    assert not any("embedding" in name for name in build().state_dict())
    assert any("embedding" in name for name in build(appearance_embed_dim=2).state_dict())


@pytest.mark.parametrize(("kind", "count"), [("object", 5000), ("room", 0)])
def test_style_original_has_the_coarse_stage_of_its_code_and_s3im_behind_it(kind, count):
    config = S3IMDVGOModelConfig(style="original", scene_kind=kind)
    decided = with_preset(config, SceneFacts())
    assert (decided.coarse_steps, decided.s3im.start_step) == (count, count)


@pytest.mark.parametrize(
    ("style", "s3im", "warned"),
    [
        ("original", S3IMConfig(loss_mult=0.03), True),
        ("original", S3IMConfig(loss_mult=1.0), True),
        ("original", S3IMConfig(loss_mult=1.0, balance="add"), False),
        ("original", S3IMConfig(loss_mult=1.0, balance="add", denominators="held"), True),
        ("original", S3IMConfig(loss_mult=0.0), False),
        ("ours", S3IMConfig(loss_mult=0.03), False),
    ],
)
def test_style_original_says_which_weight_of_s3im_its_authors_had(style, s3im, warned):
    model = build(style=style, s3im=s3im, space="box")
    cameras = SimpleNamespace(camera_to_worlds=torch.tensor([[[1.0, 0, 0, 9], [0, 1, 0, 9], [0, 0, 1, 9]]]))
    sentences = model.data_warnings(SimpleNamespace(cameras=cameras))
    assert any("loss-mult 1 --pipeline.model.s3im.balance add" in sentence for sentence in sentences) == warned


@pytest.mark.parametrize(("resolution", "warned"), [(24, True), (320, False)])
def test_style_original_says_how_large_its_authors_rooms_were(resolution, warned):
    model = build(style="original", scene_kind="room", coarse_steps=0, s3im=S3IMConfig(loss_mult=1.0, balance="add"))
    model.config.resolution = resolution
    sizes = "--pipeline.model.resolution 320 --pipeline.datamanager.train-num-rays-per-batch 4096 --max-num-iterations"
    assert any(sizes in sentence for sentence in model.data_warnings(SimpleNamespace())) == warned


def test_nodes_are_seen_by_the_cameras_before_which_they_lie():
    """Two cameras that look at each other from 2 and -2 along z, with a field of view of 90 degrees."""
    poses = torch.eye(4)[None, :3].repeat(2, 1, 1)
    poses[0, 2, 3] = 2.0
    poses[1, :, 3] = torch.tensor([0.0, 0.0, -2.0])
    poses[1, :3, :3] = torch.diag(torch.tensor([-1.0, 1.0, -1.0]))
    cameras = Cameras(poses, fx=50.0, fy=50.0, cx=50.0, cy=50.0, width=100, height=100)
    nodes = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0], [1.9, 0.0, 0.0], [2.5, 0.0, 1.0], [0.0, 0.0, -9.0]])
    assert view_counts(nodes, cameras).tolist() == [2, 1, 2, 1, 1]


def test_nodes_are_seen_as_the_lens_shows_them():
    """What is 80 degrees off the axis is in a fisheye picture, and out of a pinhole's of the same focal length."""
    pose, sine, cosine = torch.eye(4)[None, :3], math.sin(math.radians(80)), math.cos(math.radians(80))
    nodes = torch.tensor([[0.0, 0.0, -1.0], [sine, 0.0, -cosine], [-0.2, 0.1, 1.0]])
    for kind, seen in (("PERSPECTIVE", [1, 0, 0]), ("FISHEYE", [1, 1, 0]), ("EQUIRECTANGULAR", [1, 1, 1])):
        cameras = Cameras(pose, fx=30.0, fy=30.0, cx=50.0, cy=50.0, width=100, height=100, camera_type=CameraType[kind])
        assert view_counts(nodes, cameras).tolist() == seen


def test_grids_that_do_not_fit_are_refused_with_a_resolution_that_does():
    with pytest.raises(InputError, match=r"20000\^3 voxels need .* GB.*--pipeline.model.resolution \d+ or less"):
        check_memory(20000**3, 13, "cpu")
    check_memory(8**3, 13, "cpu")
    # Before the model is built, and before what a resolution means for other settings.
    with pytest.raises(InputError, match=r"20000\^3 voxels need .* GB for their values alone"):
        build(resolution=20000, coarse_steps=0)


def test_a_resumed_run_needs_the_memory_that_its_grids_do_not_take_yet(monkeypatch):
    model = build(coarse_steps=0, scaling_steps=())
    run = Run(model)
    run.steps(0, 1)
    taken = bytes_taken(model.get_param_groups()["grids"], run.optimizers.optimizers["grids"])
    needed = grid_bytes(24**3, 1 + SMALL["features"])
    assert taken > needed / 2
    attributes = TrainingCallbackAttributes(run.optimizers, None, None, None)  # type: ignore[arg-type]
    monkeypatch.setattr(memory, "_free_on_cpu", lambda: needed - taken)
    model.get_training_callbacks(attributes)
    monkeypatch.setattr(memory, "_free_on_cpu", lambda: needed - taken - 1)
    with pytest.raises(InputError, match=r"24\^3 voxels need .* in training"):
        model.get_training_callbacks(attributes)
