"""nerfstudio's integrated encoding, for which ours stands in: mip-NeRF's in ``encodings.integrated_position``."""

import math

import pytest
import torch
from nerfstudio.field_components.encodings import NeRFEncoding

from s3im_methods.encodings.integrated_position import IntegratedPositionEncoding
from s3im_methods.rays.frustum_gaussians import GaussianSamples


def test_upstream_still_damps_39_times_too_little():
    """When this fails, nerfstudio scales the variance as it does the mean: its mip-NeRF may be as good as ours."""
    covariance = 0.01 * torch.eye(3)
    stock = NeRFEncoding(3, num_frequencies=3, min_freq_exp=0, max_freq_exp=2)(torch.zeros(3), covs=covariance)
    ours = IntegratedPositionEncoding(3)
    ours.frequencies *= 2 * math.pi
    right = ours(GaussianSamples(torch.zeros(3), covariance))
    assert stock[9:12].tolist() == pytest.approx([0.99501, 0.98020, 0.92312], abs=1e-5)
    exponents = right[9:12].log() / stock[9:12].log()
    assert exponents.tolist() == pytest.approx([4 * math.pi**2] * 3, rel=1e-3)
