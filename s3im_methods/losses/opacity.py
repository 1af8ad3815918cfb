"""Compare the opacity of rays with the alpha of cut-out images, or ask that it be all or nothing.

    loss = mean over rays of (A - alpha)^2

In front of a background of one colour, a background ray may as well end in fog of that colour right before its camera.
No training view sees the difference, and every other view does. This loss tells the two apart.
"""

from torch import Tensor


def opacity_loss(accumulation: Tensor, alpha: Tensor) -> Tensor:
    """The module's formula, in float32, on the device of ``alpha``.

    Random grey backgrounds b, uniform in [0, 1], do the same in expectation. For colours C without background, the
    squared error (C + (1 - A) b - C_true - (1 - alpha) b)^2 grows by the variance of b, 1/12, times (A - alpha)^2. So a
    weight of 1/12 does what such backgrounds do, without the noise of drawing them.

    Args:
        accumulation: Opacity A of the rendered rays, ``[B, 1]``, in [0, 1].
        alpha: That of the images, ``[B, 1]``.

    Returns:
        A scalar.

    Example:
        >>> import torch
        >>> opacity_loss(torch.tensor([[1.0], [0.5]]), torch.tensor([[1.0], [0.0]]))
        tensor(0.1250)
    """
    return (accumulation - alpha).square().mean()


def binary_entropy(opacity: Tensor) -> Tensor:
    """How undecided rays are between opaque and empty, as DVGO has it: the mean of ``-p log p - (1 - p) log(1 - p)``.

    Args:
        opacity: Of rays, of any shape, in [0, 1].

    Returns:
        A scalar.

    Example:
        >>> import torch
        >>> round(float(binary_entropy(torch.tensor([0.5]))), 4)
        0.6931
    """
    p = opacity.clamp(1e-6, 1 - 1e-6)
    return -(p * p.log() + (1 - p) * (1 - p).log()).mean()
