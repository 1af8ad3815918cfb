"""The ranking loss."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.losses.depth.ranking import ranking_depth_loss


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 30), images=st.integers(1, 5))
def test_it_is_the_mean_over_pairs_written_as_a_loop(seed, count, images):
    random = torch.Generator().manual_seed(seed)
    predicted = torch.rand(count, generator=random, dtype=torch.float64)
    depth = torch.rand(count, generator=random, dtype=torch.float64).round(decimals=1)
    image = torch.randint(0, images, (count,), generator=random)
    violations = []
    for number in range(images):
        own = [i for i in range(count) if image[i] == number]
        for i, j in itertools.pairwise(own):
            if depth[i] == 0 or depth[j] == 0 or depth[i] == depth[j]:
                continue
            near, far = (i, j) if depth[i] < depth[j] else (j, i)
            violations.append(max(0.0, (predicted[near] - predicted[far]).item() + 0.01))
    expected = sum(violations) / max(len(violations), 1)
    loss = ranking_depth_loss(predicted, depth, image, margin=0.01)
    assert loss.item() == pytest.approx(expected, abs=1e-12)


def test_no_pair_that_disagrees_is_no_loss_and_no_gradient():
    """nerfstudio 1.1.5 has NaN here."""
    depth = torch.linspace(1, 9, 20)
    predicted = (depth**2).requires_grad_()
    loss = ranking_depth_loss(predicted, depth)
    assert loss.item() == 0
    assert not torch.autograd.grad(loss, predicted)[0].any()


def test_only_the_order_matters():
    random = torch.Generator().manual_seed(0)
    predicted, depth = torch.rand(50, generator=random), 0.1 + torch.rand(50, generator=random)
    assert torch.equal(ranking_depth_loss(predicted, depth), ranking_depth_loss(predicted, 7 * depth.exp()))
