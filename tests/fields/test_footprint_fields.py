"""Fields whose samples have a width: by the kernels of training, against plain torch in float64."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.field_components.field_heads import FieldHeadNames
from torch import Tensor

from s3im_methods.encodings.level_weights import level_weights
from s3im_methods.fields import fused_training
from s3im_methods.fields.footprint_fields import FootprintNerfactoField, PerRayFootprintNerfactoField
from s3im_methods.models.s3im_mip_grid import S3IMMipGridModelConfig
from s3im_methods.rendering import tile_kernels


def fields(contracted: bool) -> Any:
    """Those of a small model, with grids that are not almost nothing: of colours, the same without, of a proposal."""
    torch.manual_seed(0)
    config = S3IMMipGridModelConfig(
        num_levels=3,
        max_res=32,
        log2_hashmap_size=8,
        hidden_dim=20,
        hidden_dim_color=12,
        num_proposal_iterations=1,
        num_proposal_samples_per_ray=(16,),
        num_nerf_samples_per_ray=8,
        proposal_net_args_list=[
            {"hidden_dim": 10, "log2_hashmap_size": 8, "num_levels": 2, "max_res": 32, "use_linear": False}
        ],
        appearance_embed_dim=4,
        average_init_density=1.0,
        implementation="fused",
        disable_scene_contraction=not contracted,
        camera_optimizer=CameraOptimizerConfig(mode="off"),
    )
    box = SceneBox(torch.tensor([[-1.0, -1.0, -1.0], [1.0, 2.0, 1.0]]))
    model: Any = config.setup(scene_box=box, num_train_data=3, metadata={})
    found = {"radiance": model.field, "features": copy.deepcopy(model.field), "proposal": model.proposal_networks[0]}
    found["features"].__class__ = FootprintNerfactoField
    for field in found.values():
        for name, parameter in field.named_parameters():
            if "hash_table" in name:
                torch.nn.init.uniform_(parameter, -1, 1)
    return found


def samples(rays: int, of_ray: int, double: bool = False) -> RaySamples:
    random = torch.Generator().manual_seed(1)
    directions = torch.nn.functional.normalize(torch.randn(rays, 3, generator=random), dim=-1)
    origins, areas = torch.rand(rays, 3, generator=random) - 0.5, 0.2 * torch.rand(rays, 1, generator=random) ** 4
    # Some lie outside of a box, some in contracted space, and one ray has no width.
    edges, areas[0] = torch.linspace(0.0, 3.0, of_ray + 1).expand(rays, -1), 0.0
    if double:
        origins, directions, edges, areas = origins.double(), directions.double(), edges.double(), areas.double()
    bundle = RayBundle(origins, directions, areas, camera_indices=torch.arange(rays)[:, None] % 3)
    return bundle.get_ray_samples(bin_starts=edges[:, :-1, None], bin_ends=edges[:, 1:, None])


def values_of(field: Any, given: RaySamples) -> list[Tensor]:
    if isinstance(field, PerRayFootprintNerfactoField):
        found = field(given)
        return [found[FieldHeadNames.DENSITY], found[FieldHeadNames.RGB]]
    return [value for value in field.get_density(given) if value is not None]


def loss_of(values: list[Tensor]) -> Tensor:
    weights = [torch.linspace(0.5, 1.5, value.numel(), dtype=value.dtype).view(value.shape) for value in values]
    return torch.stack([(value * weight).sum() for value, weight in zip(values, weights, strict=True)]).sum()


def gradients_of(field: Any, given: RaySamples) -> tuple[list[Tensor], dict[str, Tensor]]:
    values = values_of(field, given)
    loss_of(values).backward()
    of_parameters = {name: p.grad.double() for name, p in field.named_parameters() if p.grad is not None}
    return [value.detach().double() for value in values], of_parameters


def without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused_training, "kernels_suit", lambda *_: False)


@pytest.mark.parametrize("kind", ["radiance", "features", "proposal"])
@pytest.mark.parametrize(("rays", "of_ray"), [(20, 24), (3, 200), (1, 1), (40, 7)])
@pytest.mark.parametrize("contracted", [True, False])
def test_values_and_gradients_are_those_of_float64(kind, rays, of_ray, contracted, monkeypatch):
    field = fields(contracted)[kind]
    plain, double = copy.deepcopy(field), copy.deepcopy(field).double()
    values, gradients = gradients_of(field, samples(rays, of_ray))
    without_kernels(monkeypatch)
    plain_values, plain_gradients = gradients_of(plain, samples(rays, of_ray))
    expected, true_gradients = gradients_of(double, samples(rays, of_ray, double=True))
    for value, of_plain, true in zip(values, plain_values, expected, strict=True):
        torch.testing.assert_close(value, true, rtol=3e-5, atol=2e-6)
        torch.testing.assert_close(value, of_plain, rtol=3e-5, atol=2e-6)
    assert gradients.keys() == plain_gradients.keys() == true_gradients.keys()
    for name, true in true_gradients.items():
        scale = true.abs().max().clamp(min=1e-30)
        error, of_plain = (float((found[name] - true).abs().max() / scale) for found in (gradients, plain_gradients))
        assert error < 3e-5 + 2 * of_plain < 1e-3, (name, error, of_plain)


@pytest.mark.parametrize("kind", ["radiance", "features", "proposal"])
def test_gradients_are_those_of_finite_differences(kind, monkeypatch):
    field = fields(True)[kind]
    double = copy.deepcopy(field).double()
    _, gradients = gradients_of(field, samples(20, 24))
    without_kernels(monkeypatch)
    for name, parameter in double.named_parameters():
        if name not in gradients:
            continue
        direction = torch.randn_like(parameter)
        losses = []
        for step in (1e-5, -1e-5):
            with torch.no_grad():
                parameter.data.add_(step * direction)
                losses.append(loss_of(values_of(double, samples(20, 24, double=True))))
                parameter.data.sub_(step * direction)
        slope, norm = (losses[0] - losses[1]) / 2e-5, gradients[name].norm()
        assert abs(slope - (gradients[name] * direction).sum()) < 2e-4 * norm, name


@pytest.mark.parametrize("kind", ["radiance", "features", "proposal"])
def test_the_kernels_are_used_where_they_suit(kind, monkeypatch):
    field, given = fields(True)[kind], samples(3, 8)
    double, expected = copy.deepcopy(field).double(), values_of(field, given)

    def never(*_):
        raise AssertionError

    monkeypatch.setattr(fused_training, "_Radiance", never)
    monkeypatch.setattr(fused_training, "_Densities", never)
    with pytest.raises(AttributeError):
        values_of(field, given)
    moved = samples(3, 8)
    moved.frustums.origins.requires_grad_()
    torch.testing.assert_close(values_of(field, moved), expected)
    with torch.autocast("cpu"):
        values_of(field, given)
    torch.testing.assert_close(values_of(double, samples(3, 8, double=True))[0].float(), expected[0])


@tile_kernels.jit
def errors(x):
    found = np.empty_like(x)
    for i in range(len(x)):
        found[i] = tile_kernels.error_function(x[i])
    return found


def test_the_error_function_is_right_to_a_part_in_two_million():
    x = np.concatenate([np.geomspace(1e-20, 1, 5001), np.linspace(1, 6, 20001)]).astype(np.float32)
    np.testing.assert_allclose(errors(x), torch.erf(torch.from_numpy(x).double()).numpy(), rtol=5e-7)
    assert errors(np.array([0.0, np.inf], np.float32)).tolist() == [0.0, 1.0]
    assert np.isnan(errors(np.array([np.nan], np.float32)))
    assert errors(x).max() == 1.0


@pytest.mark.parametrize("sigma_cells", [0.25, 0.5, 1.0, 2.0])
def test_levels_count_by_the_formula(sigma_cells):
    found = np.empty(1, np.float32)
    tile_kernels.weigh(np.array([1 / (8**0.5 * sigma_cells)], np.float32), np.float32(1), found, 1)
    expected = level_weights(torch.tensor([[sigma_cells]]), torch.ones(1))
    torch.testing.assert_close(torch.from_numpy(found) + 1, expected[0])
