"""Linear light to the colours of a display, differentiable from 0 on."""

import torch
from torch import Tensor

_KNEE = 0.0031308


def linear_to_srgb(linear: Tensor) -> Tensor:
    """sRGB's transfer function (IEC 61966-2-1), also beyond 1.

    Args:
        linear: 0 or above, any shape.

    Example:
        >>> linear_to_srgb(torch.tensor([0.0, 0.001, 0.2140, 1.0]))
        tensor([0.0000, 0.0129, 0.5000, 1.0000])
    """
    # Of the part that is not taken, too, the gradient has to be finite.
    curved = 1.055 * linear.clamp(min=_KNEE) ** (1 / 2.4) - 0.055
    return torch.where(linear <= _KNEE, 12.92 * linear, curved)


def srgb_to_linear(srgb: Tensor) -> Tensor:
    """The inverse of :func:`linear_to_srgb`.

    Args:
        srgb: 0 or above, any shape.
    """
    return torch.where(srgb <= 12.92 * _KNEE, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
