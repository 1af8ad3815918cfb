"""What holds for every depth loss: which rays count, precision, gradients, and the settings that choose one."""

import dataclasses
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.losses.depth import DepthLossConfig, DepthTargets, SigmaScheduleConfig, depth_loss, sigma_at
from s3im_methods.losses.depth.depth_config import USUAL_WEIGHTS, DepthLossKind

KINDS = [kind for kind in get_args(DepthLossKind) if kind not in ("none", "auto")]
MEAN_OVER_ALL_RAYS = ("ds-nerf-stock", "urban-stock")
MEAN_OVER_SAMPLES = ("bounded-fork",)
OF_PAIRS = ("ranking", "pearson")


def rays(count: int = 36, samples: int = 10, dtype: torch.dtype = torch.float64, seed: int = 0) -> tuple[Tensor, ...]:
    """Weights, bin starts, bin ends, and depths within the bins."""
    random = torch.Generator().manual_seed(seed)
    weights = 0.9 * torch.rand(count, samples, generator=random, dtype=torch.float64).softmax(-1)
    edges = 0.1 + torch.rand(count, samples + 1, generator=random, dtype=torch.float64).cumsum(-1) / 4
    depth = 0.5 + torch.rand(count, generator=random, dtype=torch.float64)
    return tuple(values.to(dtype) for values in (weights, edges[:, :-1], edges[:, 1:], depth))


def loss_of(
    kind: str, weights: Tensor, starts: Tensor, ends: Tensor, depth: Tensor, *, reach: float = 0.0, **targets: Any
) -> Tensor:
    given_targets = {"sigma": 0.1, "image_indices": torch.arange(len(depth)) % 2, **targets}
    config = DepthLossConfig(kind=kind, reach=reach)  # type: ignore[arg-type]
    return depth_loss(config, weights, starts, ends, DepthTargets(depth, **given_targets))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("reach", [0.0, 2.0])
def test_no_valid_ray_is_no_loss_and_no_gradient(kind, missing, reach):
    weights, starts, ends, depth = rays()
    weights.requires_grad_()
    for count in (36, 0):
        unknown = torch.full_like(depth[:count], missing)
        loss = loss_of(kind, weights[:count], starts[:count], ends[:count], unknown, reach=reach)
        if count == 0 and kind in MEAN_OVER_ALL_RAYS:
            continue
        assert loss.item() == 0
        assert not torch.autograd.grad(loss, weights)[0].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [0.0, float("nan"), float("inf")])
@pytest.mark.parametrize("reach", [0.0, 2.0])
def test_rays_without_depth_have_no_effect(kind, missing, reach):
    """The mean is over the others, and so is the gradient; in nerfstudio's arithmetic the mean is over all."""
    weights, starts, ends, depth = rays()
    valid = torch.arange(36) % 3 > 0
    images = torch.arange(36) % 2
    known = weights[valid], starts[valid], ends[valid], depth[valid]
    alone = loss_of(kind, *known, reach=reach, image_indices=images[valid])
    weights.requires_grad_()
    loss = loss_of(kind, weights, starts, ends, depth.masked_fill(~valid, missing), reach=reach, image_indices=images)
    of_weights = torch.autograd.grad(loss, weights)[0]
    assert not of_weights[~valid].any() and of_weights[valid].any()
    if kind == "ranking":
        return  # Its pairs are consecutive rays, of which others are left.
    share = valid.double().mean().item() if kind in MEAN_OVER_ALL_RAYS else 1.0
    assert loss.item() == pytest.approx(share * alone.item(), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_confidence_of_zero_leaves_a_ray_out_and_equal_ones_change_nothing(kind):
    weights, starts, ends, depth = rays()
    confidence = (torch.arange(36) % 3 > 0).double()
    dropped = loss_of(kind, weights, starts, ends, depth * confidence)
    assert loss_of(kind, weights, starts, ends, depth, confidence=confidence).item() == dropped.item()
    if kind not in MEAN_OVER_ALL_RAYS:
        whole, halved = (loss_of(kind, weights, starts, ends, depth, confidence=c * confidence) for c in (1.0, 0.5))
        assert halved.item() == pytest.approx(whole.item(), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_weights_and_depths(kind):
    """Depths have gradients too, because an alignment of theirs can be learned."""
    weights, starts, ends, depth = rays(6, 5)
    confidence = torch.linspace(0.2, 1.0, 6, dtype=torch.float64)

    def function(weights: Tensor, depth: Tensor) -> Tensor:
        sigma = torch.linspace(0.1, 0.3, 6, dtype=torch.float64)
        widening = torch.linspace(0.0, 1.0, 6, dtype=torch.float64)
        return loss_of(kind, weights, starts, ends, depth, sigma=sigma, widening=widening, confidence=confidence)

    assert torch.autograd.gradcheck(function, (weights.requires_grad_(), depth.requires_grad_()))


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_and_autocast_compute_in_float32(kind):
    weights, starts, ends, depth = rays(dtype=torch.float32)
    half = weights.bfloat16().requires_grad_()
    expected = loss_of(kind, half.detach().float(), starts, ends, depth)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = loss_of(kind, half, starts, ends, depth)
    assert loss.dtype == torch.float32 and torch.equal(loss, expected)
    assert torch.autograd.grad(loss, half)[0].isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", [0, 4, 9, None])
def test_extreme_rays_have_finite_gradients(kind, where):
    """All weight in one bin, or none at all, and all depths equal."""
    weights, starts, ends, depth = rays(dtype=torch.float32)
    weights = torch.zeros_like(weights)
    if where is not None:
        weights[:, where] = 1.0
    weights.requires_grad_()
    loss = loss_of(kind, weights, starts, ends, torch.full_like(depth, 0.8), sigma=1e-3)
    assert loss.isfinite()
    assert torch.autograd.grad(loss, weights)[0].isfinite().all()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {*OF_PAIRS, *MEAN_OVER_ALL_RAYS, *MEAN_OVER_SAMPLES}))
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 35))
def test_it_is_the_mean_of_its_parts(kind, seed, cut):
    arguments = rays(seed=seed)
    parts = [loss_of(kind, *(values[part] for values in arguments)) for part in (slice(0, cut), slice(cut, 36))]
    mean = (cut * parts[0] + (36 - cut) * parts[1]) / 36
    assert loss_of(kind, *arguments).item() == pytest.approx(mean.item(), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_stay_as_they_are(kind):
    arguments = rays()
    copies = [values.clone() for values in arguments]
    loss_of(kind, *arguments)
    assert all(map(torch.equal, arguments, copies))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OF_PAIRS])
def test_shapes_that_do_not_fit_are_named(kind):
    weights, starts, ends, depth = rays()
    with pytest.raises(InputError, match=r"\[36, 1\]|\[36\] and"):
        loss_of(kind, weights, starts, ends, depth[:, None])


@pytest.mark.parametrize(
    ("settings_", "flag"),
    [
        ({"kind": "bonded"}, "depth.kind"),
        ({"loss_mult": -1.0}, "depth.loss-mult"),
        ({"loss_mult": float("nan")}, "depth.loss-mult"),
        ({"surface_mult": -0.1}, "depth.surface-mult"),
        ({"reach": 0.5}, "depth.reach"),
        ({"sigma": SigmaScheduleConfig(start=0.0)}, "depth.sigma.start"),
        ({"sigma": SigmaScheduleConfig(end=float("inf"))}, "depth.sigma.end"),
        ({"sigma": SigmaScheduleConfig(steps=-1)}, "depth.sigma.steps"),
    ],
)
def test_settings_out_of_range_name_their_flag(settings_, flag):
    DepthLossConfig().check()
    with pytest.raises(InputError, match=f"--pipeline.model.{flag}"):
        DepthLossConfig(**settings_).check()


@pytest.mark.parametrize("kind", ["l2", "l1", "urban"])
def test_reach_limits_what_a_little_weight_far_away_can_do(kind):
    """Like an unbounded scene's last bin; nothing changes for a ray whose bins all lie nearer."""
    weights, starts, ends, depth = rays()
    torch.testing.assert_close(
        loss_of(kind, weights, starts, ends, depth, reach=100.0), loss_of(kind, weights, starts, ends, depth)
    )
    far_ends = torch.cat([ends, torch.full_like(ends[:, :1], 1000.0)], dim=-1)
    far_starts = torch.cat([starts, ends[:, -1:]], dim=-1)
    far_weights = torch.cat([weights, torch.full_like(weights[:, :1], 1e-3)], dim=-1).requires_grad_()
    pulls = []
    for reach in (0.0, 2.0):
        loss = loss_of(kind, far_weights, far_starts, far_ends, depth, reach=reach)
        pulls.append(torch.autograd.grad(loss, far_weights)[0][:, -1].abs().mean())
    assert pulls[1] < pulls[0] / 100


def test_every_kind_has_a_usual_weight():
    assert set(USUAL_WEIGHTS) == set(get_args(DepthLossKind))
    assert DepthLossConfig(kind="none", loss_mult=3.0).weight() == 0.0
    assert DepthLossConfig(kind="l1", loss_mult=0.0).weight() == 0.0
    with pytest.raises(InputError, match="none"):
        loss_of("none", *rays())


@given(start=st.floats(1e-3, 10), end=st.floats(1e-3, 10), steps=st.integers(1, 5000), step=st.integers(0, 10_000))
def test_sigma_goes_from_start_to_end_by_equal_factors(start, end, steps, step):
    config = SigmaScheduleConfig(start=start, end=end, steps=steps)
    assert sigma_at(config, 0) == pytest.approx(start)
    assert sigma_at(config, steps) == sigma_at(config, steps + step) == end
    if step + 1 <= steps:
        factor = sigma_at(config, step + 1) / sigma_at(config, step)
        assert factor**steps == pytest.approx(end / start, rel=1e-6)
    assert sigma_at(dataclasses.replace(config, steps=0), step) == end


def test_auto_has_to_be_decided_first():
    with pytest.raises(InputError, match="only some methods can decide"):
        DepthLossConfig(kind="auto").check()
    assert DepthLossConfig(kind="auto").decided(wanted=False).weight() == 0
    assert DepthLossConfig(kind="l2").decided(wanted=True) == DepthLossConfig(kind="l2")
