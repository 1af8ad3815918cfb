"""Proposals that see samples: from which weights the next samples are drawn, and which ones the losses have."""

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import ProposalNetworkSampler

from s3im_methods.rays.sample_proposals import SampleProposals

COUNTS, LAST, RAYS = (8, 4), 6, 5


def rays() -> RayBundle:
    bundle = RayBundle(torch.zeros(RAYS, 3), torch.tensor([[0.0, 0.6, 0.8]]).expand(RAYS, 3), torch.ones(RAYS, 1))
    bundle.nears, bundle.fars = torch.full((RAYS, 1), 0.1), torch.full((RAYS, 1), 3.0)
    return bundle


def wall(points: torch.Tensor) -> torch.Tensor:
    """Fog that thickens along y."""
    return points[..., 1:2].square()


def of_samples(samples: RaySamples) -> torch.Tensor:
    return wall(samples.frustums.get_positions())


def test_for_densities_of_points_it_is_nerfstudios():
    """Also while annealing flattens the weights that are drawn from, which the losses have as they are."""
    for anneal in (1.0, 0.3):
        found = []
        for kind, density in ((ProposalNetworkSampler, wall), (SampleProposals, of_samples)):
            sampler = kind(COUNTS, LAST, num_proposal_network_iterations=2).eval()
            sampler.set_anneal(anneal)
            found.append(sampler(rays(), density_fns=[density, density]))
        (samples, weights, proposals), (own, own_weights, own_proposals) = found
        for theirs, ours in zip((*proposals, samples), (*own_proposals, own), strict=True):
            assert torch.equal(theirs.frustums.starts, ours.frustums.starts)
            assert torch.equal(theirs.frustums.ends, ours.frustums.ends)
        assert all(torch.equal(theirs, ours) for theirs, ours in zip(weights, own_weights, strict=True))
