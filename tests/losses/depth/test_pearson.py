"""The correlation loss."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.losses.depth.pearson import pearson_depth_loss


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 60), images=st.integers(1, 6))
def test_it_is_numpys_correlation_image_by_image(depths_of_images, seed, count, images):
    predicted, depth, image, judged = depths_of_images(seed, count, images)
    total, rays = 0.0, 0
    for own in judged:
        total += own.sum().item() * (1 - np.corrcoef(predicted[own], depth[own])[0, 1])
        rays += own.sum().item()
    loss = pearson_depth_loss(predicted, depth, image)
    assert loss.item() == pytest.approx(total / max(rays, 1), abs=1e-3)


@pytest.mark.parametrize(("scale", "loss"), [(3.0, 0.0), (-0.5, 2.0)])
def test_scale_and_shift_do_not_matter_but_the_sign_does(scale, loss):
    depth = 1 + torch.rand(100, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert pearson_depth_loss(scale * depth + 5, depth).item() == pytest.approx(loss, abs=1e-5)


def test_an_image_is_judged_by_its_own_scale():
    depth = 1 + torch.rand(60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    image = torch.arange(60) % 3
    predicted = depth * (1 + image) - 7 * image
    assert pearson_depth_loss(predicted, depth, image).item() < 1e-5
    assert pearson_depth_loss(predicted, depth).item() > 0.1


@pytest.mark.parametrize("constant", ["predicted", "depth", "both"])
def test_constant_depths_have_finite_gradients(constant):
    predicted, depth = torch.linspace(1, 2, 10), torch.linspace(3, 1, 10)
    if constant != "depth":
        predicted = torch.ones(10)
    if constant != "predicted":
        depth = torch.ones(10)
    predicted.requires_grad_()
    loss = pearson_depth_loss(predicted, depth)
    assert loss.item() == pytest.approx(1.0)
    assert torch.autograd.grad(loss, predicted)[0].isfinite().all()
