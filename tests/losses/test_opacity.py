"""The loss of opacity: its values, and that it is the mean over backgrounds that it stands for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from s3im_methods.losses.opacity import opacity_loss


def rays(seed: int, count: int = 6) -> torch.Tensor:
    return torch.rand(count, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_by_hand():
    assert opacity_loss(
        torch.tensor([[1.0], [0.5], [0.0]]), torch.tensor([[1.0], [0.0], [0.5]])
    ).item() == pytest.approx(1 / 6)


def test_equal_opacities_cost_nothing():
    assert opacity_loss(rays(0), rays(0)).item() == 0


@given(seed=st.integers(0, 1000))
def test_it_is_a_twelfth_of_what_random_grey_backgrounds_add(seed):
    opacity, alpha = rays(seed), rays(seed + 1)
    error = torch.randn(6, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)

    def colour_error(background: float) -> torch.Tensor:
        return (error + (alpha - opacity) * background).square().mean()

    # Simpson's rule is exact for the integral of a parabola.
    mean = (colour_error(0) + 4 * colour_error(0.5) + colour_error(1)) / 6
    added = mean - colour_error(0.5)
    assert added.item() == pytest.approx(opacity_loss(opacity, alpha).item() / 12)


def test_half_precision_is_compared_in_full():
    opacity = torch.tensor([[0.3], [0.7]], dtype=torch.bfloat16)
    loss = opacity_loss(opacity, torch.tensor([[0.3], [0.7]]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx((opacity.double() - torch.tensor([[0.3], [0.7]])).square().mean().item())


def test_gradients():
    assert torch.autograd.gradcheck(lambda opacity: opacity_loss(opacity, rays(1)), rays(0).requires_grad_())
