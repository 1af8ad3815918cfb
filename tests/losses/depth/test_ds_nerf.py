"""DS-NeRF's depth loss against its integral and against nerfstudio's arithmetic."""

import math

import pytest
import torch
from nerfstudio.model_components import losses

from s3im_methods.losses.depth.ds_nerf import ds_nerf_depth_loss


def rays(count: int = 30, samples: int = 24):
    random = torch.Generator().manual_seed(1)
    weights = torch.rand(count, samples, generator=random, dtype=torch.float64).softmax(-1)
    edges = torch.rand(count, samples + 1, generator=random, dtype=torch.float64).cumsum(-1) / 6
    depth = 0.3 + 2 * torch.rand(count, generator=random, dtype=torch.float64)
    depth[::4] = 0
    return weights, edges[:, :-1], edges[:, 1:], depth


def test_stock_is_nerfstudios():
    weights, starts, ends, depth = rays()
    expected = losses.ds_nerf_depth_loss(
        weights[..., None],
        depth[:, None],
        (starts + ends)[..., None] / 2,
        (ends - starts)[..., None],
        torch.tensor([0.07], dtype=torch.float64),
    )
    actual = ds_nerf_depth_loss(weights, starts, ends, depth, 0.07, stock=True)
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=0)


def test_on_fine_bins_it_is_the_gaussian_integral():
    """With the same weight w everywhere: -log(w + 1e-5) sqrt(2 pi) sigma, for every sigma."""
    edges = torch.linspace(0, 4, 4001, dtype=torch.float64)[None]
    weights = torch.full((1, 4000), 2.5e-4, dtype=torch.float64)
    for sigma in (0.05, 0.2):
        loss = ds_nerf_depth_loss(weights, edges[:, :-1], edges[:, 1:], torch.tensor([2.0]).double(), sigma)
        expected = -math.log(2.5e-4 + 1e-5) * math.sqrt(2 * math.pi) * sigma
        assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_it_pulls_weight_to_the_depth():
    weights, starts, ends, depth = rays(samples=40)
    depth = torch.full_like(depth, 1.0)
    weights.requires_grad_()
    (gradient,) = torch.autograd.grad(ds_nerf_depth_loss(weights, starts, ends, depth, 0.1), weights)
    at = (starts + ends) / 2
    assert gradient[(at - 1).abs() < 0.1].max() < 0
    assert gradient[(at - 1).abs() > 1].abs().max() < 1e-12
