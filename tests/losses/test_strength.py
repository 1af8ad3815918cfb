"""Both factors: hand-computed values, equal strength, and losses without a gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.losses import S3IM
from s3im_methods.losses.strength import MOST_BALANCE, balance_factor, balanced, control_factor, pull


def pulls(own: torch.Tensor, added: torch.Tensor, colours: torch.Tensor) -> list[torch.Tensor]:
    found = [pull(loss, colours) for loss in (own, added)]
    assert all(gradient is not None for gradient in found)
    return found  # type: ignore[return-value]


def test_hand_computed():
    colours = torch.tensor([[3.0, 4.0]], dtype=torch.float64, requires_grad=True)
    own, added = 0.5 * colours.square().sum(), 10 * colours[0, 0]
    # The gradients are (3, 4), of length 5, and (13, 4).
    assert control_factor(*pulls(own, added, colours)).item() == (13**2 + 4**2) ** 0.5 / 5
    assert balance_factor(*pulls(own, added, colours)).item() == 5 / (13**2 + 4**2) ** 0.5


@settings(deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(0, 10))
def test_it_makes_the_own_loss_as_strong_as_both(seed, scale, weight):
    random = torch.Generator().manual_seed(seed)
    colours = torch.rand(8, 3, dtype=torch.float64, generator=random).requires_grad_()
    target = torch.rand(8, 3, dtype=torch.float64, generator=random)
    own, added = scale * (colours - target).square().mean(), weight * (colours - target).abs().mean()
    factor = control_factor(*pulls(own, added, colours))
    assert not factor.requires_grad
    lengths = [torch.autograd.grad(loss, colours, retain_graph=True)[0].norm() for loss in (factor * own, own + added)]
    torch.testing.assert_close(*lengths)


def test_a_loss_without_gradient_stays_as_it_is():
    colours = torch.ones(2, 3, requires_grad=True)
    assert control_factor(*pulls((colours - 1).square().sum(), colours.sum(), colours)).item() == 1.0


def test_half_precision_colours_do_not_overflow():
    colours = torch.full((1000, 3), 2.0, dtype=torch.float16, requires_grad=True)
    own, added = (300 * colours.float()).sum(), (600 * colours.float()).sum()
    assert control_factor(*pulls(own, added, colours)).item() == pytest.approx(3.0, rel=1e-5)


@settings(deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(0, 10))
def test_balance_keeps_the_own_losss_strength_and_the_sums_direction(seed, scale, weight):
    random = torch.Generator().manual_seed(seed)
    colours = torch.rand(8, 3, dtype=torch.float64, generator=random).requires_grad_()
    target = torch.rand(8, 3, dtype=torch.float64, generator=random)
    own, added = scale * (colours - target).abs().mean(), weight * (colours - target).square().mean()
    factor = balance_factor(*pulls(own, added, colours))
    assert not factor.requires_grad
    alone, both, balanced = (
        torch.autograd.grad(loss, colours, retain_graph=True)[0] for loss in (own, own + added, factor * (own + added))
    )
    torch.testing.assert_close(balanced.norm(), alone.norm())
    torch.testing.assert_close(balanced / balanced.norm(), both / both.norm())


def test_balance_without_any_gradient_is_one():
    colours = torch.ones(2, 3, requires_grad=True)
    nothing = (colours - 1).square().sum()
    assert balance_factor(*pulls(nothing, nothing, colours)).item() == 1.0


def test_gradients_that_nearly_cancel_are_not_blown_up():
    colours = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    own = colours.sum()
    assert balance_factor(*pulls(own, -(1 - 1e-6) * own, colours)).item() == MOST_BALANCE


def test_balanced_is_as_long_as_the_own_loss_and_points_as_the_sum():
    random = torch.Generator().manual_seed(0)
    colours = torch.rand(64, 3, dtype=torch.float64, generator=random).requires_grad_()
    target = torch.rand(64, 3, dtype=torch.float64, generator=random)
    own, added = (colours - target).square().mean(), S3IM()(colours, target)
    g, both = (torch.autograd.grad(loss, colours, retain_graph=True)[0] for loss in (own, own + added))
    (found,) = torch.autograd.grad(balanced(own, added, colours), colours)
    torch.testing.assert_close(found, both * g.norm() / both.norm())


@pytest.mark.parametrize("detached", ["own", "added"])
def test_balanced_names_the_loss_that_has_no_gradient(detached):
    colours = torch.rand(16, 3).requires_grad_()
    losses = {"own": colours.square().mean(), "added": colours.mean()} | {detached: torch.ones(())}
    with pytest.raises(ValueError, match=f"'{detached}' has no gradient"):
        balanced(**losses, colours=colours)
