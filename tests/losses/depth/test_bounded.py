"""The bounded depth loss against its closed forms."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.losses.depth.bounded import bounded_depth_loss, bounded_depth_terms

SIGMA = 0.03
DEPTH = 1.0


def phi(z: Tensor) -> Tensor:
    return torch.special.ndtr(z)


def bins(count: int, start: float = 0.0, end: float = 2.0) -> tuple[Tensor, Tensor]:
    edges = torch.linspace(start, end, count + 1, dtype=torch.float64)
    return edges[None, :-1], edges[None, 1:]


def gaussian_weights(starts: Tensor, ends: Tensor, depth: float = DEPTH) -> Tensor:
    """Weights whose sum up to a bin's end is Phi there."""
    return phi((ends - depth) / SIGMA) - phi((starts - depth) / SIGMA)


def terms_of(weights: Tensor, starts: Tensor, ends: Tensor, **settings_):
    depth = torch.full((len(weights),), DEPTH, dtype=torch.float64)
    return bounded_depth_terms(weights, starts, ends, depth, **{"sigma": SIGMA, **settings_})


@pytest.mark.parametrize("count", [7, 32, 64, 128])
def test_a_gaussian_ray_has_no_loss_at_any_number_of_bins(count):
    starts, ends = bins(count)
    terms = terms_of(gaussian_weights(starts, ends), starts, ends)
    assert max(terms.near, terms.far) < 1e-25
    # The tail that lies farther than three standard deviations before the depth.
    assert terms.empty <= 0.00135**2


@pytest.mark.parametrize(("count", "near"), [(32, 0.123), (64, 0.0159), (128, 0.0035)])
def test_at_midpoints_it_would_be_penalised(count, near):
    starts, ends = bins(count)
    terms = terms_of(gaussian_weights(starts, ends), starts, ends, variant="fork")
    assert terms.near.item() == pytest.approx(near, rel=0.05)


def test_all_weight_in_the_bin_that_ends_at_the_depth_is_within_the_bounds():
    starts, ends = bins(128)
    weights = (ends - DEPTH).abs().lt(1e-9).double()
    assert weights.sum() == 1
    assert terms_of(weights, starts, ends) == (0, 0, 0)


def test_weight_in_empty_space_is_penalised_there_and_as_a_sum_that_comes_too_early():
    starts, ends = bins(200)
    index = 87
    assert DEPTH - 4.5 * SIGMA < ends[0, index] < DEPTH - 3 * SIGMA
    weights = torch.zeros_like(ends)
    weights[0, index] = 0.6
    empty = (ends < DEPTH - 3 * SIGMA)[0]
    near = (ends < DEPTH)[0] & ~empty
    terms = terms_of(weights, starts, ends)
    assert terms.empty.item() == pytest.approx(0.6**2 / empty.sum().item())
    gap = (0.6 - phi((ends[0, near] - DEPTH) / SIGMA)).clamp(min=0)
    assert terms.near.item() == pytest.approx(gap.square().mean().item())
    far_gap = (phi((ends[0, ends[0] >= DEPTH] - DEPTH) / SIGMA) - 0.6).clamp(min=0)
    assert terms.far.item() == pytest.approx(far_gap.square().mean().item())


def test_an_empty_ray_is_penalised_behind_the_depth_alone():
    starts, ends = bins(100)
    terms = terms_of(torch.zeros_like(ends), starts, ends)
    assert terms.empty == terms.near == 0
    expected = phi((ends[ends >= DEPTH] - DEPTH) / SIGMA).square().mean()
    assert terms.far.item() == pytest.approx(expected.item())


@pytest.mark.parametrize("beta", [0.0, 2.0])
@pytest.mark.parametrize("shift", [-2, 2])
def test_widening_lets_the_surface_move_by_as_many_standard_deviations(beta, shift):
    starts, ends = bins(100)
    weights = gaussian_weights(starts, ends, DEPTH + shift * SIGMA)
    terms = terms_of(weights, starts, ends, widening=beta)
    if beta == 2:
        assert terms.near + terms.far < 1e-25 and terms.empty < 2e-6
    else:
        assert terms.near + terms.far > 1e-3


@pytest.mark.parametrize("shift", [-3.5, 3.5])
def test_and_no_farther(shift):
    starts, ends = bins(400)
    weights = gaussian_weights(starts, ends, DEPTH + shift * SIGMA)
    terms = terms_of(weights, starts, ends, widening=2.0)
    assert terms.near + terms.far > 1e-4


def test_sigma_and_widening_may_differ_from_ray_to_ray():
    starts, ends = (values.expand(3, -1) for values in bins(50))
    weights = torch.rand(3, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64).softmax(-1)
    depth = torch.tensor([0.7, 1.0, 1.4], dtype=torch.float64)
    sigma, beta = torch.tensor([0.02, 0.1, 0.3]).double(), torch.tensor([0.0, 1.0, 2.0]).double()
    together = bounded_depth_loss(weights, starts, ends, depth, sigma, beta)
    alone = [
        bounded_depth_loss(weights[i : i + 1], starts[:1], ends[:1], depth[i : i + 1], sigma[i].item(), beta[i].item())
        for i in range(3)
    ]
    assert together.item() == pytest.approx(torch.stack(alone).mean().item(), rel=1e-12)


def test_fork_repeats_the_authors_sums():
    """Each region's sum over the batch by its number of samples, at midpoints; the far region ends at 3 sigma."""
    random = torch.Generator().manual_seed(0)
    starts, ends = (values.expand(2, -1) for values in bins(150))
    weights = torch.rand(2, 150, generator=random, dtype=torch.float64).softmax(-1)
    depths = torch.tensor([0.8, 1.3], dtype=torch.float64)
    sums, counts = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for ray, depth in enumerate(depths):
        for sample in range(150):
            t = (starts[ray, sample] + ends[ray, sample]) / 2
            cumulative, bound = weights[ray, : sample + 1].sum(), phi((t - depth) / SIGMA)
            if t < depth - 3 * SIGMA:
                region, penalty = 0, weights[ray, sample] ** 2
            elif t < depth:
                region, penalty = 1, (cumulative - bound).clamp(min=0) ** 2
            elif t < depth + 3 * SIGMA:
                region, penalty = 2, (bound - cumulative).clamp(min=0) ** 2
            else:
                continue
            sums[region] += penalty
            counts[region] += 1
    terms = bounded_depth_terms(weights, starts, ends, depths, SIGMA, variant="fork")
    torch.testing.assert_close(torch.stack(terms), sums / counts)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), samples=st.integers(1, 40), scale=st.floats(0.01, 100))
def test_it_has_no_unit_and_is_bounded(seed, samples, scale):
    random = torch.Generator().manual_seed(seed)
    edges = torch.rand(4, samples + 1, generator=random, dtype=torch.float64).cumsum(-1)
    weights = torch.rand(4, samples, generator=random, dtype=torch.float64).softmax(-1)
    depth = edges[:, -1] * torch.rand(4, generator=random, dtype=torch.float64)
    terms, scaled = (
        torch.stack(bounded_depth_terms(weights, s * edges[:, :-1], s * edges[:, 1:], s * depth, s * 0.1, 0.5))
        for s in (1.0, scale)
    )
    assert (terms >= 0).all() and (terms <= 1).all()
    torch.testing.assert_close(scaled, terms, rtol=1e-6, atol=1e-12)


def test_the_gradient_is_the_finite_difference():
    starts, ends = bins(20)
    weights = torch.full_like(ends, 0.04)
    weights[0, 12] = 0.2
    depth = torch.tensor([DEPTH + 0.01], dtype=torch.float64)

    def loss(values: Tensor) -> Tensor:
        return bounded_depth_loss(values, starts, ends, depth, 0.1, 1.0)

    gradient = torch.autograd.functional.jacobian(loss, weights)[0]
    step = 1e-6
    for index in range(20):
        change = torch.zeros_like(weights)
        change[0, index] = step
        difference = (loss(weights + change) - loss(weights - change)).item() / (2 * step)
        assert gradient[index].item() == pytest.approx(difference, abs=1e-8)


def test_bad_settings():
    starts, ends = bins(4)
    with pytest.raises(InputError, match="variant 'paper'"):
        terms_of(ends, starts, ends, variant="paper")
    with pytest.raises(InputError, match=r"sigma is 0\.0"):
        terms_of(ends, starts, ends, sigma=0.0)
