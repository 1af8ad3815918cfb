"""mip-NeRF's networks: what they are told of a sample, and what becomes of their outputs."""

import math
from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import Frustums, RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames
from torch.nn.functional import normalize

from s3im_methods.fields.mip_mlp_field import MipDensityField, MipField


def samples(distance: float = 1.0, moved: torch.Tensor | None = None) -> RaySamples:
    """Twenty short and thin ones, about so far from the origin, in the order of (rays, 1)."""
    random = torch.Generator().manual_seed(0)
    directions = normalize(torch.randn(20, 1, 3, generator=random, dtype=torch.float64), dim=-1)
    starts = torch.full((20, 1, 1), distance, dtype=torch.float64)
    origins = torch.zeros_like(directions) if moved is None else moved.expand_as(directions)
    frustums = Frustums(origins, directions, starts, starts + 0.1, torch.full_like(starts, 1e-3))
    return RaySamples(frustums, camera_indices=torch.zeros(20, 1, 1, dtype=torch.int64))


def field(kind: type = MipDensityField, unbounded: bool = True, **settings: Any) -> Any:
    torch.manual_seed(0)
    return kind(num_layers=3, width=16, num_octaves=2, unbounded=unbounded, **settings).double()


@pytest.mark.parametrize("unbounded", [True, False])
def test_the_encoding_sees_contracted_space_only_where_space_is_unbounded(unbounded):
    of = field(unbounded=unbounded)
    seen = []
    of.encoding.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    of.get_density(samples(9.0))
    lengths, spreads = seen[0].mean.norm(dim=-1), seen[0].covariance.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
    # 2 - 1 / 9.05 from the origin.
    torch.testing.assert_close(
        lengths, torch.full_like(lengths, 2 - 1 / 9.05 if unbounded else 9.05), rtol=1e-4, atol=0
    )
    assert (spreads.max() < 0.06 * (9.05**2 * 1e-3 / 6)) == unbounded


@pytest.mark.parametrize("unbounded", [True, False])
def test_under_autocast_the_network_is_told_the_same(unbounded):
    of = MipDensityField(num_layers=3, width=16, num_octaves=12, unbounded=unbounded)
    encoded = []
    of.trunk.register_forward_pre_hook(lambda module, inputs: encoded.append(inputs[0]))
    single = samples(9.0)
    single.frustums = single.frustums._apply_fn_to_fields(torch.Tensor.float)
    of.get_density(single)
    with torch.autocast("cpu", torch.bfloat16):
        of.get_density(single)
    assert encoded[0].dtype == torch.float32 and torch.equal(*encoded)


def test_densities_and_colours_of_networks_that_say_nothing():
    of = field(MipField)
    with torch.no_grad():
        of.density_head.weight.zero_()
        of.density_head.bias.zero_()
        of.colour_head.layers[-1].weight.zero_()
        of.colour_head.layers[-1].bias.copy_(torch.tensor([40.0, -40.0, 0.0]))
    found = of(samples())
    density = found[FieldHeadNames.DENSITY]
    torch.testing.assert_close(density, torch.full_like(density, math.log1p(math.exp(-1))))
    # Black and white can be reached, because colours go a little beyond.
    colours = found[FieldHeadNames.RGB]
    expected = torch.tensor([1.001, -0.001, 0.5], dtype=torch.float64)
    torch.testing.assert_close(colours, expected.expand_as(colours))


@pytest.mark.parametrize("unbounded", [True, False])
def test_normals_point_to_where_the_density_falls_in_the_world(unbounded):
    of = field(unbounded=unbounded).train()
    of.with_normals = True
    of.get_density(samples(1.5))
    normals = of.get_normals()
    steps = 1e-5 * torch.eye(3, dtype=torch.float64)
    slopes = []
    for step in steps:
        heights = []
        for moved in (step, -step):
            of.get_density(samples(1.5, moved))
            heights.append(of._density_before_activation)
        slopes.append(heights[0] - heights[1])
    torch.testing.assert_close(normals, -normalize(torch.cat(slopes, dim=-1), dim=-1), rtol=1e-5, atol=1e-6)


def test_normals_move_the_density_in_training_alone():
    for training in (True, False):
        of = field().train(training)
        of.with_normals = True
        of.get_density(samples())
        assert of.get_normals().requires_grad == training
