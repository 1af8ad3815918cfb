"""The proposal networks' schedule is a function of the step."""

import numpy as np
import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.model_components.ray_samplers import ProposalNetworkSampler

from s3im_methods.compat.proposals import ProposalSchedule

STEPS = 60


def sampler() -> ProposalNetworkSampler:
    return ProposalNetworkSampler(
        num_proposal_samples_per_ray=(4,),
        num_nerf_samples_per_ray=4,
        num_proposal_network_iterations=1,
        update_sched=lambda step: np.interp(step, [0, 40], [2, 5]),
    )


def rays() -> RayBundle:
    ones = torch.ones(1, 1)
    return RayBundle(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]]), ones, nears=0.1 * ones, fars=ones)


def updates(stock: bool, start: int = 0, render_every: int = 0) -> list[int]:
    """The steps at which the proposal network is trained."""
    proposal, result = sampler(), []
    schedule = ProposalSchedule(proposal)

    def density(positions):
        calls.append(torch.is_grad_enabled())
        return torch.ones_like(positions[..., :1])

    for step in range(start, STEPS):
        if not stock:
            schedule.before_step(step)
        calls: list[bool] = []
        proposal(rays(), density_fns=[density])
        if calls[0]:
            result.append(step)
        proposal.step_cb(step)
        if render_every and step % render_every == 0:
            with torch.no_grad():
                proposal(rays(), density_fns=[density])
    return result


def test_it_is_nerfstudios_schedule():
    assert updates(stock=False) == updates(stock=True)


def test_rendering_does_not_change_it():
    assert updates(stock=False, render_every=1) == updates(stock=True)


@pytest.mark.parametrize("start", [1, 11, 37])
def test_a_resumed_run_continues_it(start):
    assert updates(stock=False, start=start) == [step for step in updates(stock=True) if step >= start]


def test_an_earlier_step_starts_over():
    schedule, fresh = ProposalSchedule(sampler()), ProposalSchedule(sampler())
    schedule.before_step(50)
    schedule.before_step(12)
    fresh.before_step(12)
    assert vars(schedule.sampler)["_steps_since_update"] == vars(fresh.sampler)["_steps_since_update"]


def test_upstream_still_needs_it():
    """When this fails, rendering no longer delays the updates: remove ``compat.proposals``."""
    assert updates(stock=True, render_every=1) != updates(stock=True)
