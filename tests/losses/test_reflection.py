"""Losses on normals: signs, closed values, and what they move."""

import pytest
import torch
from torch.nn import functional

from s3im_methods.losses.reflection import orientation_loss, predicted_normal_loss


def test_only_what_faces_away_and_is_seen_counts():
    ahead = torch.tensor([0.0, 0.0, 1.0])
    normals = torch.tensor([[[0.0, 0.0, -1.0], [0.0, 0.6, 0.8], [0.0, 0.0, 1.0]]])
    directions = ahead.expand(1, 3, 3)
    weights = torch.tensor([[[0.5], [0.25], [0.0]]])
    assert orientation_loss(weights, normals, directions).item() == pytest.approx(0.25 * 0.64)


def test_gradients_turn_normals_towards_the_camera():
    raw = torch.tensor([[[0.3, 0.1, 0.9]]], requires_grad=True)
    directions = torch.tensor([[[0.0, 0.0, 1.0]]])
    orientation_loss(torch.ones(1, 1, 1), functional.normalize(raw, dim=-1), directions).backward()
    assert raw.grad is not None and raw.grad[0, 0, 2] > 0


def test_predicted_normals_that_are_right_cost_nothing():
    normals = functional.normalize(torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    weights = torch.full((4, 5, 1), 0.2)
    assert predicted_normal_loss(weights, normals, normals).item() == pytest.approx(0, abs=1e-6)
    assert predicted_normal_loss(weights, normals, -normals).item() == pytest.approx(2.0)


def test_where_no_normal_is_known_predicted_ones_are_free():
    normals = functional.normalize(torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    weights, predicted = torch.full((4, 5, 1), 0.2), (-normals).requires_grad_()
    known = normals.clone()
    known[:, 2:] = 0
    loss = predicted_normal_loss(weights, known, predicted)
    assert loss.item() == pytest.approx(0.8)
    loss.backward()
    assert predicted.grad is not None and not predicted.grad[:, 2:].any() and predicted.grad[:, :2].any()
