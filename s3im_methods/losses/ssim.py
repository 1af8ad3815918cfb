"""SSIM of windows, written so that its value and gradient are exactly zero where both images are equal.

SSIM (Wang et al., IEEE TIP 2004) of a window with means ``mx``, ``my``, variances ``vx``, ``vy`` and covariance
``vxy``, all weighted by the same Gaussian, is

    (2 mx my + C1) / (mx^2 + my^2 + C1) * (2 vxy + C2) / (vx + vy + C2).

Because (2ab + C) / (a^2 + b^2 + C) = 1 - (a - b)^2 / (a^2 + b^2 + C), it is also, with the error ``e = x - y``,

    (1 - bias) * (1 - structure),   bias = me^2 / (mx^2 + my^2 + C1),   structure = ve / (vx + vy + C2),

which needs no covariance. Only this second form is used here.

The denominators depend on ``x`` too. Where part of ``y`` cannot be fitted, such as noise, SSIM therefore prefers too
much contrast. For ``x = mean + a (fit - mean)`` the squared error is least at ``a = 1``, and SSIM is best at about
``a = sqrt(vy / vf)``, with ``vf`` the variance of the fit. *Held* denominators are constants for the gradient: the
value stays, and the terms that raise contrast and brightness are left out.
"""

from functools import cache

import torch
from torch import Tensor

C1 = 0.01**2
"""Steadies the comparison of means; it supposes colours in [0, 1]."""
C2 = 0.03**2
"""Steadies the comparison of variances; it supposes colours in [0, 1]."""

_SIGMA = 1.5


def gaussian_window(kernel_size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Weights of a window's pixels, row by row: ``[kernel_size^2]``, summing to 1.

    The reference module centres the Gaussian (sigma 1.5 pixels) on pixel ``kernel_size // 2``, so a window of even size
    is not symmetric.

    Example:
        >>> gaussian_window(4, torch.float64, torch.device("cpu")).view(4, 4).sum(0)
        tensor([0.1365, 0.2658, 0.3319, 0.2658], dtype=torch.float64)
    """
    # A tensor that is made in inference mode could not take part in a training step later.
    with torch.inference_mode(False):
        return _window(kernel_size, dtype, device)


@cache
def _window(kernel_size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    # Made on the device by arithmetic alone: copying a table to a GPU would make the host wait.
    distance = torch.arange(kernel_size, dtype=dtype, device=device) - kernel_size // 2
    profile = torch.exp(-(distance**2) / (2 * _SIGMA**2))
    profile = profile / profile.sum()
    return (profile[:, None] * profile).flatten()


def image_windows(images: Tensor, kernel_size: int, stride: int) -> Tensor:
    """Cut images into square windows.

    Args:
        images: ``[N, H, W, C]``.
        kernel_size: Side of a window, in pixels.
        stride: Step from one window to the next, in pixels.

    Returns:
        ``[N, C, rows, columns, kernel_size^2]``; there are no rows (columns) where the image is lower (narrower) than
        the window.
    """
    count, height, width, channels = images.shape
    if min(height, width) < kernel_size:
        return images.new_zeros(count, channels, 0, 0, kernel_size**2)
    return images.permute(0, 3, 1, 2).unfold(2, kernel_size, stride).unfold(3, kernel_size, stride).flatten(4)


def dissimilarity(x: Tensor, y: Tensor, weights: Tensor, held: bool = False) -> Tensor:
    """1 - SSIM of every window; differentiable any number of times.

    Args:
        x: ``[..., P]``: in every window (and channel), the P pixels of the first image.
        y: The second image's, of the same shape.
        weights: ``[P]``, summing to 1.
        held: Whether the denominators are constants for the gradient.

    Returns:
        ``[...]``, from 0 (equal) to below 2.

    Example: two constant windows that differ by 0.5 differ in the means alone.
        >>> dissimilarity(torch.full((1, 4), 0.5), torch.full((1, 4), 1.0), torch.full((4,), 0.25))
        tensor([0.2000])
    """
    error = x - y
    mean_x, mean_y, mean_error = ((values * weights).sum(-1) for values in (x, y, error))
    # Centred, because the mean of the squares minus the square of the mean loses all digits of a small variance.
    variance = (((x - mean_x[..., None]) ** 2 + (y - mean_y[..., None]) ** 2) * weights).sum(-1)
    error_variance = ((error - mean_error[..., None]) ** 2 * weights).sum(-1)
    energy, contrast = mean_x**2 + mean_y**2 + C1, variance + C2
    if held:
        energy, contrast = energy.detach(), contrast.detach()
    bias, structure = mean_error**2 / energy, error_variance / contrast
    return bias + structure - bias * structure
