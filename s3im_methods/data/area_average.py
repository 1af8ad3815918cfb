"""Smaller images whose every pixel is the mean over its area, as a camera of fewer pixels would have measured it."""

import torch
from torch import Tensor


def area_average(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Average an image over the areas of larger pixels; a pixel that lies in two of them counts by its shares.

    Colours of transparent images count by their alpha, so that colours under full transparency leave no trace.

    Args:
        image: ``[H, W, C]``; of four channels the last is alpha. Floats, or bytes, which are rounded to the nearest.
        size: Height and width of the result, in pixels, at most those of the image.

    Returns:
        ``[height, width, C]``, of the same type.

    Example:
        >>> area_average(torch.tensor([[[0.0], [3.0], [6.0]]]), (1, 2)).flatten().tolist()
        [1.0, 5.0]
    """
    rows, columns = (_shares(length, count) for length, count in zip(image.shape[:2], size, strict=True))
    values = image.float()
    with_alpha = values.shape[-1] == 4
    if with_alpha:
        values = torch.cat([values[..., :3] * values[..., 3:], values[..., 3:]], dim=-1)
    values = torch.einsum("ih,hwc->iwc", rows, values)
    values = torch.einsum("jw,iwc->ijc", columns, values)
    if with_alpha:
        alpha = values[..., 3:]
        colours = torch.where(alpha > 0, values[..., :3] / alpha.clamp(min=torch.finfo(alpha.dtype).tiny), 0)
        values = torch.cat([colours, alpha], dim=-1)
    return values.to(image.dtype) if image.is_floating_point() else values.round().clamp(0, 255).to(image.dtype)


def wholly_inside(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Which of the larger pixels lie in a mask with all of their area: through others shines what is left out.

    Args:
        mask: ``[H, W, C]``, bool.
        size: Height and width of the result, in pixels, at most those of the mask.

    Example:
        >>> wholly_inside(torch.tensor([[[True], [True], [True], [False]]]), (1, 2)).flatten().tolist()
        [True, False]
    """
    return mask if tuple(mask.shape[:2]) == size else area_average(mask.float(), size) > 1 - 1e-4


def _shares(length: int, count: int) -> Tensor:
    """How much of each of ``length`` pixels lies in each of ``count`` longer ones, ``[count, length]``; rows sum to
    1."""
    ends = torch.arange(length + 1, dtype=torch.float64) * (count / length)
    first = torch.arange(count, dtype=torch.float64)[:, None]
    return (torch.minimum(ends[1:], first + 1) - torch.maximum(ends[:-1], first)).clamp(min=0).float()
