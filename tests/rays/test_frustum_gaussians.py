"""Cones as Gaussians: against points spread over a frustum, closed values, and the contraction's Jacobian."""

import math

import pytest
import torch
from nerfstudio.cameras.rays import Frustums
from nerfstudio.field_components.spatial_distortions import SceneContraction
from torch.autograd.functional import jacobian

from s3im_methods.rays.frustum_gaussians import (
    GaussianSamples,
    contract_gaussians,
    frustum_gaussians,
    frustum_moments,
)


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def points_in_frustum(start: float, end: float, radius: float, count: int) -> torch.Tensor:
    """Points spread evenly, along z."""
    random = torch.Generator().manual_seed(0)
    u, v, w = (torch.rand(count, generator=random, dtype=torch.float64) for _ in range(3))
    # The cross-section grows with the square of the distance.
    distance = (start**3 + u * (end**3 - start**3)) ** (1 / 3)
    across, angle = radius * distance * v.sqrt(), 2 * math.pi * w
    return torch.stack([across * angle.cos(), across * angle.sin(), distance], dim=-1)


@pytest.mark.parametrize(("start", "end", "radius"), [(1.0, 2.0, 0.1), (0.1, 3.0, 0.5), (5.0, 5.5, 0.01)])
def test_moments_are_those_of_points_spread_over_the_frustum(start, end, radius):
    points = points_in_frustum(start, end, radius, 400_000)
    moments = frustum_moments(double(start), double(end), radius)
    assert moments.mean.item() == pytest.approx(points[:, 2].mean().item(), rel=2e-3)
    assert moments.along.item() == pytest.approx(points[:, 2].var().item(), rel=1e-2)
    assert moments.across.item() == pytest.approx(points[:, 0].var().item(), rel=1e-2)


def test_closed_values():
    moments = frustum_moments(double(1), double(2), 0.1)
    assert [value.item() for value in moments] == pytest.approx([1.607143, 0.07423469, 0.006642857], rel=1e-6)


def test_lengths_of_zero_and_cameras_inside_are_finite():
    starts, ends = torch.tensor([0.0, 0.0, 2.0]), torch.tensor([0.0, 1.0, 2.0])
    moments = frustum_moments(starts, ends, 0.1)
    assert all(value.isfinite().all() for value in moments)
    # The mean of a cone lies at three quarters of its length.
    assert moments.mean.tolist() == pytest.approx([0, 0.75, 2])
    assert moments.along[2] == 0 and moments.across[2] == pytest.approx(0.01)


def test_covariances_lie_along_and_across_the_ray():
    direction = torch.nn.functional.normalize(double(1, 2, -2), dim=0)
    frustums = Frustums(double(1, 0, 0), direction, double(1), double(2), double(0.04))
    samples = frustum_gaussians(frustums)
    # A square pixel of width 0.2 has the variance of 0.2^2 / 12 across; at distance t it is t^2 as large.
    moments = frustum_moments(double(1), double(2), 0.2 * 2 / math.sqrt(12))
    torch.testing.assert_close(samples.mean, double(1, 0, 0) + direction * moments.mean)
    torch.testing.assert_close(samples.covariance @ direction, moments.along * direction)
    torch.testing.assert_close(samples.covariance.trace(), (moments.along + 2 * moments.across).sum())
    thin = frustum_gaussians(Frustums(double(0, 0, 0), direction, double(3), double(3 + 1e-4), double(0.04)))
    across = torch.linalg.eigvalsh(thin.covariance)[-1]
    assert across.item() == pytest.approx(9 * 0.04 / 12, rel=1e-4)


def test_the_jacobian_is_that_of_the_contraction():
    contraction = SceneContraction()
    means = torch.randn(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 1.5
    factor = torch.randn(40, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    covariance = factor @ factor.transpose(-1, -2)
    found = contract_gaussians(GaussianSamples(means, covariance))
    assert (found.mean.norm(dim=-1) < 2).all()
    inside = means.norm(dim=-1) <= 1
    assert inside.any() and not inside.all()
    torch.testing.assert_close(found.mean, contraction(means))
    for mean, before, after in zip(means, covariance, found.covariance, strict=True):
        own = jacobian(contraction, mean)
        torch.testing.assert_close(after, own @ before @ own.T)


def test_gradients_are_finite_at_the_origin_and_on_the_ball():
    means = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [3.0, 0.0, 0.0]], requires_grad=True)
    found = contract_gaussians(GaussianSamples(means, torch.eye(3).expand(3, 3, 3)))
    (found.mean.sum() + found.covariance.sum()).backward()
    assert means.grad is not None and means.grad.isfinite().all()
