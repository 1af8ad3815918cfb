"""Mode official against the reference module's arithmetic, written down from its description."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from s3im_methods.losses import S3IM
from s3im_methods.losses.official import official_permutations, official_s3im
from s3im_methods.losses.ssim import dissimilarity, gaussian_window, image_windows


def window_1d(size: int, dtype: torch.dtype) -> Tensor:
    profile = torch.exp(-((torch.arange(size, dtype=dtype) - size // 2) ** 2) / (2 * 1.5**2))
    return profile / profile.sum()


def reference(x: Tensor, y: Tensor, order: Tensor, height: int, width: int, kernel_size: int = 4, stride: int = 4):
    """Convolutions over the zero-padded raster image of all permutations, with raw moments."""
    channels = x.shape[1]
    profile = window_1d(kernel_size, x.dtype)
    window = torch.outer(profile, profile).expand(channels, 1, kernel_size, kernel_size)
    a, b = (values[order.flatten()].T.reshape(1, channels, height, width) for values in (x, y))

    def mean(image: Tensor) -> Tensor:
        return F.conv2d(image, window, padding=(kernel_size - 1) // 2, stride=stride, groups=channels)

    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    ssim = (2 * mean_a * mean_b + 0.01**2) * (2 * covariance + 0.03**2)
    ssim = ssim / ((mean_a**2 + mean_b**2 + 0.01**2) * (variance_a + variance_b + 0.03**2))
    return 1 - ssim.mean()


def batch(rays: int, channels: int = 3, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """A noisy prediction of a smooth ramp."""
    generator = torch.Generator().manual_seed(0)
    y = torch.linspace(0, 1, rays, dtype=dtype)[:, None] * torch.linspace(1, 0.5, channels, dtype=dtype)
    return y + 0.03 * torch.randn(rays, channels, generator=generator, dtype=dtype), y


def test_one_permutation_equals_the_reference_in_float32():
    x, y = batch(4096)
    x.requires_grad_()
    ours = S3IM(mode="official", repeat_time=1)(x, y)
    theirs = reference(x, y, torch.arange(4096), 64, 64)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-6)
    our_gradient, their_gradient = (torch.autograd.grad(loss, x)[0] for loss in (ours, theirs))
    assert (our_gradient - their_gradient).norm() < 1e-4 * their_gradient.norm()
    # The last row and the last column of the image lie in no window.
    assert (our_gradient == 0).all(1).sum() == 127


@pytest.mark.parametrize(("channels", "kernel_size", "stride", "count"), [(3, 4, 4, 10), (1, 5, 2, 3), (7, 3, 4, 2)])
def test_given_permutations_equal_the_reference_in_float64(channels, kernel_size, stride, count):
    x, y = batch(16 * 12, channels, torch.float64)
    order = official_permutations(count, 16 * 12, torch.Generator().manual_seed(3))
    assert order[0].tolist() == list(range(16 * 12))
    ours = official_s3im(x, y, order, kernel_size, stride, patch_height=16)
    theirs = reference(x, y, order, 16, 12 * count, kernel_size, stride)
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-12)


def test_ten_permutations_have_the_references_distribution():
    y = batch(256)[1]
    # An error that varies slowly, too: the windows of the batch's own order hardly see it.
    x = y + 0.1 * torch.sin(20 * y)
    loss = S3IM(mode="official", patch_height=16, patch_width=16, seed=5)
    ours = torch.stack([loss(x, y) for _ in range(300)]).double()
    generator = torch.Generator().manual_seed(7)
    theirs = []
    for _ in range(300):
        shuffled = [torch.randperm(256, generator=generator) for _ in range(9)]
        theirs.append(reference(x, y, torch.cat([torch.arange(256), *shuffled]), 16, 160))
    theirs = torch.stack(theirs).double()
    standard_error = ((ours.var() + theirs.var()) / 300).sqrt()
    assert abs(ours.mean() - theirs.mean()) < 4 * standard_error
    assert ours.std() / theirs.std() == pytest.approx(1, abs=0.25)
    # The test can tell: without the batch's own order the mean lies far off.
    shuffled_only = torch.stack(
        [
            official_s3im(x, y, torch.stack([torch.randperm(256, generator=generator) for _ in range(10)]), 4, 4, 16)
            for _ in range(100)
        ]
    )
    assert abs(shuffled_only.mean() - theirs.mean()) > 10 * standard_error


@pytest.mark.parametrize(("rays", "height", "width"), [(4097, 64, 128), (1000, 64, 31), (40, 40, 2), (15, 15, 2)])
def test_other_batch_sizes_leave_out_the_rest_at_the_end(rays, height, width):
    x, y = batch(rays, 3, torch.float64)
    order = official_permutations(2, rays, torch.Generator().manual_seed(0))
    theirs = reference(x, y, order.flatten()[: height * width], height, width)
    assert official_s3im(x, y, order, 4, 4, patch_height=64).item() == pytest.approx(theirs.item(), abs=1e-12)


def test_held_denominators_are_those_of_its_windows():
    x, y = batch(256, 3, torch.float64)
    x.requires_grad_()
    order = official_permutations(2, 256, torch.Generator().manual_seed(0))
    images = [F.pad(values[order.flatten()].view(1, 16, 32, 3), (0, 0, 1, 1, 1, 1)) for values in (x, y)]
    a, b = (image_windows(image, 4, 4) for image in images)
    expected = dissimilarity(a, b, gaussian_window(4, x.dtype, x.device), held=True).mean()
    ours = official_s3im(x, y, order, 4, 4, patch_height=16, held=True)
    gradients = [torch.autograd.grad(loss, x)[0] for loss in (ours, expected)]
    torch.testing.assert_close((ours, gradients[0]), (expected, gradients[1]), rtol=1e-9, atol=1e-12)


def test_masked_rays_are_dropped_before():
    x, y = batch(4196)
    mask = torch.ones(4196, dtype=torch.bool)
    mask[50:150] = False
    x[~mask] = float("nan")
    x.requires_grad_()
    loss = S3IM(mode="official", repeat_time=1)(x, y, mask)
    theirs = reference(x[mask], y[mask], torch.arange(4096), 64, 64)
    assert loss.item() == pytest.approx(theirs.item(), abs=1e-6)
    loss.backward()
    assert x.grad is not None
    assert not x.grad[~mask].any() and x.grad.isfinite().all()


def test_its_moments_are_never_rounded_to_tf32(monkeypatch):
    seen, convolve = [], torch.nn.functional.conv2d

    def watched(*arguments, **named):
        seen.append(torch.backends.cudnn.allow_tf32)
        return convolve(*arguments, **named)

    monkeypatch.setattr(torch.nn.functional, "conv2d", watched)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    colours = torch.rand(64, 3)
    S3IM(mode="official")(colours, colours)
    assert seen == [False] * 5 and torch.backends.cudnn.allow_tf32
