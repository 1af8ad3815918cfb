"""Losses of normals: known ones, and smoothness."""

import math

import pytest
import torch
from nerfstudio.model_components.losses import monosdf_normal_loss

from s3im_methods.losses.normals import known_normals_loss, smooth_normals_loss


def normals(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_where_all_are_known_it_is_nerfstudios():
    predicted, given = normals(9, 0), normals(9, 1)
    assert torch.allclose(known_normals_loss(predicted, given), monosdf_normal_loss(predicted, given))


def test_unknown_ones_have_no_effect_and_the_mean_is_over_the_known():
    predicted, given = normals(9, 0).requires_grad_(), normals(9, 1)
    given[::3] = 0
    known = [1, 2, 4, 5, 7, 8]
    loss = known_normals_loss(predicted, given)
    assert loss.item() == pytest.approx(monosdf_normal_loss(predicted[known], given[known]).item())
    (gradient,) = torch.autograd.grad(loss, predicted)
    assert torch.equal(gradient[::3], torch.zeros(3, 3, dtype=torch.float64))
    assert (gradient[known] != 0).any(dim=-1).all()


def test_a_normal_along_an_axis_is_known():
    up = torch.tensor([[0.0, 0.0, 1.0]])
    assert known_normals_loss(-up, up).item() == pytest.approx(4.0)


def test_none_known_is_no_loss():
    predicted = normals(4, 0).requires_grad_()
    loss = known_normals_loss(predicted, torch.zeros(4, 3, dtype=torch.float64))
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert torch.equal(torch.autograd.grad(loss, predicted)[0], torch.zeros(4, 3, dtype=torch.float64))


def test_gradients():
    given = normals(5, 1)
    given[2] = 0
    assert torch.autograd.gradcheck(lambda n: known_normals_loss(n, given), normals(5, 0).requires_grad_())


def test_normals_of_a_plane_are_smooth_whatever_the_gradients_lengths():
    here = torch.tensor([[0.0, 3.0, 4.0]]).expand(5, 3).clone().requires_grad_()
    loss = smooth_normals_loss(here, 0.1 * here.detach(), torch.ones(5, dtype=torch.bool))
    assert loss.item() == pytest.approx(0, abs=1e-6)
    loss.backward()
    assert here.grad is not None and here.grad.isfinite().all()


def test_of_a_sphere_the_change_is_the_chord_over_the_radius():
    angles = torch.tensor([0.1, 0.3])
    here = torch.tensor([[1.0, 0.0, 0.0]]).expand(2, 3)
    nearby = torch.stack([angles.cos(), angles.sin(), 0 * angles], dim=-1)
    counts = torch.tensor([True, True])
    assert smooth_normals_loss(here, nearby, counts).item() == pytest.approx((2 * (angles / 2).sin()).mean().item())
    counts = torch.tensor([False, True])
    assert smooth_normals_loss(here, nearby, counts).item() == pytest.approx(2 * math.sin(0.15), rel=1e-5)


def test_without_a_hit_smoothness_is_0_with_a_gradient_of_0():
    here = normals(4, 0).requires_grad_()
    nearby = torch.full((4, 3), float("nan"), dtype=torch.float64)
    loss = smooth_normals_loss(here, nearby, torch.zeros(4, dtype=torch.bool))
    assert loss.item() == 0
    assert torch.equal(torch.autograd.grad(loss, here)[0], torch.zeros(4, 3, dtype=torch.float64))
