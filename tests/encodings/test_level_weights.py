"""Weights of a grid's levels: closed values, limits, and the average stretch of the contraction."""

import pytest
import torch
from nerfstudio.cameras.rays import Frustums
from torch.autograd.functional import jacobian

from s3im_methods.encodings.contraction import MaximumNormContraction
from s3im_methods.encodings.level_weights import contracted_footprint, footprint, level_weights


def test_closed_values():
    found = level_weights(torch.tensor([1.0]), torch.tensor([0.25, 0.5, 1.0, 2.0]))
    assert found.tolist() == pytest.approx([0.9545, 0.682689, 0.3829, 0.1974], abs=1e-4)


def test_a_point_sees_all_levels_and_nothing_is_not_a_number():
    found = level_weights(torch.tensor([[0.0], [1e-3], [1e9]]), torch.tensor([16.0, 512.0]))
    assert found[0].tolist() == [1.0, 1.0] and found.isfinite().all()
    assert (found[:-1] >= found[1:]).all() and found[2].max() < 1e-8


def test_the_footprint_is_that_of_the_pixel():
    frustums = Frustums(torch.zeros(3), torch.tensor([0.0, 0.0, 1.0]), *(torch.tensor([t]) for t in (1.0, 3.0, 0.12)))
    # The pixel's standard deviation at distance 2.
    assert footprint(frustums, 1.0).item() == pytest.approx(2 * (0.12 / 12) ** 0.5)
    assert footprint(frustums, 2.0).item() == pytest.approx(4 * (0.12 / 12) ** 0.5)


def test_the_contraction_shrinks_by_the_root_of_its_determinant():
    points = 2 * torch.randn(30, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    contraction = MaximumNormContraction(order=float("inf"))
    found = contracted_footprint(torch.ones(30, 1, dtype=torch.float64), points)
    for point, shrunk in zip(points, found, strict=True):
        stretch = torch.linalg.det(jacobian(contraction, point)).abs() ** (1 / 3)
        assert shrunk.item() == pytest.approx(stretch.item(), rel=1e-6)
