"""The signed distance field: its initial sphere, its units, its gradients, and where a surface is rendered."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames

from s3im_methods.encodings import SDFHashEncoding
from s3im_methods.fields.sdf_field import S3IMSDFField, S3IMSDFFieldConfig
from s3im_methods.fields.unit_space import UnitSpace

BOX = torch.tensor([[-1.0] * 3, [1.0] * 3])
SMALL: dict[str, Any] = {
    "num_layers": 1,
    "hidden_dim": 64,
    "geo_feat_dim": 7,
    "num_layers_color": 1,
    "hidden_dim_color": 16,
    "num_levels": 4,
    "base_res": 4,
    "max_res": 32,
    "log2_hashmap_size": 10,
    "position_frequencies": 0,
    "appearance_embedding_dim": 3,
    "inside_outside": False,
    "bias": 0.5,
    "beta_init": 0.3,
    "fit_initial_sphere": True,
    "sdf_at": "midpoint",
}


def build(**settings) -> S3IMSDFField:
    torch.manual_seed(0)
    config = S3IMSDFFieldConfig(**{**SMALL, **settings})
    field: S3IMSDFField = config.setup(aabb=BOX, num_images=2)
    field.start_as_sphere(config.bias)  # type: ignore[arg-type]
    return field


def trained(**settings) -> S3IMSDFField:
    """A field whose grid matters."""
    field = build(**settings)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        table = field.encoding.hash_table
        table.copy_(0.5 * torch.randn(table.shape, generator=random))
        for parameter in layer(field).parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=random))
    return field


def layer(field: S3IMSDFField) -> torch.nn.Linear:
    first = field.glin0
    assert isinstance(first, torch.nn.Linear)
    return first


def ball(count: int, radius: float = 1.0, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    directions = torch.nn.functional.normalize(torch.randn(count, 3, generator=random), dim=-1)
    return radius * directions * torch.rand(count, 1, generator=random) ** (1 / 3)


def along_z(bins: int, rays: int = 1, far: float = 2.0) -> RaySamples:
    """Equal bins from 0 to far along z."""
    edges = torch.linspace(0, far, bins + 1).expand(rays, -1)
    bundle = RayBundle(
        torch.zeros(rays, 3),
        torch.tensor([[0.0, 0.0, 1.0]]).expand(rays, 3),
        torch.ones(rays, 1),
        camera_indices=torch.zeros(rays, 1, dtype=torch.int64),
    )
    return bundle.get_ray_samples(bin_starts=edges[:, :-1, None], bin_ends=edges[:, 1:, None])


@pytest.mark.parametrize("inside_outside", [False, True])
@pytest.mark.parametrize(
    "size",
    [{}, {"num_layers": 2, "hidden_dim": 256, "geo_feat_dim": 256, "position_frequencies": 6}],
    ids=["lite", "full"],
)
def test_the_initial_surface_is_a_sphere(size, inside_outside):
    field = build(**size, inside_outside=inside_outside)
    points = ball(2000)
    expected = points.norm(dim=-1) - 0.5
    if inside_outside:
        expected = -expected
    assert (field.sdf(points) - expected).abs().max() < 0.06


def test_the_initial_sphere_has_the_radius_that_it_is_started_with():
    size: dict[str, Any] = {"num_layers": 2, "hidden_dim": 256}
    points = ball(500)
    fitted = build(**size)
    fitted.start_as_sphere(0.8)
    assert (fitted.sdf(points) - (points.norm(dim=-1) - 0.8)).abs().max() < 0.06
    plain, other = build(**size, fit_initial_sphere=False), build(**size, geometric_init=False)
    before, of_other = plain.sdf(points), other.sdf(points)
    plain.start_as_sphere(0.8)
    other.start_as_sphere(0.8)
    assert torch.allclose(plain.sdf(points), before - 0.3, atol=1e-6)
    assert torch.equal(other.sdf(points), of_other)


def test_the_fit_asks_nothing_of_the_grid_whose_features_have_no_weight_yet(monkeypatch):
    """tinycudann computes on a GPU only, and a field is built on the CPU."""

    def refuse(self, points):
        raise AssertionError("The grid was asked.")

    with monkeypatch.context() as patch:
        patch.setattr(SDFHashEncoding, "forward", refuse)
        field = build()
    points = ball(500)
    assert (field.sdf(points) - (points.norm(dim=-1) - 0.5)).abs().max() < 0.06


def test_without_the_fit_a_narrow_net_begins_far_from_a_sphere():
    points = ball(2000)
    error = (build(fit_initial_sphere=False).sdf(points) - (points.norm(dim=-1) - 0.5)).abs()
    assert error.max() > 0.1


@settings(max_examples=20, deadline=None)
@given(center=st.lists(st.floats(-5, 5), min_size=3, max_size=3), radius=st.floats(0.1, 10), bounded=st.booleans())
def test_everything_scales_with_the_sphere(center, radius, bounded):
    field = trained()
    field.move_to(UnitSpace(bounded=bounded))
    points = ball(50)
    sdf, features, gradients = field.geometry(points)
    sharpness = field.opacity.sharpness()
    field.move_to(UnitSpace(center, radius, bounded))
    moved = radius * points + torch.tensor(center)
    sdf_there, features_there, gradients_there = field.geometry(moved)
    # The coordinates themselves are rounded, and by the grid's slopes that shows.
    close: dict[str, Any] = {"rtol": 1e-3, "atol": 2e-3}
    assert torch.allclose(sdf_there / radius, sdf, **close)
    assert torch.allclose(features_there, features, **close)
    assert torch.allclose(field.opacity.sharpness() * radius, sharpness)
    assert field.sharpness.item() == pytest.approx(math.exp(3.0), rel=1e-5)
    assert (gradients_there - gradients).norm(dim=-1).median() < 1e-2


class Plane(S3IMSDFField):
    """The half space beyond z = 1, seen from the origin."""

    def forward_geonetwork(self, inputs):
        return torch.cat([1 - inputs[:, 2:], torch.zeros(len(inputs), self.config.geo_feat_dim)], dim=-1)


def plane(**settings) -> Plane:
    field = Plane(S3IMSDFFieldConfig(**{**SMALL, **settings}), aabb=BOX, num_images=2)
    field.opacity.get_parameter("variance").data.fill_(math.log(2000) / 10)
    return field


@pytest.mark.parametrize(("sdf_at", "offset"), [("midpoint", 0.0), ("start", 0.5)])
@pytest.mark.parametrize("bins", [20, 40, 41])
def test_a_plane_is_rendered_where_it_is_and_half_a_bin_too_deep_from_the_bins_starts(sdf_at, offset, bins):
    samples = along_z(bins)
    alpha = plane(sdf_at=sdf_at).get_outputs(samples, return_alphas=True)[FieldHeadNames.ALPHA].detach()
    weights, _ = RaySamples.get_weights_and_transmittance_from_alphas(alpha)
    # Where the opacity that lies before a point reaches a half, opacity being spread within a bin by the formula.
    edges = samples.frustums.ends[0, :, 0]
    before = weights[0, :, 0].cumsum(0)
    surface = int(torch.searchsorted(before, torch.tensor(0.5)))
    width = 2.0 / bins
    expected = 1.0 + offset * width
    assert edges[surface] - width - 1e-4 <= expected <= edges[surface] + 1e-4
    assert before[-1] == pytest.approx(1.0, abs=1e-3)


def test_the_opacities_of_a_plane_telescope():
    field = plane()
    field.opacity.get_parameter("variance").data.fill_(0.3)
    samples = along_z(16)
    alpha = field.get_outputs(samples, return_alphas=True)[FieldHeadNames.ALPHA].double()
    transmittance = (1 - alpha)[0, :, 0].prod()
    s = field.opacity.sharpness().double()
    # The formula's 1e-5 keeps it from being exact.
    expected = torch.sigmoid(s * -1.0) / torch.sigmoid(s * 1.0)
    assert transmittance.item() == pytest.approx(expected.item(), abs=2e-4)


class Slope(S3IMSDFField):
    """A surface that falls away from the ray: the signed distance grows by a tenth of the way."""

    def forward_geonetwork(self, inputs):
        return torch.cat([0.05 + 0.1 * inputs[:, 2:], torch.zeros(len(inputs), self.config.geo_feat_dim)], dim=-1)


def test_a_surface_seen_from_behind_is_opaque_only_before_the_annealing_ends():
    field = Slope(S3IMSDFFieldConfig(**SMALL), aabb=BOX, num_images=2)
    alphas = []
    for ratio in (0.0, 1.0):
        field.set_cos_anneal_ratio(ratio)
        outputs = field.get_outputs(along_z(8), return_alphas=True)
        alphas.append(outputs[FieldHeadNames.ALPHA].max().item())
    # By hand, for the first bin, of 0.25 with f = 0.0625 in its middle: slope 0.45 at first, then 0.
    before, after = (torch.tensor(20.0855 * f).sigmoid() for f in (0.0625 + 0.05625, 0.0625 - 0.05625))
    assert alphas[0] == pytest.approx(((before - after) / before).item(), abs=1e-4)
    assert alphas[1] < 1e-4


def eikonal(field: S3IMSDFField, points: torch.Tensor) -> torch.Tensor:
    return ((field.geometry(points)[2].norm(dim=-1) - 1) ** 2).mean()


@pytest.mark.parametrize("implementation", ["fused", "torch"])
@pytest.mark.parametrize("gradients", ["analytic", "numerical"])
def test_losses_on_gradients_reach_table_and_weights(implementation, gradients):
    field = trained(implementation=implementation, gradients=gradients).double().train()
    points = ball(6, 0.7, seed=3).double()
    loss = eikonal(field, points)
    for parameter in (field.encoding.hash_table, layer(field).get_parameter("weight_v")):
        (found,) = torch.autograd.grad(loss, parameter, retain_graph=True)
        place = tuple(int(i) for i in (found.abs() == found.abs().max()).nonzero()[0])
        step = 1e-5
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter[place] += sign * step
            values.append(eikonal(field, points).item())
            with torch.no_grad():
                parameter[place] -= sign * step
        assert found[place].item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4)
        assert found.abs().max() > 0


def test_both_implementations_are_the_same_field():
    fused, torchs = trained(implementation="fused"), trained(implementation="torch")
    torchs.load_state_dict(fused.state_dict())
    points = ball(200)
    for a, b in zip(fused.geometry(points), torchs.geometry(points), strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_differences_over_small_cells_come_near_the_gradient():
    settings: dict[str, Any] = {"max_res": 512, "num_levels": 6, "log2_hashmap_size": 12}
    analytic, numerical = (trained(gradients=kind, **settings) for kind in ("analytic", "numerical"))
    with torch.no_grad():
        for field in (analytic, numerical):
            # Only the two coarsest levels say something, so that a cell of the finest is small.
            field.encoding.hash_table[2 * 4096 :] = 0
    points = ball(500, 0.8)
    exact, found = analytic.geometry(points)[2], numerical.geometry(points)[2]
    # The net's kinks remain.
    assert (exact - found).norm(dim=-1).quantile(0.9) < 0.05 * exact.norm(dim=-1).mean()


def test_levels_are_unlocked_by_the_step_and_the_step_of_differences_shrinks_with_them():
    field = trained(first_levels=2, unlock_every=10)
    steps, values = [], []
    for step, levels in [(0, 2), (9, 2), (10, 3), (20, 4), (500, 4)]:
        field.unlock(step)
        assert field.encoding.active_levels == levels
        steps.append(float(field.numerical_step()))
        values.append(field.sdf(ball(20)))
    assert steps[0] == steps[1] > steps[2] > steps[3] == steps[4]
    assert torch.equal(values[0], values[1])
    assert not torch.equal(values[1], values[2])


def test_a_checkpoint_says_which_levels_are_unlocked_and_how_far_the_annealing_got():
    field = trained(first_levels=1, unlock_every=10)
    field.unlock(15)
    field.set_cos_anneal_ratio(0.25)
    other = trained(first_levels=1, unlock_every=10)
    other.load_state_dict(field.state_dict())
    assert other.encoding.active_levels == 2
    points = ball(20)
    assert torch.equal(other.sdf(points), field.sdf(points))
    alphas = [f.get_outputs(along_z(8), return_alphas=True)[FieldHeadNames.ALPHA] for f in (field, other)]
    assert torch.equal(*alphas)


class Sphere(S3IMSDFField):
    """A sphere of radius 1/2, in scene units."""

    def forward_geonetwork(self, inputs):
        distance = inputs.norm(dim=-1, keepdim=True) - 0.5
        return torch.cat([distance, torch.zeros(len(inputs), self.config.geo_feat_dim).to(inputs)], dim=-1)


def test_the_laplacian_of_a_sphere_is_two_over_the_radius():
    field = Sphere(S3IMSDFFieldConfig(**{**SMALL, "max_res": 256}), aabb=BOX, num_images=2).double()
    samples = along_z(20)
    laplacian = field.laplacian(samples)
    middle = (samples.frustums.starts + samples.frustums.ends)[..., 0] / 2
    assert torch.allclose(laplacian[:, 2:], (2 / middle)[:, 2:].to(laplacian), rtol=1e-2)


def test_gradients_of_a_sphere_are_unit_vectors_by_both_ways():
    for kind in ("analytic", "numerical"):
        field = Sphere(S3IMSDFFieldConfig(**{**SMALL, "gradients": kind}), aabb=BOX, num_images=2)
        points = ball(100) + torch.tensor([0.0, 0.0, 2.0])
        gradients = field.geometry(points)[2]
        expected = points / points.norm(dim=-1, keepdim=True)
        assert torch.allclose(gradients, expected, atol=2e-3)


def test_nothing_is_kept_for_a_backward_pass_outside_training():
    field = trained().eval()
    with torch.no_grad():
        outputs = field.get_outputs(along_z(4), return_alphas=True)
    assert not any(value.requires_grad for value in outputs.values())
    assert outputs[FieldHeadNames.NORMALS].norm(dim=-1).mean().item() == pytest.approx(1.0, abs=1e-5)
