"""Blurred weights bound the weights from above, and fine samples fall beside a thin surface too."""

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components.ray_samplers import PDFSampler, UniformSampler

from s3im_methods.rays.blurred_histogram import BlurredPDFSampler, blurred


def test_an_envelope():
    weights = torch.rand(20, 9, generator=torch.Generator().manual_seed(0))
    assert (blurred(weights) >= weights).all() and (blurred(weights) <= weights.max(dim=-1, keepdim=True).values).all()
    assert torch.equal(blurred(torch.full((1, 4), 0.3)), torch.full((1, 4), 0.3))


def test_samples_spread_to_both_sides_of_a_single_bin():
    bundle = RayBundle(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]]), torch.ones(1, 1))
    bundle.nears, bundle.fars = torch.zeros(1, 1), torch.ones(1, 1)
    coarse = UniformSampler(10).eval()(bundle)
    weights = torch.zeros(1, 10, 1)
    weights[:, 4] = 1.0
    shares = []
    for kind in (PDFSampler, BlurredPDFSampler):
        sampler = kind(200, include_original=False, histogram_padding=1e-5).eval()
        starts = sampler(bundle, coarse, weights).frustums.starts[0, :, 0]
        shares.append(((starts > 0.4) & (starts < 0.5)).float().mean().item())
    assert shares[0] > 0.98 and 0.45 < shares[1] < 0.55
