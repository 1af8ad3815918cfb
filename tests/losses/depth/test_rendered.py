"""Losses of the rendered depth."""

import pytest
import torch
from nerfstudio.cameras.rays import Frustums, RaySamples
from nerfstudio.model_components.renderers import DepthRenderer

from s3im_methods.errors import InputError
from s3im_methods.losses.depth.rendered import expected_depth, rendered_depth_loss


def test_expected_depth_is_nerfstudios():
    random = torch.Generator().manual_seed(0)
    edges = torch.rand(20, 9, generator=random).cumsum(-1)
    weights = torch.rand(20, 8, generator=random)
    starts, ends = edges[:, :-1], edges[:, 1:]
    point = torch.zeros(20, 8, 3)
    samples = RaySamples(Frustums(point, point, starts[..., None], ends[..., None], torch.ones(20, 8, 1)))
    rendered = DepthRenderer("expected")(weights[..., None], samples)
    torch.testing.assert_close(expected_depth(weights, starts, ends), rendered[:, 0])


def test_bins_beyond_the_farthest_distance_count_as_being_there():
    ends = torch.tensor([[1.0, 2.0, 1000.0]])
    weights = torch.tensor([[0.0, 0.5, 0.5]])
    assert expected_depth(weights, ends - 1, ends).item() == 0.5 * 1.5 + 0.5 * 999.5
    assert expected_depth(weights, ends - 1, ends, torch.tensor([4.0])).item() == 0.5 * 1.5 + 0.5 * 4
    assert expected_depth(weights, ends - 1, ends, torch.tensor([0.0])).item() == 0


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-3])
def test_rays_almost_without_weight_have_no_huge_gradient(size):
    ends = torch.tensor([[1.0, 2.0, 1000.0]])
    weights = torch.full((1, 3), size, requires_grad=True)
    depth = expected_depth(weights, ends - 1, ends)
    assert 0.5 <= depth.item() <= 1000
    assert torch.autograd.grad(depth, weights)[0].abs().max() <= 1000 / 1e-6


def test_squares_and_absolute_values():
    predicted, depth = torch.tensor([1.0, 5.0, 9.0]), torch.tensor([3.0, 4.0, 0.0])
    assert rendered_depth_loss(predicted, depth, "l2").item() == 2.5
    assert rendered_depth_loss(predicted, depth, "l1").item() == 1.5
    trusted = rendered_depth_loss(predicted, depth, "l1", confidence=torch.tensor([1.0, 0.5, 1.0]))
    assert trusted.item() == pytest.approx((2 + 0.5) / 1.5)


def test_shapes_must_agree():
    with pytest.raises(InputError, match=r"\[3, 1\]"):
        rendered_depth_loss(torch.ones(3, 1), torch.ones(3))
