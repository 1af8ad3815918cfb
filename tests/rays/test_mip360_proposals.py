"""mip-NeRF 360's samples: how far proposals are stretched, and that nothing gets past the last sample."""

import copy

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import UniformSampler

from s3im_methods.rays.mip360_proposals import Mip360Proposals, ProposalShape

RAYS = 5


def sampler(shape: ProposalShape) -> Mip360Proposals:
    found = Mip360Proposals(
        num_proposal_samples_per_ray=(8, 4),
        num_nerf_samples_per_ray=6,
        num_proposal_network_iterations=2,
        initial_sampler=UniformSampler(),
    )
    found.shape = shape
    return found.eval()


def rays() -> RayBundle:
    bundle = RayBundle(torch.zeros(RAYS, 3), torch.tensor([[0.0, 0.0, 1.0]]).expand(RAYS, 3), torch.ones(RAYS, 1))
    bundle.nears, bundle.fars = torch.zeros(RAYS, 1), torch.full((RAYS, 1), 2.0)
    return bundle


def one_bin() -> tuple[RaySamples, torch.Tensor]:
    """Eight even samples, all of whose weight is in the fourth, from 3/8 to 4/8 of the ray."""
    weights = torch.zeros(RAYS, 8, 1)
    weights[:, 3] = 0.25
    return UniformSampler(8).eval()(rays()), weights


@pytest.mark.parametrize(("level", "uniform"), [(1, 1 / 8), (2, 1 / 32)])
def test_intervals_are_stretched_by_half_a_uniform_sample_of_the_proposals_so_far(level, uniform):
    samples, weights = one_bin()
    before = copy.deepcopy(samples)
    bins, shares = sampler(ProposalShape(dilation=0.5, dilation_bias=0.01)).histogram(samples, weights, level)
    epsilon = 0.01 + 0.5 * uniform
    for ray in range(RAYS):
        held = shares[ray, :, 0] > 0
        assert bins.spacing_starts[ray, held].min().item() == pytest.approx(3 / 8 - epsilon, abs=1e-6)  # type: ignore[index]
        assert bins.spacing_ends[ray, held].max().item() == pytest.approx(4 / 8 + epsilon, abs=1e-6)  # type: ignore[index]
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(RAYS, 1))
    # The proposal's loss sees the samples as they were.
    assert torch.equal(samples.spacing_starts, before.spacing_starts)  # type: ignore[arg-type]
    assert torch.equal(samples.frustums.starts, before.frustums.starts)


def test_without_dilation_the_bias_is_off_too():
    samples, weights = one_bin()
    bins, shares = sampler(ProposalShape(dilation=0.0, dilation_bias=0.01)).histogram(samples, weights, 1)
    assert bins is samples and shares is weights


def test_the_annealing_raises_the_shares_of_the_stretched_intervals():
    """In this order, as in mip-NeRF 360's code; the other one would give other shares where intervals overlap."""
    drawn = sampler(ProposalShape(dilation=0.5, opaque=False))
    drawn.set_anneal(0.3)
    found, draw = [], drawn.pdf_sampler.forward

    def recorded(bundle: RayBundle, bins: RaySamples, shares: torch.Tensor, num_samples: int) -> RaySamples:
        found.append(shares)
        return draw(bundle, bins, shares, num_samples=num_samples)

    drawn.pdf_sampler.forward = recorded
    of_point = [lambda samples: samples.frustums.get_positions()[..., 2:].square()] * 2
    _, weights, proposals = drawn(rays(), density_fns=of_point)
    for level, shares in enumerate(found):
        _, stretched = drawn.histogram(proposals[level], weights[level], level + 1)
        torch.testing.assert_close(shares, stretched**0.3, rtol=0, atol=0)


@pytest.mark.parametrize("opaque", [True, False])
def test_every_ray_ends_on_its_last_sample_in_the_field_and_in_each_proposal(opaque):
    def thin(samples: RaySamples) -> torch.Tensor:
        return torch.full((*samples.frustums.shape, 1), 0.1)

    samples, weights, proposals = sampler(ProposalShape(opaque=opaque))(rays(), density_fns=[thin, thin])
    assert [each.frustums.shape for each in (*proposals, samples)] == [(RAYS, 8), (RAYS, 4), (RAYS, 6)]
    for found in (*weights, samples.get_weights(thin(samples))):
        if opaque:
            torch.testing.assert_close(found.sum(dim=1), torch.ones(RAYS, 1))
            assert (found[:, -1] > 0.8).all()
        else:
            # All that a density of 0.1 stops on a ray of length 2 is 18 %.
            assert (found.sum(dim=1) < 0.19).all()
