"""mip-NeRF on hash grids: a sample's width counts, and without any it is nerfacto with one more input."""

import pytest
import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from short_training import losses_of_training

from s3im_methods.errors import InputError
from s3im_methods.fields.footprint_fields import FootprintDensityField, unit_samples
from s3im_methods.losses import S3IMConfig
from s3im_methods.models.s3im_mip_grid import S3IMMipGridModelConfig

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
}


def build(**settings):
    torch.manual_seed(0)
    return S3IMMipGridModelConfig(**{**SMALL, **settings}).setup(
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={}
    )


def rays(area: float, count: int = 64, step: int = 0) -> RayBundle:
    random = torch.Generator().manual_seed(step)
    directions = torch.nn.functional.normalize(torch.randn(count, 3, generator=random), dim=-1)
    return RayBundle(
        origins=-0.8 * directions,
        directions=directions,
        pixel_area=torch.full((count, 1), area),
        camera_indices=torch.zeros(count, 1, dtype=torch.int64),
    )


def batch(step: int) -> tuple[RayBundle, dict]:
    return rays(1e-4, step=step), {"image": torch.full((64, 3), 0.8)}


@pytest.mark.parametrize("implementation", ["torch", "fused"])
@pytest.mark.parametrize("contraction", [True, False])
def test_it_trains_and_a_pixels_width_counts(implementation, contraction):
    model = build(implementation=implementation, disable_scene_contraction=not contraction)
    history = losses_of_training(model, batch, 30)
    assert history[-1]["rgb_loss"] < 0.3 * history[0]["rgb_loss"]
    model.eval()
    with torch.no_grad():
        thin, thick, point = (model(rays(area))["rgb"] for area in (1e-8, 1e-2, 0.0))
    assert not torch.allclose(thin, thick, atol=1e-4)
    torch.testing.assert_close(thin, point, rtol=0, atol=1e-4)


def test_both_implementations_are_the_same():
    fused, torchs = (build(implementation=name).eval() for name in ("fused", "torch"))
    torchs.load_state_dict(fused.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(fused(rays(1e-3))["rgb"], torchs(rays(1e-3))["rgb"], rtol=0, atol=1e-5)


def test_without_a_footprint_all_samples_are_points():
    model = build(footprint=0.0).eval()
    with torch.no_grad():
        assert torch.equal(model(rays(1e-2))["rgb"], model(rays(1e-6))["rgb"])


def test_proposals_see_the_width_too_and_are_trained_on_schedule():
    model = build()
    (network,) = model.proposal_networks
    assert type(network) is FootprintDensityField and not hasattr(network, "encoding")
    sampler = model.proposal_sampler
    for parameter in network.parameters():
        parameter.data.normal_(0, 0.5)
    samples = sampler.initial_sampler(model.collider(rays(1e-8)), num_samples=16)
    wide = sampler.initial_sampler(model.collider(rays(1e-2)), num_samples=16)
    samples.frustums.starts, samples.frustums.ends = wide.frustums.starts, wide.frustums.ends
    assert not torch.allclose(model.density_fns[0](samples), model.density_fns[0](wide))
    model.train()
    sampler._step, sampler._steps_since_update = 1000, 0
    weights = model(rays(1e-4))["weights_list"]
    assert not weights[0].requires_grad and weights[1].requires_grad
    sampler._steps_since_update = 10
    assert model(rays(1e-4))["weights_list"][0].requires_grad and sampler._steps_since_update == 0


def test_samples_in_the_unit_cube():
    model = build()
    samples = model.proposal_sampler.initial_sampler(model.collider(rays(0.12)), num_samples=64)
    found = unit_samples(samples.frustums, model.field)
    assert found.inside.all() and found.points.min() > 0 and found.points.max() < 1
    positions = samples.frustums.get_positions()
    near = positions.abs().amax(dim=-1) < 1
    middle = (samples.frustums.starts + samples.frustums.ends)[..., 0] / 2
    # Twice the pixel's standard deviation, in a cube that holds 4 units.
    torch.testing.assert_close(found.deviations[..., 0][near], 2 * 0.1 * middle[near] / 4)
    assert found.deviations.max() < 0.5


def test_normals_can_be_predicted_and_rendered():
    model = build(predict_normals=True, implementation="fused", s3im=S3IMConfig(loss_mult=0.0))
    history = losses_of_training(model, batch, 2)
    assert {"orientation_loss", "pred_normal_loss"} <= history[0].keys()
    normals = model.eval()(rays(1e-4))["normals"]
    assert normals.isfinite().all()


def test_the_outputs_have_normals_for_exports():
    outputs = build().eval()(rays(1e-4))
    assert outputs["normals"].shape == (64, 3) and outputs["normals"].isfinite().all()


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_wrong_footprint_is_one_sentence(value):
    with pytest.raises(InputError) as error:
        build(footprint=value)
    assert str(error.value) == f"--pipeline.model.footprint is {value}: give a number of 0 or above."
