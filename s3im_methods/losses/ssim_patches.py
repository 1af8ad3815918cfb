"""SSIM of real image patches, to compare S3IM with: the same windows, but of neighbouring pixels."""

from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.losses.ssim import dissimilarity, gaussian_window, image_windows

_SAMPLER = "--pipeline.datamanager.pixel-sampler"


def patch_ssim(
    x: Tensor,
    y: Tensor,
    num_patches: int,
    patch_size: int,
    kernel_size: int,
    stride: int,
    valid: Tensor | None = None,
    held: bool = False,
) -> Tensor:
    """1 - SSIM, averaged over the windows inside the patches that a batch begins with, and over the channels.

    Args:
        x: Predicted colours, ``[B, C]``, float32 or float64; the first ``num_patches * patch_size^2`` rays are square
            patches, one after the other, each row by row.
        y: Their targets, of the same shape and type.
        num_patches: How many patches there are.
        patch_size: Their side, in pixels.
        kernel_size: Side of a window, in pixels.
        stride: Step from one window to the next, in pixels; nothing is padded.
        valid: ``[B]``, bool; a window counts only if all its rays are valid, and what the others hold has no effect.
        held: Whether SSIM's denominators are constants for the gradient; see :mod:`~s3im_methods.losses.ssim`.

    Returns:
        A scalar in [0, 2); 0, with a gradient of 0, where no window is valid.

    Raises:
        InputError: If there are no patches, they are smaller than a window, or the batch has fewer rays than they need.
    """
    if num_patches < 1 or patch_size < kernel_size:
        raise InputError(
            f"S3IM's modes 'patch' and 'both' need patches of at least {kernel_size} x {kernel_size} pixels, but the "
            f"batch has {num_patches} patches of {patch_size} x {patch_size}: raise {_SAMPLER}.patch-share or the rays "
            f"per batch until a patch fits, and give {_SAMPLER}.patch-size {kernel_size} or more."
        )
    rays = num_patches * patch_size**2
    if rays > len(x):
        raise InputError(
            f"{num_patches} patches of {patch_size} x {patch_size} pixels need {rays} rays, but S3IM got a batch of "
            f"{len(x)}: give num_patches and patch_size as the sampler returned them with this batch."
        )

    def windows(values: Tensor) -> Tensor:
        images = values[:rays].reshape(num_patches, patch_size, patch_size, -1)
        return image_windows(images, kernel_size, stride)

    weights = gaussian_window(kernel_size, x.dtype, x.device)
    if valid is None:
        return dissimilarity(windows(x), windows(y), weights, held).mean()
    x, y = (values.where(valid[:, None], 0) for values in (x, y))
    counts = windows(valid[:, None]).all(-1).to(x)
    losses = dissimilarity(windows(x), windows(y), weights, held)
    return (losses * counts).sum() / (counts.sum() * x.shape[1]).clamp(min=1)
