"""SSIM of small images.

torchmetrics' SSIM mirrors five pixels at each border, and raises torch's error for images that have fewer than six
pixels a side. Evaluation at several scales has such images, after hours of training. Here they have no SSIM, and one
line says so.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from s3im_methods.compat.lpips import announce

# One more than torchmetrics mirrors: half the window of 11 pixels.
_SMALLEST_SIDE = 6


def leave_out_small_images(model: Any) -> None:
    """Let a model's ``ssim`` be NaN for images of fewer than six pixels a side.

    Args:
        model: Built; one without such a function, or with a module in its place, stays as it is.
    """
    ssim: Any = getattr(model, "ssim", None)
    if callable(ssim) and not isinstance(ssim, nn.Module):
        model.ssim = partial(_ssim, ssim)


def _ssim(ssim: Callable[..., Any], predicted: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if min(predicted.shape[-2:]) < _SMALLEST_SIDE:
        announce(f"SSIM is left out for images of fewer than {_SMALLEST_SIDE} pixels a side.")
        return predicted.new_tensor(float("nan"))
    return ssim(predicted, target, *args, **kwargs)
