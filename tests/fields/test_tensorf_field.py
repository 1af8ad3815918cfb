"""Density and colour of TensoRF's field: the activations' closed forms, contraction, and what is not asked about."""

import pytest
import torch
from torch.nn import functional

from s3im_methods.encodings.octaves import OctaveEncoding
from s3im_methods.encodings.tensor_grids import make_grid
from s3im_methods.fields.tensorf_field import S3IMTensoRFField


def field(**settings) -> S3IMTensoRFField:
    """A field in the box from -2 to 2, the sum of whose density features is 3 everywhere."""
    torch.manual_seed(0)
    arguments = {"activation": "softplus", "density_shift": -4.0, "distance_scale": 25.0, "contraction_scale": None}
    result = S3IMTensoRFField(
        torch.tensor([[-2.0] * 3, [2.0] * 3]),
        **{**arguments, **settings},
        feature_encoding=OctaveEncoding(4, 2),
        direction_encoding=OctaveEncoding(3, 2),
        density_encoding=make_grid("vm", (5, 5, 5), 1, True),
        color_encoding=make_grid("vm", (5, 5, 5), 2, True),
        appearance_dim=4,
        head_mlp_num_layers=2,
        head_mlp_layer_width=8,
        use_sh=False,
    )
    for parameter in result.density_encoding.parameters():
        torch.nn.init.ones_(parameter)
    return result


POINTS = torch.tensor([[0.5, -1.0, 1.5], [0.0, 0.0, 0.0], [1.9, 0.0, -1.0], [-1.0, 0.5, 0.5]])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 25 * functional.softplus(torch.tensor(-1.0)).item()),
        ({"density_shift": 2.0, "distance_scale": 1.0}, functional.softplus(torch.tensor(5.0)).item()),
        # The shift is the softplus's alone.
        ({"activation": "relu"}, 75.0),
    ],
)
def test_density_of_a_constant_sum(settings, expected):
    assert field(**settings).density_at(POINTS).tolist() == [[pytest.approx(expected)]] * 4


def test_contraction_leaves_a_cube_and_squeezes_the_rest_into_a_rim():
    contracted = field(contraction_scale=2.0)
    # For a cube of half side 2, a point at n times that half side comes to 2 - 1 / n along its largest axis.
    there = contracted.in_grid(torch.tensor([[2.0, -1.0, 0.5], [8.0, 4.0, 0.0], [0.0, -4.0, -4.0]]))
    expected = torch.tensor([[1.0, -0.5, 0.25], [1.75, 0.875, 0.0], [0.0, -1.5, -1.5]])
    torch.testing.assert_close(there, expected)
    assert torch.equal(field().in_grid(POINTS), POINTS)


def test_outside_the_box_there_is_nothing_to_render():
    rendered = field().eval()
    points = torch.tensor([[0.0, 0.0, 0.0], [0.0, 2.1, 0.0], [0.0, 0.0, -2.1], [1.0, 1.0, 1.0]])
    assert (rendered.density_at(points)[:, 0] > 0).tolist() == [True, False, False, True]
    wanted = torch.tensor([True, True, True, False])
    assert (rendered.density_at(points, wanted)[:, 0] > 0).tolist() == [True, False, False, False]


def test_empty_space_and_what_is_not_wanted_has_no_density():
    masked = field()
    alphas = torch.zeros(5, 5, 5)
    alphas[:, :, 4] = 1.0
    masked.alpha_mask.update(alphas, masked.aabb, threshold=0.5)
    occupied = masked.alpha_mask(POINTS)
    assert occupied.any() and not occupied.all()
    assert torch.equal(masked.density_at(POINTS)[:, 0] > 0, occupied)
    wanted = torch.tensor([False, True, True, True])
    assert torch.equal(masked.density_at(POINTS, wanted)[:, 0] > 0, occupied & wanted)
    assert not masked.density_at(POINTS, torch.zeros(4, dtype=torch.bool)).any()


def test_skipping_changes_no_density_and_no_gradient():
    plain, skipping = field(), field()
    for model in (plain, skipping):
        for parameter in model.density_encoding.parameters():
            torch.manual_seed(1)
            torch.nn.init.normal_(parameter)
    points = 3 * torch.rand(2, 7, 3) - 1.5
    wanted = torch.rand(2, 7) > 0.5
    expected = plain.density_at(points) * wanted[..., None]
    found = skipping.density_at(points, wanted)
    torch.testing.assert_close(found, expected)
    expected.square().sum().backward()
    found.square().sum().backward()
    for ours, theirs in zip(skipping.density_encoding.parameters(), plain.density_encoding.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_colour_where_seen_and_black_elsewhere():
    coloured = field()
    directions = functional.normalize(torch.randn(4, 3), dim=-1)
    seen = torch.tensor([True, False, True, False])
    whole = coloured.colour(POINTS, directions)
    assert whole.shape == (4, 3) and (whole > 0).all() and (whole < 1).all()
    torch.testing.assert_close(coloured.colour_where(POINTS, directions, seen), whole * seen[:, None])
    assert not coloured.colour_where(POINTS, directions, torch.zeros(4, dtype=torch.bool)).any()


def test_colour_on_rays_is_that_of_the_whole_network_with_its_gradients():
    plain, shared = field(), field()
    positions = 3 * torch.rand(5, 7, 3) - 1.5
    directions = functional.normalize(torch.randn(5, 1, 3), dim=-1)
    seen = torch.rand(5, 7) > 0.4
    # A stride of 0 along the samples is what tells rays.
    expected = plain.colour_where(positions, directions.repeat(1, 7, 1), seen)
    found = shared.colour_where(positions, directions.expand(5, 7, 3), seen)
    torch.testing.assert_close(found, expected)
    expected.square().sum().backward()
    found.square().sum().backward()
    for (name, ours), theirs in zip(shared.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("kind", ["vm", "cp", "triplane"])
@pytest.mark.parametrize("by_axis", [True, False])
@pytest.mark.parametrize("on_rays", [True, False])
def test_the_colours_parameters_have_a_gradient_of_0_where_nothing_is_seen(kind, by_axis, on_rays):
    """Data parallelism fails where they have none and total variation gives them one."""
    unseen = field()
    unseen.color_encoding = make_grid(kind, (5, 5, 5), 2, by_axis)
    unseen.B = torch.nn.Linear(unseen.color_encoding.get_out_dim(), 4, bias=False)
    directions = functional.normalize(torch.randn(5, 1, 3), dim=-1).expand(5, 7, 3)
    directions = directions if on_rays else directions.contiguous()
    colours = unseen.colour_where(torch.rand(5, 7, 3), directions, torch.zeros(5, 7, dtype=torch.bool))
    assert not colours.any()
    colours.sum().backward()
    for part in (unseen.color_encoding, unseen.B, unseen.mlp_head):
        for parameter in part.parameters():
            assert parameter.grad is not None and not parameter.grad.any()


def test_colour_depends_on_place_and_direction():
    coloured = field()
    directions = functional.normalize(torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 0, 0]]), dim=-1)
    a, turned, moved = coloured.colour(POINTS[[0, 0, 2]], directions)
    assert not torch.equal(a, turned) and not torch.equal(a, moved)
