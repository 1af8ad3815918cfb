"""Dilated histograms: wider, of mass 1, above the original where it is high, and the same without a stretch."""

import pytest
import torch

from s3im_methods.rays.dilated_histogram import dilated


def histogram(seed: int = 0, rays: int = 30, bins: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    inner = torch.rand(rays, bins - 1, generator=random).sort(dim=-1).values
    edges = torch.cat([torch.zeros(rays, 1), inner, torch.ones(rays, 1)], dim=-1)
    return edges, torch.rand(rays, bins, generator=random)


def density_at(points: torch.Tensor, edges: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    place = (torch.searchsorted(edges.contiguous(), points, right=True) - 1).clamp(0, weights.shape[-1] - 1)
    return weights.gather(1, place) / edges.diff(dim=-1).gather(1, place)


def test_the_density_is_the_largest_within_reach():
    edges, weights = histogram()
    found, shares = dilated(edges, weights, 0.05)
    assert found.shape == (30, 22) and shares.shape == (30, 21)
    assert (found[:, 0] == 0).all() and (found[:, -1] == 1).all()
    torch.testing.assert_close(shares.sum(dim=-1), torch.ones(30))
    points = torch.rand(30, 50, generator=torch.Generator().manual_seed(9))
    density = weights / edges.diff(dim=-1)
    reach = (points[..., None] >= edges[:, None, :-1] - 0.05) & (points[..., None] < edges[:, None, 1:] + 0.05)
    expected = torch.where(reach, density[:, None], 0).amax(dim=-1)
    ratio = density_at(points, found, shares) / expected
    # They differ by the factor that makes the mass 1.
    torch.testing.assert_close(ratio, ratio.mean(dim=-1, keepdim=True).expand_as(ratio), rtol=1e-3, atol=0)


def test_without_a_stretch_it_is_the_same_histogram():
    edges, weights = histogram(1)
    found, shares = dilated(edges, weights, 0.0)
    points = torch.rand(30, 50)
    own = weights / weights.sum(dim=-1, keepdim=True)
    torch.testing.assert_close(density_at(points, found, shares), density_at(points, edges, own), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 5.0])
def test_nothing_and_empty_bins_are_finite(epsilon):
    edges = torch.tensor([[0.0, 0.5, 0.5, 1.0]])
    for weights in (torch.zeros(1, 3), torch.tensor([[0.0, 0.2, 0.0]])):
        found, shares = dilated(edges, weights, epsilon)
        assert found.isfinite().all() and shares.isfinite().all() and (found.diff(dim=-1) >= 0).all()
