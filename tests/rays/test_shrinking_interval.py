"""Samples in UNISURF's interval: its schedule, and what every sampler promises."""

import math
from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle

from s3im_methods.rays.shrinking_interval import IntervalSampler, half_width


def test_the_schedule_at_its_ends_and_between():
    assert half_width(0.0, 0.5, 0.03) == 0.5
    assert half_width(1.0, 0.5, 0.03) == pytest.approx(0.03)
    assert half_width(0.5, 0.5, 0.03) == pytest.approx(math.sqrt(0.5 * 0.03))


@pytest.mark.parametrize("step", [0, 1, 1000, 150_000, 199_715, 450_000, 10**9])
def test_it_is_the_originals(step):
    """max(start e^(-1.5e-5 k), end) with a start of 0.5 and an end of 0.025 radii."""
    progress = min(1.0, step * 1.5e-5 / math.log(20))
    assert half_width(progress, 0.5, 0.025) == pytest.approx(max(0.5 * math.exp(-1.5e-5 * step), 0.025), rel=1e-6)


def rays(nears, fars) -> RayBundle:
    count = len(nears)
    return RayBundle(
        torch.zeros(count, 3),
        torch.tensor([0.0, 0.0, 1.0]).expand(count, 3),
        torch.ones(count, 1),
        nears=torch.tensor(nears)[:, None],
        fars=torch.tensor(fars)[:, None],
    )


def edges(sampler: IntervalSampler, bundle: RayBundle, roots, found, half: float) -> torch.Tensor:
    samples = sampler(bundle, roots=torch.tensor(roots)[:, None], found=torch.tensor(found)[:, None], half=half)
    starts, ends = samples.frustums.starts[..., 0], samples.frustums.ends[..., 0]
    assert torch.equal(starts[:, 1:], ends[:, :-1])
    return torch.cat([starts, ends[:, -1:]], dim=-1)


def test_in_evaluation_they_are_where_one_expects_them():
    sampler = IntervalSampler(around=4, before=2).eval()
    found = edges(sampler, rays([1.0, 1.0, 1.0], [4.0, 4.0, 4.0]), [3.0, 3.0, 1.2], [True, False, True], 0.4)
    expected = [
        [1.0, 1.8, 2.6, 2.8, 3.0, 3.2, 3.4],
        # No root: all over the ray.
        [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0],
        # The interval begins at the near plane, and has all samples.
        [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6],
    ]
    torch.testing.assert_close(found, torch.tensor(expected))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("around", "before"), [(16, 8), (5, 0), (1, 3)])
def test_bins_ascend_and_join_within_nears_and_fars(training, around, before):
    random = torch.Generator().manual_seed(0)
    nears = 3 * torch.rand(500, generator=random)
    lengths = torch.rand(500, generator=random) * (torch.rand(500, generator=random) > 0.1)
    roots = nears + lengths * (1.4 * torch.rand(500, generator=random) - 0.2)
    met = torch.rand(500, generator=random) > 0.3
    bundle: Any = rays(nears.tolist(), (nears + lengths).tolist())
    before_nears, before_fars = bundle.nears.clone(), bundle.fars.clone()
    sampler = IntervalSampler(around, before).train(training)
    for half in (1.0, 0.2, 1e-3):
        found = edges(sampler, bundle, roots.tolist(), met.tolist(), half)
        assert found.shape == (500, around + before + 1)
        assert found.isfinite().all() and not found.requires_grad
        assert (found.diff(dim=-1) >= -1e-6).all()
        assert (found >= bundle.nears - 1e-6).all() and (found <= bundle.fars + 1e-6).all()
    assert torch.equal(bundle.nears, before_nears) and torch.equal(bundle.fars, before_fars)


def test_in_training_bins_of_a_ray_move_together_and_rays_apart():
    sampler = IntervalSampler(around=10, before=0).train()
    found = edges(sampler, rays([0.0] * 100, [1.0] * 100), [0.5] * 100, [False] * 100, 0.1)
    inner = found[:, 1:-1] - torch.linspace(0, 1, 11)[1:-1]
    assert inner.std(dim=1).max() < 1e-6
    assert inner[:, 0].abs().max() <= 0.05 + 1e-6 and inner[:, 0].std() > 0.02
