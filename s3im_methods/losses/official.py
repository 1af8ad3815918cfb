"""S3IM as the reference module computes it, including what its image of shuffled rays does at the borders."""

import torch
import torch.nn.functional as F
from torch import Tensor

from s3im_methods.losses.permutations import random_permutations
from s3im_methods.losses.ssim import C1, C2, gaussian_window


def official_permutations(count: int, length: int, generator: torch.Generator) -> Tensor:
    """The batch's own order, and ``count - 1`` random ones: ``[count, length]``."""
    own_order = torch.arange(length, device=generator.device)[None]
    return torch.cat([own_order, random_permutations(count - 1, length, generator)])


def official_s3im(
    x: Tensor,
    y: Tensor,
    permutations: Tensor,
    kernel_size: int,
    stride: int,
    patch_height: int,
    held: bool = False,
) -> Tensor:
    """1 - SSIM of one image that holds the permuted batches one after the other, row by row.

    As in the reference module, the permutations are written into one image ``patch_height`` high, so a window may mix
    two of them, the image is padded with ``(kernel_size - 1) // 2`` zeros that count as perfectly predicted, and pixels
    that no window reaches have no gradient. There the batch must have ``patch_height * patch_width`` rays; here the
    width is as large as the rays of all permutations allow (``patch_width * M`` in that case) and the rest, less than
    one column, is left out at the end. The image of a batch of fewer rays than ``patch_height`` is as high as it has
    rays.

    Args:
        x: Predicted colours, ``[B, C]``, float32 or float64.
        y: Their targets, of the same shape and type.
        permutations: ``[M, B]``, int64.
        kernel_size: Side of a window, in pixels.
        stride: Step from one window to the next, in pixels.
        patch_height: Height of the image, in pixels.
        held: Whether SSIM's denominators are constants for the gradient, unlike in the reference; see
            :mod:`~s3im_methods.losses.ssim`.

    Returns:
        A scalar in [0, 2); 0, with a gradient of 0, where the padded image is smaller than a window.
    """
    channels, padding = x.shape[1], (kernel_size - 1) // 2
    height = max(1, min(patch_height, len(x)))
    width = permutations.numel() // height
    if min(height, width) + 2 * padding < kernel_size:
        return (x[:0] - y[:0]).sum()
    order = permutations.flatten()[: height * width].view(height, width)
    image_x, image_y = (values[order].permute(2, 0, 1)[None] for values in (x, y))
    window = gaussian_window(kernel_size, x.dtype, x.device).view(1, 1, kernel_size, kernel_size)
    window = window.repeat(channels, 1, 1, 1)

    def mean(image: Tensor) -> Tensor:
        # TF32's ten bits would be lost where the square of a mean is taken from the mean of squares.
        with torch.backends.cudnn.flags(allow_tf32=False):
            return F.conv2d(image, window, stride=stride, padding=padding, groups=channels)

    # Moments about zero lose digits where the contrast is low, up to 5e-6 of the loss in float32. Better ones would
    # not be the reference's.
    mean_x, mean_y = mean(image_x), mean(image_y)
    square_x, square_y, product = mean_x**2, mean_y**2, mean_x * mean_y
    variance_x, variance_y = mean(image_x * image_x) - square_x, mean(image_y * image_y) - square_y
    covariance = mean(image_x * image_y) - product
    if held:
        energy, contrast = square_x + square_y + C1, variance_x + variance_y + C2
        bias = (square_x + square_y - 2 * product) / energy.detach()
        structure = (variance_x + variance_y - 2 * covariance) / contrast.detach()
        return (bias + structure - bias * structure).mean()
    above = (2 * product + C1) * (2 * covariance + C2)
    below = (square_x + square_y + C1) * (variance_x + variance_y + C2)
    # Unlike 1 - above / below, this has a gradient of exactly 0 where both images are equal.
    return ((below - above) / below).mean()
