"""The lidar loss of Urban Radiance Fields against closed forms and against nerfstudio's arithmetic."""

import pytest
import torch
from nerfstudio.model_components import losses

from s3im_methods.losses.depth.urban import urban_depth_loss

DEPTH = torch.tensor([1.0], dtype=torch.float64)


def bins(count: int):
    edges = torch.linspace(0, 2, count + 1, dtype=torch.float64)[None]
    return edges[:, :-1], edges[:, 1:]


def test_stock_is_nerfstudios():
    random = torch.Generator().manual_seed(1)
    weights = torch.rand(30, 24, generator=random, dtype=torch.float64).softmax(-1)
    edges = torch.rand(30, 25, generator=random, dtype=torch.float64).cumsum(-1) / 6
    depth = 0.3 + 2 * torch.rand(30, generator=random, dtype=torch.float64)
    depth[::4] = 0
    predicted = depth + 0.1 * torch.randn(30, generator=random, dtype=torch.float64)
    expected = losses.urban_radiance_field_depth_loss(
        weights[..., None],
        depth[:, None],
        predicted[:, None],
        (edges[:, 1:] + edges[:, :-1])[..., None] / 2,
        torch.tensor([0.2], dtype=torch.float64),
    )
    actual = urban_depth_loss(weights, edges[:, :-1], edges[:, 1:], depth, 0.2, predicted, stock=True)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("count", [16, 64, 256])
def test_a_gaussian_ray_has_no_loss_at_any_number_of_bins(count):
    starts, ends = bins(count)
    deviation = 0.09 / 3
    weights = torch.special.ndtr((ends - 1) / deviation) - torch.special.ndtr((starts - 1) / deviation)
    assert urban_depth_loss(weights, starts, ends, DEPTH, 0.09, DEPTH).item() < 2e-6
    # nerfstudio compares these masses with the density, 13.3 at its peak.
    assert urban_depth_loss(weights, starts, ends, DEPTH, 0.09, DEPTH, stock=True).item() > 1


@pytest.mark.parametrize(("index", "stock"), [(10, True), (10, False), (90, False)])
def test_weight_before_and_behind_the_surface_is_penalised(index, stock):
    starts, ends = bins(100)
    clear, stray = torch.zeros_like(ends), torch.zeros_like(ends)
    stray[0, index] = 0.3
    difference = [urban_depth_loss(w, starts, ends, DEPTH, 0.09, DEPTH, stock=stock) for w in (stray, clear)]
    assert (difference[0] - difference[1]).item() == pytest.approx(0.09)


def test_nerfstudio_leaves_out_what_is_behind():
    starts, ends = bins(100)
    stray = torch.zeros_like(ends)
    stray[0, 90] = 0.3
    values = [urban_depth_loss(w, starts, ends, DEPTH, 0.09, DEPTH, stock=True) for w in (stray, 0 * stray)]
    assert values[0] == values[1]


def test_the_rendered_depth_counts_by_its_square():
    starts, ends = bins(10)
    zero = torch.zeros_like(ends)
    values = [urban_depth_loss(zero, starts, ends, DEPTH, 0.09, DEPTH + error) for error in (0.5, 0.0)]
    assert (values[0] - values[1]).item() == pytest.approx(0.25)
