"""The kernels of training against nerfstudio's fields in plain torch: values, and gradients in float64."""

import copy
from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.field_components.spatial_distortions import SceneContraction
from nerfstudio.fields.density_fields import HashMLPDensityField
from nerfstudio.fields.nerfacto_field import NerfactoField
from torch import Tensor, nn

from s3im_methods.encodings import fuse_hash_encodings
from s3im_methods.encodings.contraction import speed_up_contractions
from s3im_methods.fields import fused_training
from s3im_methods.fields.fused_training import FusedDensityField, fuse_densities
from s3im_methods.fields.per_ray_nerfacto_field import share_along_rays
from s3im_methods.fields.unit_space import UnitSpace

BOX = torch.tensor([[-1.0] * 3, [1.0] * 3])


class Model:
    def __init__(self, network: HashMLPDensityField) -> None:
        self.proposal_networks = [network]
        self.density_fns = [network.density_fn]


def contraction(contracted: bool) -> SceneContraction | None:
    return SceneContraction(order=float("inf")) if contracted else None


SPHERES = [UnitSpace((0.1, -0.2, 0.3), 1.5, bounded) for bounded in (True, False)]


def steep(field: Any) -> Any:
    """With features that are not almost nothing, as after a training."""
    for name, parameter in field.named_parameters():
        if "hash_table" in name:
            nn.init.uniform_(parameter, -1, 1)
    return field


def radiance_field(contracted: bool = True, **settings: Any) -> Any:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "num_levels": 3,
        "max_res": 32,
        "log2_hashmap_size": 8,
        "hidden_dim": 20,
        "hidden_dim_color": 12,
    }
    field = NerfactoField(BOX, 3, **sizes, geo_feat_dim=7, spatial_distortion=contraction(contracted), **settings)
    return steep(field)


def quick(field: Any) -> Any:
    field = copy.deepcopy(field)
    share_along_rays(field)
    fuse_hash_encodings(field, point_gradients=False)
    speed_up_contractions(field)
    return field


def samples(rays: int = 5, of_ray: int = 24, double: bool = False) -> RaySamples:
    random = torch.Generator().manual_seed(1)
    directions = torch.nn.functional.normalize(torch.randn(rays, 3, generator=random), dim=-1)
    origins = torch.rand(rays, 3, generator=random) - 0.5
    # Some samples lie outside of a box, some in contracted space.
    edges = torch.linspace(0.05, 3.0, of_ray + 1).expand(rays, -1)
    if double:
        origins, directions, edges = origins.double(), directions.double(), edges.double()
    bundle = RayBundle(origins, directions, torch.ones(rays, 1), camera_indices=torch.arange(rays)[:, None] % 3)
    return bundle.get_ray_samples(bin_starts=edges[:, :-1, None], bin_ends=edges[:, 1:, None])


def outputs_and_gradients(field: Any, given: RaySamples) -> tuple[list[Tensor], dict[str, Any]]:
    found = field(given)
    values = [found[FieldHeadNames.DENSITY], found[FieldHeadNames.RGB]]
    weights = [torch.linspace(-1, 1, value.numel(), dtype=value.dtype).sin().view(value.shape) for value in values]
    torch.stack([(value * weight).sum() for value, weight in zip(values, weights, strict=True)]).sum().backward()
    gradients = {name: parameter.grad for name, parameter in field.named_parameters() if parameter.grad is not None}
    return [value.detach() for value in values], gradients


def assert_as_exact(ours: dict[str, Any], plain: dict[str, Any], true: dict[str, Any]) -> None:
    """Gradients in float32 are nearly as close to those in float64 as those of plain torch in float32.

    Nearly, because rounding in the contraction moves points by parts of a cell, and the sums cancel.
    """
    assert ours.keys() == plain.keys() == true.keys()
    for name, gradient in true.items():
        scale = gradient.abs().max()
        error, of_plain = (float((found[name].double() - gradient).abs().max() / scale) for found in (ours, plain))
        assert error < 3e-5 + 2 * of_plain < 1e-3, (name, error, of_plain)


@pytest.mark.parametrize(("rays", "of_ray"), [(5, 24), (20, 24), (3, 200), (1, 1), (40, 7)])
@pytest.mark.parametrize("contracted", [True, False])
def test_densities_colours_and_gradients_are_those_of_float64(rays, of_ray, contracted):
    plain = radiance_field(contracted, implementation="torch")
    values, gradients = outputs_and_gradients(quick(plain), samples(rays, of_ray))
    _, plain_gradients = outputs_and_gradients(copy.deepcopy(plain), samples(rays, of_ray))
    expected, true_gradients = outputs_and_gradients(plain.double(), samples(rays, of_ray, double=True))
    for value, true in zip(values, expected, strict=True):
        torch.testing.assert_close(value.double(), true, rtol=2e-5, atol=1e-6)
    assert values[0].min() == 0 or contracted
    assert_as_exact(gradients, plain_gradients, true_gradients)


@pytest.mark.parametrize("shape", [(3, 64), (191,), (193,), (9,)])
@pytest.mark.parametrize("distortion", [None, contraction(True), *SPHERES], ids=["box", "all", "sphere", "beyond"])
def test_proposals_and_their_gradients_are_those_of_float64(shape, distortion):
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"num_levels": 3, "base_res": 4, "max_res": 32, "log2_hashmap_size": 8, "hidden_dim": 10}
    plain = steep(HashMLPDensityField(BOX, **sizes, spatial_distortion=distortion, implementation="torch"))
    ours = copy.deepcopy(plain)
    fuse_hash_encodings(ours, point_gradients=False)
    model = Model(ours)
    fuse_densities(model)
    points = 2 * torch.randn(*shape, 3)
    single, results = copy.deepcopy(plain), []
    for function in (model.density_fns[0], single.density_fn, plain.double().density_fn):
        given = points.to(plain.aabb.dtype if function.__self__ is plain else torch.float32)
        densities = function(given)
        (densities * torch.linspace(-1, 1, densities.numel()).sin().view(densities.shape)).sum().backward()
        results.append(densities.detach())
    assert results[0].shape == (*shape, 1)
    torch.testing.assert_close(results[0].double(), results[2], rtol=2e-5, atol=1e-6)
    networks = (ours, single, plain)
    assert_as_exact(*({name: p.grad for name, p in network.named_parameters()} for network in networks))


def test_what_the_kernels_do_not_cover_is_left_to_torch(monkeypatch):
    def never(*_):
        raise AssertionError

    field = quick(radiance_field(implementation="torch"))
    expected, _ = outputs_and_gradients(field, samples())
    monkeypatch.setattr(fused_training, "_Radiance", never)
    with pytest.raises(AttributeError):
        field(samples())
    double = copy.deepcopy(field).double()
    torch.testing.assert_close(double(samples(double=True))[FieldHeadNames.DENSITY].float(), expected[0])
    with torch.autocast("cpu"):
        field(samples())
    fuse_hash_encodings(field, point_gradients=False)
    encoding: Any
    for encoding in field.modules():
        if hasattr(encoding, "point_gradients"):
            encoding.point_gradients = True
    given = samples()
    given.frustums.origins.requires_grad_()
    torch.testing.assert_close(field(given)[FieldHeadNames.DENSITY], expected[0])


def test_a_field_that_holds_nan_shows_it():
    field = quick(radiance_field(implementation="torch"))
    for name, _ in field.named_parameters():
        if not name.endswith("weight") or "embedding" in name:
            continue
        broken = copy.deepcopy(field)
        broken.get_parameter(name).data.view(-1)[0] = torch.nan
        found = broken(samples())
        assert found[FieldHeadNames.RGB].isnan().any() or found[FieldHeadNames.DENSITY].isnan().any(), name


def test_a_second_backward_pass_through_the_same_values_gives_the_same():
    field = quick(radiance_field(implementation="torch"))
    found = field(samples())
    total = found[FieldHeadNames.DENSITY].sum() + found[FieldHeadNames.RGB].sum()
    first, second = (torch.autograd.grad(total, list(field.mlp_base.parameters()), retain_graph=True) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


def test_proposal_networks_keep_their_class_where_it_is_not_nerfstudios():
    class Other(HashMLPDensityField):
        pass

    torch.manual_seed(0)
    network = Other(BOX, num_levels=2, log2_hashmap_size=4, implementation="torch")
    model = Model(network)
    fuse_densities(model)
    assert type(network) is Other
    plain = HashMLPDensityField(BOX, num_levels=2, log2_hashmap_size=4, implementation="torch")
    fuse_densities(Model(plain))
    assert type(plain) is FusedDensityField
