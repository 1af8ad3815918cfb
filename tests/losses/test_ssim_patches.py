"""SSIM of real patches against loops."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.losses.ssim import dissimilarity, gaussian_window
from s3im_methods.losses.ssim_patches import patch_ssim


def batch(rays: int, channels: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    y = torch.rand(rays, channels, generator=generator, dtype=torch.float64)
    return y + 0.2 * torch.randn(rays, channels, generator=generator, dtype=torch.float64), y


def loop(x: Tensor, y: Tensor, patches: int, size: int, kernel: int, stride: int, valid: Tensor) -> float:
    weights = gaussian_window(kernel, torch.float64, x.device)
    losses = []
    for patch in range(patches):
        for top in range(0, size - kernel + 1, stride):
            for left in range(0, size - kernel + 1, stride):
                rays = [patch * size**2 + (top + i) * size + left + j for i in range(kernel) for j in range(kernel)]
                if valid[rays].all():
                    losses += [dissimilarity(a, b, weights).item() for a, b in zip(x[rays].T, y[rays].T, strict=True)]
    return sum(losses) / max(1, len(losses))


@settings(max_examples=50, deadline=None)
@given(
    patches=st.integers(1, 3),
    size=st.integers(2, 7),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 4),
    others=st.integers(0, 5),
    share=st.sampled_from([None, 0.98, 0.8, 0.0]),
)
def test_against_loops(patches, size, kernel, stride, others, share):
    kernel = min(kernel, size)
    x, y = batch(patches * size**2 + others)
    valid = None if share is None else torch.rand(len(x), generator=torch.Generator().manual_seed(1)) < share
    if valid is not None:
        x[~valid], y[~valid] = float("nan"), float("-inf")
    x.requires_grad_()
    loss = patch_ssim(x, y, patches, size, kernel, stride, valid)
    everything = torch.ones(len(x), dtype=torch.bool)
    expected = loop(x.detach(), y, patches, size, kernel, stride, everything if valid is None else valid)
    assert loss.item() == pytest.approx(expected, abs=1e-12)
    loss.backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert not x.grad[patches * size**2 :].any()
    assert valid is None or not x.grad[~valid].any()


def test_held_denominators_have_the_same_gradient_with_a_mask_of_all_rays():
    x, y = batch(128)
    x.requires_grad_()
    masks = (None, torch.ones(128, dtype=torch.bool))
    losses = [patch_ssim(x, y, 2, 8, 4, 4, mask, held=held) for held in (True, False) for mask in masks]
    held, held_masked, free, _ = (torch.autograd.grad(loss, x)[0] for loss in losses)
    torch.testing.assert_close(held_masked, held)
    assert (held - free).norm() > 0.05 * free.norm()


def test_no_number_is_fetched_from_the_device():
    x = torch.rand(70, 3, device="meta", requires_grad=True)
    y, valid = torch.rand(70, 3, device="meta"), torch.ones(70, dtype=torch.bool, device="meta")
    for mask in (None, valid):
        patch_ssim(x, y, 1, 8, 4, 4, mask).backward()


@pytest.mark.parametrize(("patches", "size"), [(0, 8), (4, 3), (-1, 8), (0, 0)])
def test_no_patch_that_holds_a_window_is_refused(patches, size):
    message = (
        f"S3IM's modes 'patch' and 'both' need patches of at least 4 x 4 pixels, but the batch has {patches} patches "
        f"of {size} x {size}: raise --pipeline.datamanager.pixel-sampler.patch-share or the rays per batch until a "
        "patch fits, and give --pipeline.datamanager.pixel-sampler.patch-size 4 or more."
    )
    with pytest.raises(InputError) as raised:
        patch_ssim(*batch(256), patches, size, 4, 4)
    assert str(raised.value) == message


def test_a_batch_smaller_than_its_patches_is_refused():
    with pytest.raises(InputError, match="2 patches of 8 x 8 pixels need 128 rays, but S3IM got a batch of 127: "):
        patch_ssim(*batch(127), 2, 8, 4, 4)
