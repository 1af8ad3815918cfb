"""S3IM over groups: against a loop over groups, and the fused routine against autograd."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s3im_methods.losses.grouped import grouped_s3im
from s3im_methods.losses.permutations import random_permutations
from s3im_methods.losses.ssim import gaussian_window

FUSED = [False, True]


def loop(x: Tensor, y: Tensor, permutations: Tensor, kernel_size: int, valid: Tensor) -> float:
    """The definition of SSIM, group by group and channel by channel."""
    weights = gaussian_window(kernel_size, torch.float64, x.device)
    size, losses = kernel_size**2, []
    for permutation in permutations.tolist():
        rays = [ray for ray in permutation if valid[ray]]
        for first in range(0, len(rays) - size + 1, size):
            group = rays[first : first + size]
            for a, b in zip(x[group].T, y[group].T, strict=True):
                mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
                variance = (weights * (a - mean_a) ** 2).sum() + (weights * (b - mean_b) ** 2).sum()
                covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
                luminance = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
                losses.append((1 - luminance * (2 * covariance + 9e-4) / (variance + 9e-4)).item())
    return sum(losses) / max(1, len(losses))


def batch(rays: int, channels: int = 3, seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    y = torch.rand(rays, channels, generator=generator, dtype=torch.float64)
    x = y + 0.2 * torch.randn(rays, channels, generator=generator, dtype=torch.float64)
    return x.to(dtype), y.to(dtype)


def orders(count: int, rays: int, seed: int = 0) -> Tensor:
    return random_permutations(count, rays, torch.Generator().manual_seed(seed))


def value_and_gradient(
    x: Tensor,
    y: Tensor,
    permutations: Tensor,
    kernel_size: int,
    valid: Tensor | None = None,
    fused: bool | None = None,
    held: bool = False,
) -> tuple[Tensor, Tensor]:
    x = x.detach().clone().requires_grad_()
    loss = grouped_s3im(x, y, permutations, kernel_size, valid, fused, held)
    return loss.detach(), torch.autograd.grad(3.0 * loss, x)[0] / 3.0


@settings(max_examples=60, deadline=None)
@given(
    rays=st.integers(1, 40),
    channels=st.integers(1, 5),
    kernel_size=st.integers(1, 3),
    count=st.integers(1, 3),
    share=st.sampled_from([None, 1.0, 0.7, 0.2, 0.0]),
    seed=st.integers(0, 9),
    held=st.booleans(),
)
def test_both_routines_equal_the_loop_and_each_other(rays, channels, kernel_size, count, share, seed, held):
    x, y = batch(rays, channels, seed)
    permutations = orders(count, rays, seed)
    drawn = torch.rand(rays, generator=torch.Generator().manual_seed(seed))
    valid = None if share is None else drawn < share
    if valid is not None:
        # What invalid rays hold must not matter, to the loop neither.
        x[~valid], y[~valid] = float("nan"), float("inf")
    plain, fused = (value_and_gradient(x, y, permutations, kernel_size, valid, way, held) for way in FUSED)
    expected = loop(x, y, permutations, kernel_size, torch.ones(rays, dtype=torch.bool) if valid is None else valid)
    assert plain[0].item() == pytest.approx(expected, abs=1e-12)
    torch.testing.assert_close(fused, plain, atol=1e-12, rtol=1e-9)
    if valid is not None:
        assert not plain[1][~valid].any()


def test_gradient_of_the_fused_routine_in_float64():
    x, y = batch(21)
    valid = torch.arange(21) % 6 > 0
    x.requires_grad_()
    for mask in (None, valid):
        assert torch.autograd.gradcheck(lambda x, mask=mask: grouped_s3im(x, y, orders(3, 21), 2, mask, True), (x,))


@pytest.mark.parametrize("fused", FUSED)
def test_with_held_denominators_noise_does_not_raise_the_contrast(fused):
    random = torch.Generator().manual_seed(0)
    fit = torch.rand(4096, 3, generator=random, dtype=torch.float64)
    y = fit + 0.2 * torch.randn(4096, 3, generator=random, dtype=torch.float64)
    growth = []
    for held in (False, True):
        gradient = value_and_gradient(fit, y, orders(10, 4096), 4, fused=fused, held=held)[1]
        # How fast the loss falls where the contrast of the fit is raised.
        growth.append(-(gradient * (fit - fit.mean(0))).sum().item())
    # About -d/da of ((a - 1)^2 vf + vn) / (a^2 vf + vf + vn) at a = 1, with vf = 1 / 12 and vn = 0.04; the factor of
    # the means takes a tenth away.
    assert growth[0] == pytest.approx(2 * 0.04 / 12 / (2 / 12 + 0.04) ** 2, rel=0.15)
    # Not quite 0: groups whose contrast the noise happens to raise count less.
    assert -0.2 * growth[0] < growth[1] < 0


def test_gradient_of_both_colours_by_autograd_in_float64():
    x, y = batch(21)
    assert torch.autograd.gradcheck(
        lambda x, y: grouped_s3im(x, y, orders(3, 21), 2), (x.requires_grad_(), y.requires_grad_())
    )


def test_by_default_a_target_that_needs_a_gradient_gets_one():
    x, y = batch(64)
    permutations = orders(2, 64)
    _, expected = value_and_gradient(y, x, permutations, 4)
    grouped_s3im(x, y.requires_grad_(), permutations, 4).backward()
    torch.testing.assert_close(y.grad, expected)


def test_the_fused_routine_refuses_a_second_derivative():
    x, y = batch(64)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad((x * grouped_s3im(x, y, orders(1, 64), 4)).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize("ground", [0.0, 1.0, 30.0])
def test_float32_is_as_good_as_the_colours_are(ground):
    exact_x, exact_y = batch(4096)
    x, y = (ground + 0.1 * exact_x).float(), (ground + 0.1 * exact_y).float()
    permutations = orders(10, 4096)
    exact_value, exact_gradient = value_and_gradient(x.double(), y.double(), permutations, 4)
    for fused in FUSED:
        value, gradient = value_and_gradient(x, y, permutations, 4, fused=fused)
        assert value.item() == pytest.approx(exact_value.item(), rel=1e-5)
        assert (gradient - exact_gradient).norm() < 1e-5 * exact_gradient.norm()


@pytest.mark.parametrize("fused", FUSED)
def test_a_few_extreme_rays_in_a_constant_batch_leave_the_loss_in_range(fused):
    x = torch.full((256, 3), 0.3)
    y = x.clone()
    x[5], y[9] = 1e6, -1e6
    value, gradient = value_and_gradient(x, y, orders(10, 256), 4, fused=fused)
    assert 0 < value < 2
    assert gradient.isfinite().all()


@pytest.mark.parametrize("fused", FUSED)
def test_every_ray_gets_a_gradient_where_the_groups_use_all_rays(fused):
    x, y = batch(256)
    gradient = value_and_gradient(x, y, orders(1, 256), 4, fused=fused)[1]
    assert (gradient != 0).all()


@pytest.mark.parametrize("fused", FUSED)
def test_the_rays_left_out_differ_between_permutations(fused):
    x, y = batch(31)
    for count, out in ((1, 15), (40, 0)):
        gradient = value_and_gradient(x, y, orders(count, 31), 4, fused=fused)[1]
        assert (gradient == 0).all(1).sum() == out


@pytest.mark.parametrize("fused", FUSED)
def test_nan_in_a_ray_that_counts_shows(fused):
    x, y = batch(64)
    x[3] = float("nan")
    assert grouped_s3im(x, y, orders(1, 64), 4, torch.ones(64, dtype=torch.bool), fused).isnan()


def test_no_number_is_fetched_from_the_device():
    # Tensors on the device "meta" have no numbers, so that reading one, or indexing by a mask, raises an error.
    x = torch.rand(70, 3, device="meta", requires_grad=True)
    y, valid = torch.rand(70, 3, device="meta"), torch.ones(70, dtype=torch.bool, device="meta")
    permutations = torch.empty(4, 70, dtype=torch.int64, device="meta")
    for mask in (None, valid):
        grouped_s3im(x, y, permutations, 4, mask).backward()
        assert x.grad is not None and x.grad.shape == x.shape
