"""How opaque rays are: compared with the alpha of cut-out images, and whether they are opaque or empty at all.

    loss = mean over rays of (A - alpha)^2

Before a background of one colour, a ray of the background may as well end in fog of that colour right before its
camera, which no training view sees, and every other view does. This is what tells the two apart.
"""

from torch import Tensor


def opacity_loss(accumulation: Tensor, alpha: Tensor) -> Tensor:
    """The module's formula, in float32 wherever ``alpha`` is, whatever the rays were rendered in.

    It is twelve times what random grey backgrounds b, uniform in [0, 1], add in the mean to the squared error of
    colours before their mean: for colours C without background, the error (C + (1 - A) b - C_true - (1 - alpha) b)^2
    grows by the variance of b, 1/12, times (A - alpha)^2. So a weight of 1/12 does what such backgrounds do, without
    the noise of drawing them.

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
