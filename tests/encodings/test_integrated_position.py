"""Expected sines: against a Monte-Carlo mean, closed values, and the two limits."""

import math

import pytest
import torch

from s3im_methods.encodings.integrated_position import IntegratedPositionEncoding
from s3im_methods.rays.frustum_gaussians import GaussianSamples


def gaussian(scale: float = 1.0) -> GaussianSamples:
    random = torch.Generator().manual_seed(3)
    factor = scale * torch.randn(3, 3, generator=random)
    return GaussianSamples(torch.randn(3, generator=random), factor @ factor.T)


@pytest.mark.parametrize("off_axis", [False, True])
def test_it_is_the_mean_over_the_gaussian(off_axis):
    samples, encoding = gaussian(0.3), IntegratedPositionEncoding(3, off_axis)
    normal = torch.distributions.MultivariateNormal(samples.mean, samples.covariance)
    torch.manual_seed(0)
    points = normal.sample((100_000,))
    sharp = encoding(GaussianSamples(points, torch.zeros(1, 3, 3)))
    torch.testing.assert_close(encoding(samples), sharp.mean(dim=0), rtol=0, atol=0.012)


def test_closed_values():
    encoding = IntegratedPositionEncoding(3)
    encoding.frequencies *= 2 * math.pi
    found = encoding(GaussianSamples(torch.zeros(3), 0.01 * torch.eye(3)))
    assert found[9:12].tolist() == pytest.approx([0.82087, 0.45404, 0.04250], rel=1e-4)


def test_a_point_has_the_plain_encoding_and_a_wide_sample_none():
    samples, encoding = gaussian(), IntegratedPositionEncoding(4)
    assert encoding.out_dim == 24
    point = encoding(GaussianSamples(samples.mean, 1e-12 * samples.covariance))
    angles = (samples.mean[:, None] * torch.tensor([1.0, 2.0, 4.0, 8.0])).flatten()
    torch.testing.assert_close(point, torch.cat([angles.sin(), angles.cos()]))
    assert encoding(GaussianSamples(samples.mean, 1e6 * torch.eye(3))).abs().max() == 0


def test_the_off_axis_directions_are_21_of_length_1():
    encoding = IntegratedPositionEncoding(2, off_axis=True)
    assert encoding.basis is not None and encoding.out_dim == 84
    torch.testing.assert_close(encoding.basis.norm(dim=-1), torch.ones(21))
    cosines = (encoding.basis @ encoding.basis.T - torch.eye(21)).abs()
    assert cosines.max() < 0.9
