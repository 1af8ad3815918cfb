"""mip-NeRF 360 by networks and on grids: what is its own, depth losses, and settings by the data."""

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.model_components.losses import interlevel_loss
from nerfstudio.model_components.ray_samplers import LinearDisparitySampler
from short_training import losses_of_training
from torch.nn import MSELoss

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError
from s3im_methods.losses.charbonnier import CharbonnierLoss
from s3im_methods.losses.depth import DepthLossConfig
from s3im_methods.losses.depth.depth_config import DepthLossKind
from s3im_methods.methods.mipnerf360 import s3im_mipnerf360
from s3im_methods.models.s3im_mipnerf360 import (
    S3IMMipNeRF360Model,
    S3IMMipNeRF360ModelConfig,
    bytes_kept,
    too_many_rays,
)

SMALL = {
    "num_levels": 4,
    "log2_hashmap_size": 10,
    "max_res": 64,
    "hidden_dim": 16,
    "hidden_dim_color": 16,
    "num_layers": 3,
    "num_proposal_layers": 2,
    "proposal_dim": 16,
    "num_octaves": 4,
    "num_proposal_iterations": 2,
    "num_proposal_samples_per_ray": (12, 10),
    "num_nerf_samples_per_ray": 8,
    "use_same_proposal_network": True,
    "proposal_net_args_list": [{"hidden_dim": 16, "log2_hashmap_size": 8, "num_levels": 2, "max_res": 32}],
    "camera_optimizer": CameraOptimizerConfig(mode="off"),
}
SENSOR = SceneFacts(depth_source="sensor")
RAYS = 64


def build(facts: SceneFacts | None = None, **settings):
    torch.manual_seed(0)
    return S3IMMipNeRF360ModelConfig(**{**SMALL, **settings}).setup(
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={"scene_facts": facts}
    )


def rays(area: float = 1e-4, step: int = 0) -> RayBundle:
    random = torch.Generator().manual_seed(step)
    directions = torch.nn.functional.normalize(torch.randn(RAYS, 3, generator=random), dim=-1)
    return RayBundle(
        origins=-0.8 * directions,
        directions=directions,
        pixel_area=torch.full((RAYS, 1), area),
        camera_indices=torch.randint(0, 3, (RAYS, 1), generator=random),
        metadata={"directions_norm": torch.ones(RAYS, 1)},
    )


def batch(step: int) -> tuple[RayBundle, dict]:
    bundle = rays(step=step)
    assert bundle.camera_indices is not None
    indices = torch.cat([bundle.camera_indices, torch.zeros(RAYS, 2, dtype=torch.int64)], dim=-1)
    return bundle, {"image": torch.full((RAYS, 3), 0.8), "depth_image": torch.full((RAYS, 1), 0.6), "indices": indices}


@pytest.mark.parametrize("encoding", ["mlp", "grid"])
@pytest.mark.parametrize("appearance", ["glo", "embedding"])
def test_it_trains_and_a_pixels_width_counts(encoding, appearance):
    model = build(SENSOR, encoding=encoding, appearance=appearance).train()

    def error() -> float:
        # The loss itself is scaled in balance.
        with torch.no_grad():
            return (model(batch(0)[0])["rgb"] - 0.8).square().mean().item()

    before = error()
    history = losses_of_training(model, batch, 40, learning_rate=5e-3)
    assert {"rgb_loss", "s3im_loss", "interlevel_loss", "distortion_loss", "depth_loss"} <= history[0].keys()
    assert error() < 0.6 * before
    if encoding == "grid":
        # Of networks nothing is dense at first, and so nothing is at the wrong depth.
        assert history[-1]["depth_loss"] < history[0]["depth_loss"]
    model.eval()
    outputs = model(rays())
    assert outputs["normals"].isfinite().all() and outputs["accumulation"].min() > 1 - 1e-5
    starts = torch.full((RAYS, 1, 1), 0.5)
    with torch.no_grad():
        samples = [rays(area).get_ray_samples(starts, starts + 0.1) for area in (1e-8, 1e-1)]
        thin, thick = (model.field.get_density(each)[0] for each in samples)
    assert ((thin - thick).abs() > 1e-4 * thin).float().mean() > 0.9


def test_vectors_of_images_begin_at_zero_and_are_zero_for_other_views():
    model = build()
    table = model.field.embedding_appearance.embedding.weight
    assert table.shape == (3, 4) and not table.any()
    assert build(use_appearance_embedding=False).field.embedding_appearance is None
    training = model.train().field.embedding_appearance
    table.data.fill_(0.5)
    views = [rays(), rays()]
    with torch.no_grad():
        before = model.eval()(views[0])["rgb"]
        table.data.fill_(-2.0)
        assert torch.equal(model(views[1])["rgb"], before)
    assert training is model.field.embedding_appearance
    average = build(appearance="embedding", use_average_appearance_embedding=True).eval()
    with torch.no_grad():
        before = average(rays())["rgb"]
        average.field.embedding_appearance.embedding.weight.data += 1.0
        assert not torch.equal(average(rays())["rgb"], before)


@pytest.mark.parametrize("kind", [k for k in DepthLossKind.__args__ if k not in ("none", "auto")])
def test_every_depth_loss_has_finite_gradients(kind):
    model = build(SENSOR, depth=DepthLossConfig(kind=kind, loss_mult=1.0, levels="all")).train()
    bundle, targets = batch(0)
    outputs = model(bundle)
    losses = model.get_loss_dict(outputs, targets, model.get_metrics_dict(outputs, targets))
    losses["depth_loss"].backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients and all(gradient.isfinite().all() for gradient in gradients)


def test_depth_background_and_rays_follow_the_data():
    assert build().config.depth.kind == "none" and build(SENSOR).config.depth.kind == "bounded"
    assert build(SceneFacts(depth_source="sparse")).config.depth.kind == "none"
    assert build(SENSOR).config.depth.weight() == 1.0
    with pytest.raises(InputError, match="no depth to train on"):
        build(SceneFacts(depth_source="none"), depth=DepthLossConfig(kind="l2")).get_training_callbacks(None)
    assert build().config.opaque_background is True
    cut_out = build(SceneFacts(has_transparent_background=True))
    assert cut_out.config.opaque_background is False and cut_out.config.background_color == "random-white"
    # The absolute difference made objects with depth maps as white as their background.
    assert isinstance(cut_out.rgb_loss, MSELoss) and isinstance(build().rgb_loss, CharbonnierLoss)
    with torch.no_grad():
        assert cut_out.eval()(rays())["accumulation"].max() < 1 - 1e-3


@pytest.mark.parametrize("opaque", [True, False])
def test_views_are_rendered_where_training_has_samples(opaque):
    near, far = 0.05, 50.0
    model = build(near_plane=near, far_plane=far, opaque_background=opaque).eval()
    with torch.no_grad():
        found = model.proposal_sampler(model.collider(rays()), density_fns=model.density_fns)
        depth = model(rays())["depth"]
    for samples in (*found[2], found[0]):
        starts, ends = samples.frustums.starts[..., 0], samples.frustums.ends[..., 0]
        assert (ends > starts).all() and torch.equal(starts[:, 1:], ends[:, :-1])
        assert starts.min() >= near * (1 - 1e-5) and ends.max() <= far * (1 + 1e-5)
    first = found[2][0].frustums
    torch.testing.assert_close(first.starts[:, 0], torch.full((RAYS, 1), near))
    torch.testing.assert_close(first.ends[:, -1], torch.full((RAYS, 1), far))
    assert near < depth.min() and depth.max() <= far


def test_samples_are_drawn_where_the_weight_is():
    """All weight of a dilated proposal is in a 33rd of the ray; nerfacto's padding would draw half elsewhere."""
    model = build(num_proposal_samples_per_ray=(64, 64), num_nerf_samples_per_ray=32, opaque_background=False).eval()

    def wall(samples: RaySamples) -> torch.Tensor:
        assert samples.spacing_starts is not None
        return 1e6 * ((samples.spacing_starts > 0.5) & (samples.spacing_starts < 0.53))

    with torch.no_grad():
        samples, _, _ = model.proposal_sampler(model.collider(rays()), density_fns=[wall, wall])
    near = (samples.spacing_starts > 0.48) & (samples.spacing_ends < 0.57)
    assert near.float().mean() > 0.9


def test_a_proposals_padding_follows_the_encoding_and_old_runs_keep_theirs():
    def padding(config: S3IMMipNeRF360ModelConfig) -> float | None:
        return S3IMMipNeRF360Model.decided(config, SceneFacts()).histogram_padding

    assert padding(S3IMMipNeRF360ModelConfig(encoding="mlp")) == 0
    assert padding(S3IMMipNeRF360ModelConfig(encoding="grid")) == 0.01
    given = build(histogram_padding=0.002, encoding="grid")
    assert given.proposal_sampler.pdf_sampler.histogram_padding == 0.002
    # A config.yml from before the setting lacks its line, and YAML calls no constructor.
    old = copy.copy(S3IMMipNeRF360ModelConfig())
    del old.histogram_padding
    assert padding(old) == 0.01


def test_networks_have_the_papers_shape():
    model = build(num_layers=8, hidden_dim=24)
    assert isinstance(model.proposal_sampler.initial_sampler, LinearDisparitySampler)
    assert isinstance(model.rgb_loss, CharbonnierLoss)
    assert len(model.proposal_networks) == 1 and len(model.density_fns) == 2
    # 21 directions, sine and cosine of 4 octaves each.
    assert model.field.encoding.out_dim == 21 * 2 * 4 and len(model.field.trunk.layers) == 8
    flat = build(disable_scene_contraction=True)
    assert flat.field.encoding.out_dim == 3 * 2 * 4


def test_an_envelope_of_the_weights_has_no_interlevel_loss():
    """The proposal that bounds the field's weights from above is right, however wide it is (eq. 13)."""
    model = build().train()
    outputs = model(rays())
    weights, samples = outputs["weights_list"], outputs["ray_samples_list"]
    wide = [torch.ones_like(weights[0]), torch.ones_like(weights[1]), weights[2]]
    assert interlevel_loss(wide, samples) == 0
    narrow = [torch.zeros_like(weights[0]), torch.ones_like(weights[1]), weights[2]]
    assert interlevel_loss(narrow, samples) > 0


@pytest.mark.parametrize("same", [True, False])
def test_proposals_share_a_network_only_if_told_to(same):
    model = build(use_same_proposal_network=same)
    assert len(model.proposal_networks) == (1 if same else 2)
    starts = torch.full((RAYS, 1, 1), 0.5)
    first, second = (density(rays().get_ray_samples(starts, starts + 0.1)) for density in model.density_fns)
    assert torch.equal(first, second) == same


def test_the_least_envelope_has_no_interlevel_loss_and_a_lesser_one_has():
    """Of each proposed interval the mass of all intervals of the field that reach into it."""
    random = torch.Generator().manual_seed(0)

    def intervals(count: int) -> SimpleNamespace:
        inner = torch.rand(RAYS, count - 1, 1, generator=random, dtype=torch.float64).sort(dim=1).values
        edges = torch.cat([torch.zeros(RAYS, 1, 1), inner, torch.ones(RAYS, 1, 1)], dim=1)
        return SimpleNamespace(spacing_starts=edges[:, :-1], spacing_ends=edges[:, 1:])

    coarse, fine = intervals(6), intervals(15)
    weights = torch.rand(RAYS, 15, 1, generator=random, dtype=torch.float64).requires_grad_()
    reaches = (fine.spacing_starts[:, None] < coarse.spacing_ends[:, :, None]) & (
        fine.spacing_ends[:, None] > coarse.spacing_starts[:, :, None]
    )
    least = (reaches * weights[:, None]).sum(dim=2).detach().requires_grad_()
    assert interlevel_loss([least, weights], [coarse, fine]).item() == pytest.approx(0, abs=1e-12)
    lesser = interlevel_loss([0.3 * least, weights], [coarse, fine])
    lesser.backward()
    # More of the proposal is asked for, and of the field nothing.
    assert lesser > 1e-4 and weights.grad is None
    assert least.grad is not None and least.grad.max() < 1e-12 and least.grad.min() < -1e-6


WRONG = {
    "footprint": (-1.0, "give a number of 0 or above"),
    "dilation": (float("nan"), "give a number of 0 or above"),
    "histogram_padding": (-0.01, "give a number of 0 or above"),
    "charbonnier_padding": (-0.1, "give a number of 0 or above"),
    "orientation_loss_mult": (-1.0, "give a weight of 0 or above"),
    "pred_normal_loss_mult": (float("nan"), "give a weight of 0 or above"),
    "num_layers": (0, "give 1 or more"),
    "num_octaves": (0, "give 1 or more"),
    "reflection_layers": (0, "give 1 or more"),
    "reflection_degrees": (6, "give 1 to 5"),
    "predict_normals": (True, "it needs --pipeline.model.encoding grid"),
    "near_plane": (0.0, "with --pipeline.model.encoding mlp give a distance above 0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_one_sentence(name):
    value, what = WRONG[name]
    with pytest.raises(InputError) as error:
        build(None, **{name: value})
    assert str(error.value) == f"--pipeline.model.{name.replace('_', '-')} is {value}: {what}."


def test_the_users_settings_stay_as_they_are():
    config = S3IMMipNeRF360ModelConfig(**SMALL)
    S3IMMipNeRF360Model.decided(config, SENSOR)
    assert config.depth.kind == "auto" and config.opaque_background is None


@pytest.mark.parametrize("encoding", ["mlp", "grid"])
@pytest.mark.parametrize("appearance", ["glo", "embedding"])
def test_reflections_train_and_are_shown(encoding, appearance):
    settings = {"reflection_degrees": 3, "reflection_layers": 2, "reflection_bottleneck": 4}
    model = build(None, encoding=encoding, reflection="ref-nerf", appearance=appearance, **settings)
    history = losses_of_training(model, batch, 25, learning_rate=5e-3)
    assert {"orientation_loss", "pred_normal_loss"} <= history[0].keys()
    assert all(value.isfinite() for losses in history for value in losses.values())
    assert history[-1]["rgb_loss"] < 0.7 * history[0]["rgb_loss"]
    outputs = model.eval()(rays())
    for name, channels in {"roughness": 1, "diffuse": 3, "specular": 3, "normals": 3, "pred_normals": 3}.items():
        assert outputs[name].shape == (RAYS, channels) and outputs[name].isfinite().all()
        assert outputs[name].min() >= 0 and outputs[name].max() <= 1
    assert model.field.seen is None


@pytest.mark.parametrize("encoding", ["mlp", "grid"])
def test_what_is_reflected_comes_from_where_the_camera_looks(encoding):
    model = build(encoding=encoding, reflection="ref-nerf", reflection_layers=1, reflection_bottleneck=1).eval()
    seen = []
    model.field.reflection.register_forward_hook(lambda module, inputs, output: seen.append(inputs[1]))
    model(rays())
    assert torch.equal(seen[0], rays().directions[:, None].expand_as(seen[0]))


def test_weights_of_ref_nerfs_losses_are_the_settings():
    given: dict[str, Any] = {"orientation_loss_mult": 0.25, "pred_normal_loss_mult": 0.5}
    model = build(reflection="ref-nerf", reflection_layers=1, reflection_bottleneck=1, **given).train()
    bundle, targets = batch(0)
    outputs = model(bundle)
    losses = model.get_loss_dict(outputs, targets, model.get_metrics_dict(outputs, targets))
    torch.testing.assert_close(losses["orientation_loss"], 0.25 * outputs["orientation"])
    torch.testing.assert_close(losses["pred_normal_loss"], 0.5 * outputs["normal_difference"])


def test_a_networks_normals_move_its_density():
    """In the authors' way; a hash grid's have no second derivative, so that there only the predicted ones move."""
    for encoding, moves in (("mlp", True), ("grid", False)):
        model = build(encoding=encoding, reflection="ref-nerf", reflection_layers=1, reflection_bottleneck=1).train()
        outputs = model(rays())
        losses = torch.autograd.grad(
            outputs["normal_difference"], list(model.field.parameters()), allow_unused=True, retain_graph=True
        )
        assert any(gradient is not None and gradient.any() for gradient in losses)
        with_graph = model.field.get_normals.__qualname__.startswith("MipDensityField")
        assert with_graph == moves


def test_a_run_says_which_depth_loss_it_has():
    assert build(SENSOR).hardware_line() == "networks by torch; depth loss: bounded"
    assert build(encoding="grid").hardware_line().endswith("; depth loss: none")


def test_few_views_of_something_cut_out_get_a_far_plane_to_set():
    poses = torch.eye(4)[:3].repeat(3, 1, 1)
    for pose, angle in zip(poses, torch.tensor([0.0, 2.1, 4.2]), strict=True):
        pose[0, 0], pose[0, 2] = angle.cos(), angle.sin()
        pose[2, 0], pose[2, 2] = -angle.sin(), angle.cos()
        pose[:, 3] = pose[:, 2]
    cut_out, opaque = SceneFacts(has_transparent_background=True), SceneFacts()

    def lines(facts: SceneFacts, views: int = 3, **settings) -> list[str]:
        dataset = SimpleNamespace(cameras=Cameras(poses.repeat(views // 3, 1, 1), 20.0, 20.0, 8.0, 8.0, 16, 16))
        given = {"far_plane": 1000.0, "average_init_density": 0.01, **settings}
        return build(facts, encoding="grid", **given).data_warnings(dataset)

    (line,) = lines(cut_out)
    # Cameras stand at 1 from what they look at, and see about half a unit of it to each side.
    assert line.startswith("Without depth, 3 views")
    assert line.endswith("add --pipeline.model.far-plane 1.5.")
    assert lines(opaque) == lines(cut_out, views=15) == lines(cut_out, depth=DepthLossConfig(kind="bounded")) == []
    bounded = DepthLossConfig(kind="bounded")
    (line,) = lines(cut_out, far_plane=2.0, depth=bounded)
    assert line.endswith("may learn to be black: add --pipeline.model.average-init-density 0.31.")
    assert lines(cut_out, far_plane=2.0, depth=bounded, average_init_density=0.3) == []
    assert lines(cut_out, far_plane=2.0) == lines(opaque, far_plane=2.0, depth=bounded) == []


def test_memory_of_a_step_is_what_the_networks_keep():
    model = build(hidden_dim=256, proposal_dim=256, num_layers=8, num_octaves=12, hidden_dim_color=128).train()
    own = {parameter.data_ptr() for parameter in model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def pack(value: torch.Tensor) -> torch.Tensor:
        if value.data_ptr() not in own:
            # Held, so that no other takes its address.
            kept[value.untyped_storage().data_ptr()] = value
        return value

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
        model(rays())
    found = sum(value.untyped_storage().nbytes() for value in kept.values())
    assert bytes_kept(model.config, RAYS) == pytest.approx(found, rel=0.1)


def test_a_step_that_needs_more_than_the_gpu_has_gets_a_line():
    config = s3im_mipnerf360.config.pipeline.model
    assert too_many_rays(config, 16384, 41e9) == [] == too_many_rays(config, 4096, 12e9)
    (line,) = too_many_rays(config, 16384, 24e9)
    assert line == (
        "A step of 16,384 rays needs about 40 GB of GPU memory in float32, but 24 GB are free: if memory runs out, "
        "give --pipeline.datamanager.train-num-rays-per-batch 8192."
    )
