"""A field evaluated near its surface only: what is rendered stays, what is learned stays, most samples cost nothing."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames

from s3im_methods.fields.laplace_opacity import LaplaceOpacity
from s3im_methods.fields.occupancy_opacity import OccupancyOpacity
from s3im_methods.fields.sdf_field import S3IMSDFField, S3IMSDFFieldConfig
from s3im_methods.fields.surface_band import _behind_solid, bins_near_surface

BOX = torch.tensor([[-1.0] * 3, [1.0] * 3])
RAYS, BINS = 64, 48
GRADIENT, RGB, ALPHA = FieldHeadNames.GRADIENT, FieldHeadNames.RGB, FieldHeadNames.ALPHA


def build(**settings: Any) -> S3IMSDFField:
    """A sphere of radius 1/2 with some relief, whose s is 403."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"num_levels": 4, "base_res": 4, "max_res": 32, "log2_hashmap_size": 10}
    config = S3IMSDFFieldConfig(
        **sizes,
        num_layers=1,
        hidden_dim=64,
        geo_feat_dim=7,
        num_layers_color=1,
        hidden_dim_color=16,
        position_frequencies=0,
        inside_outside=False,
        bias=0.5,
        beta_init=0.6,
        fit_initial_sphere=True,
        sdf_at="midpoint",
        **settings,
    )
    field: S3IMSDFField = config.setup(aabb=BOX, num_images=2)
    field.start_as_sphere(0.5)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        table = field.encoding.hash_table
        table.copy_(0.05 * torch.randn(table.shape, generator=random))
        field.glin0.weight[:, 3:] = 0.02 * torch.randn(64, 8, generator=random)  # type: ignore[union-attr,index]
    return field


def samples(dtype: torch.dtype = torch.float32) -> RaySamples:
    """Rays from z = -1, parallel, that hit the sphere, graze it and miss it."""
    random = torch.Generator().manual_seed(2)
    offsets = 1.4 * torch.rand(RAYS, 2, generator=random) - 0.7
    bundle = RayBundle(
        torch.cat([offsets, torch.full((RAYS, 1), -1.0)], dim=1).to(dtype),
        torch.tensor([[0.0, 0.0, 1.0]], dtype=dtype).expand(RAYS, 3),
        torch.ones(RAYS, 1, dtype=dtype),
        camera_indices=torch.zeros(RAYS, 1, dtype=torch.int64),
    )
    edges = torch.linspace(0, 2, BINS + 1).to(dtype).expand(RAYS, -1)
    return bundle.get_ray_samples(bin_starts=edges[:, :-1, None], bin_ends=edges[:, 1:, None])


def rendered(field: S3IMSDFField) -> tuple[torch.Tensor, dict]:
    rays = samples(field.encoding.hash_table.dtype)
    found = field.get_outputs(rays, return_alphas=True)
    weights, _ = rays.get_weights_and_transmittance_from_alphas(found[ALPHA])
    return (weights * found[RGB]).sum(dim=1), found


def counted(field: S3IMSDFField) -> list[int]:
    """How many points each full evaluation, and each evaluation of colours, was given."""
    counts: list[int] = []
    for name in ("geometry", "colors"):
        inner = getattr(field, name)

        def count(*arguments, inner=inner, place=1 if name == "colors" else 0):
            counts.append(len(arguments[place]))
            return inner(*arguments)

        setattr(field, name, count)
    field.get_outputs(samples(), return_alphas=True)
    return counts


def test_what_is_rendered_stays():
    colours, found = rendered(build().eval())
    near, found_near = rendered(build(band=8.0, color_weight_threshold=1e-4).eval())
    assert colours.std() > 0.1
    torch.testing.assert_close(near, colours, atol=2e-3, rtol=0)
    normals = [
        (samples().get_weights_and_transmittance_from_alphas(f[ALPHA])[0] * f[FieldHeadNames.NORMALS]).sum(1)
        for f in (found, found_near)
    ]
    torch.testing.assert_close(normals[1], normals[0], atol=2e-3, rtol=0)


def test_without_a_threshold_a_wide_band_gives_every_sample_all_it_has():
    expected, actual = rendered(build().eval())[1], rendered(build(band=1e6).eval())[1]
    assert torch.equal(actual[ALPHA], expected[ALPHA])
    assert torch.equal(actual[GRADIENT].view(RAYS, BINS, 3), expected[GRADIENT])
    seen = actual[RGB].any(dim=-1)
    torch.testing.assert_close(actual[RGB][seen], expected[RGB][seen])


@pytest.mark.parametrize("pointwise", [False, True])
def test_last_samples_that_are_shown_have_their_colours(pointwise):
    settings = {"band": 8.0, "color_weight_threshold": 1e-4}
    plain, other, field = build().eval(), build(**settings).eval(), build(**settings).eval()
    for each in (plain, other, field) if pointwise else ():
        each.use_opacity(OccupancyOpacity(0.6, learned=False))
    expected, few = plain.get_outputs(samples(), return_alphas=True), counted(other)
    assert not field.get_outputs(samples(), return_alphas=True)[RGB][1:, -1].any()
    field.shows_last_sample = True
    found = field.get_outputs(samples(), return_alphas=True)
    passes = (1 - expected[ALPHA]).prod(dim=1)[:, 0] > 0.5
    assert 10 < passes.sum() < RAYS - 10
    torch.testing.assert_close(found[RGB][passes, -1], expected[RGB][passes, -1])
    # One more for each ray that does not end at the surface.
    for more, less in zip(counted(field), few, strict=True):
        assert passes.sum() <= more - less < RAYS


def test_most_samples_cost_nothing():
    total = RAYS * BINS
    assert counted(build().eval()) == [total, total]
    geometry, colours = counted(build(band=8.0, color_weight_threshold=1e-4).eval())
    assert 0 < colours < geometry < total / 4


def test_gradients_of_what_is_rendered_stay():
    found = []
    for settings in ({}, {"band": 8.0, "color_weight_threshold": 1e-4}):
        field = build(**settings).train()
        colours, _ = rendered(field)
        (colours * torch.linspace(-1, 1, RAYS)[:, None]).sum().backward()
        found.append(torch.cat([p.grad.flatten() for p in field.parameters() if p.grad is not None]))
    assert (found[1] - found[0]).norm() < 0.01 * found[0].norm()


def test_the_eikonal_error_has_no_bias():
    field = build(band=8.0, color_weight_threshold=1e-4).train()
    everywhere = build().train().get_outputs(samples(), return_alphas=True)[GRADIENT]

    def error(gradients):
        return ((gradients.norm(dim=-1) - 1) ** 2).mean().item()

    estimates = []
    for seed in range(60):
        torch.manual_seed(seed)
        estimates.append(error(field.get_outputs(samples(), return_alphas=True)[GRADIENT]))
    mean = sum(estimates) / len(estimates)
    deviation = torch.tensor(estimates).std().item() / len(estimates) ** 0.5
    assert mean == pytest.approx(error(everywhere), abs=4 * deviation)
    assert deviation < 0.1 * mean


def test_the_same_seed_checks_the_same_samples():
    field = build(band=8.0).train()
    found = []
    for _ in range(2):
        torch.manual_seed(5)
        found.append(field.get_outputs(samples(), return_alphas=True)[GRADIENT])
    assert torch.equal(*found)


def test_a_ray_that_begins_inside_is_stopped_by_the_solid_around_it():
    field = build(band=8.0, color_weight_threshold=1e-4).eval()
    bundle = RayBundle(
        torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]]), torch.ones(1, 1), torch.zeros(1, 1, dtype=torch.int64)
    )
    edges = torch.linspace(0, 0.3, 5)[None]
    inside = bundle.get_ray_samples(bin_starts=edges[:, :-1, None], bin_ends=edges[:, 1:, None])
    found = field.get_outputs(inside, return_alphas=True)
    assert found[ALPHA][0, 0].item() > 0.9
    assert found[RGB][0, 0].min().item() > 0.01


def test_a_field_without_surface_in_sight_gives_nothing_and_breaks_nothing():
    field = build(band=8.0, color_weight_threshold=1e-4).train()
    bundle = RayBundle(
        torch.tensor([[0.0, 0.0, 1.0]]),
        torch.tensor([[0.0, 0.0, 1.0]]),
        torch.ones(1, 1),
        camera_indices=torch.zeros(1, 1, dtype=torch.int64),
    )
    edges = torch.tensor([[0.0, 1e-3]])
    away = bundle.get_ray_samples(bin_starts=edges[:, :-1, None], bin_ends=edges[:, 1:, None])
    torch.manual_seed(0)
    found = field.get_outputs(away, return_alphas=True)
    assert found[ALPHA].item() < 1e-4
    assert found[GRADIENT].shape[1:] == (3,)


def test_what_a_solid_hides_is_not_evaluated_and_changes_nothing_that_is_seen():
    """Every ray that hits the sphere leaves it on its other side again."""
    seen, asked = [], []
    # Without a threshold nothing counts as hidden.
    for threshold in (0.0, 1e-4):
        field = build(band=8.0, color_weight_threshold=threshold).eval()
        asked.append(counted(field)[0])
        seen.append(rendered(build(band=8.0, color_weight_threshold=threshold).eval())[0])
    assert asked[1] < 0.75 * asked[0]
    torch.testing.assert_close(seen[1], seen[0], atol=1e-3, rtol=0)


@pytest.mark.parametrize("band", [0.0, 8.0])
def test_gradients_elsewhere_are_those_of_these_points(band):
    field = build(band=band).train()
    points = torch.rand(5, 3, generator=torch.Generator().manual_seed(4)) - 0.5
    found = field(samples(), return_alphas=True, elsewhere=points)
    torch.testing.assert_close(found["elsewhere"], field.geometry(points)[2])
    found["elsewhere"].square().sum().backward()
    assert field.encoding.hash_table.grad is not None


def test_many_samples_on_a_ray_are_checked_three_a_ray(monkeypatch):
    """A ray's 48 samples far from the surface; with one in eight it would be six."""
    field = build(band=8.0, color_weight_threshold=1e-4)
    near = counted(field.eval())[0]
    asked = [counted(field.train())[0] - near for _ in range(20)]
    assert 2 < sum(asked) / len(asked) / RAYS < 3


def test_opacities_that_do_not_learn_give_the_same_gradients():
    # In float64, because sums of gradients of 100 leave 1e-4 to chance in float32, more on some processors.
    found = []
    for final_sharpness in (None, 400.0):
        field = build(band=8.0, color_weight_threshold=1e-4).train().double()
        rule = LaplaceOpacity(0.1 * math.log(400.0), final_sharpness).double()
        field.use_opacity(rule)
        torch.manual_seed(7)
        colours, outputs = rendered(field)
        (colours * torch.linspace(-1, 1, RAYS, dtype=torch.float64)[:, None]).sum().backward()
        learned = [
            p.grad.flatten() for name, p in field.named_parameters() if p.grad is not None and "variance" not in name
        ]
        found.append((outputs[ALPHA], torch.cat(learned)))
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-6)
    # A rule that learns is asked about all samples, the other one about those near the surface.
    assert (found[0][0] > 0.5).any()


def test_hand_computed_bins():
    sdf, lengths = torch.tensor([0.3, 0.3, -0.3, -0.26]), torch.tensor([0.0, 0.5, 0.0, 0.04])
    assert bins_near_surface(sdf, lengths, torch.tensor([20.0]), band=5).tolist() == [False, True, False, True]


def test_a_solid_hides_what_is_behind_it_and_not_itself():
    sdf = torch.tensor([[0.5, -0.5, -0.5, -0.5], [0.5, 0.0, -0.5, -0.5]])
    samples: Any = SimpleNamespace(deltas=torch.full((2, 4, 1), 0.1), frustums=SimpleNamespace(shape=(2, 4)))
    field = SimpleNamespace(
        opacity=SimpleNamespace(sharpness=lambda: torch.tensor([100.0])),
        config=SimpleNamespace(color_weight_threshold=1e-4),
    )
    # A solid bin lets exp(-10) through, and exp(-9.2) is the threshold. A near bin may let more through.
    found = _behind_solid(samples, sdf.view(-1), sdf.view(-1) == 0, field)
    assert found.view(2, 4).tolist() == [[False, False, True, True], [False, False, False, True]]
