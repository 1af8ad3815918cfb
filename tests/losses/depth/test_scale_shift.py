"""The scale and shift invariant loss."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.losses.depth.scale_shift import scale_shift_invariant_loss


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 60), images=st.integers(1, 6))
def test_it_is_what_numpys_line_leaves_image_by_image(depths_of_images, seed, count, images):
    predicted, depth, image, judged = depths_of_images(seed, count, images)
    total, rays = 0.0, 0
    for own in judged:
        line = np.polyval(np.polyfit(predicted[own], depth[own], 1), predicted[own])
        total += float(((line - depth[own].numpy()) ** 2).sum())
        rays += own.sum().item()
    loss = scale_shift_invariant_loss(predicted, depth, image)
    assert loss.item() == pytest.approx(total / max(rays, 1), abs=1e-4)


def test_any_number_of_rays_will_do_and_gradients_are_right():
    random = torch.Generator().manual_seed(1)
    predicted = torch.rand(7, generator=random, dtype=torch.float64, requires_grad=True)
    depth = 1 + torch.rand(7, generator=random, dtype=torch.float64)
    image = torch.tensor([0, 0, 0, 1, 1, 1, 1])
    assert torch.autograd.gradcheck(lambda x: scale_shift_invariant_loss(x, depth, image), predicted)


def test_rays_without_trust_have_no_effect():
    depth = torch.tensor([1.0, 2.0, 3.0, 0.0, 5.0])
    predicted = torch.tensor([2.0, 4.0, 6.0, 99.0, -7.0])
    loss = scale_shift_invariant_loss(predicted, depth, confidence=torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0]))
    assert loss.item() == pytest.approx(0.0, abs=1e-6)
    assert scale_shift_invariant_loss(predicted, depth).item() > 0.1


@pytest.mark.parametrize("depth", [[0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0]])
def test_too_few_depths_give_a_zero_with_a_gradient(depth):
    predicted = torch.ones(4, requires_grad=True)
    loss = scale_shift_invariant_loss(predicted, torch.tensor(depth))
    assert loss.item() == 0
    assert torch.equal(torch.autograd.grad(loss, predicted)[0], torch.zeros(4))


def test_constant_rendered_depth_has_a_finite_gradient():
    predicted = torch.ones(10, requires_grad=True)
    loss = scale_shift_invariant_loss(predicted, torch.linspace(1, 2, 10))
    assert torch.autograd.grad(loss, predicted)[0].isfinite().all()
    assert loss.item() == pytest.approx(torch.linspace(1, 2, 10).var(unbiased=False).item(), rel=1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), unit=st.floats(1e-1, 1e3))
def test_the_relative_loss_is_a_share_of_the_variance_within_images_in_any_unit(depths_of_images, seed, unit):
    predicted, depth, image, judged = depths_of_images(seed, 40, 3)
    rest = sum(depth[own].var(unbiased=False) * own.sum() for own in judged) / sum(own.sum() for own in judged)
    share = scale_shift_invariant_loss(predicted, unit * depth, image, is_relative=True).item()
    assert share == pytest.approx((scale_shift_invariant_loss(predicted, depth, image) / rest).item(), rel=1e-3)
    assert 0 <= share <= 1 + 1e-6
