"""Fetch values at drawn pixels, from images stacked in one tensor or listed because their sizes differ."""

from typing import Any

import torch
from torch import Tensor

PerPixel = Tensor | list[Tensor]

# Divided on the CPU, as nerfstudio does it; a GPU multiplies by the rounded reciprocal.
_OF_BYTES = torch.arange(256, dtype=torch.float32) / 255.0


def image_sizes(values: Any) -> list[tuple[int, int]] | None:
    """Height and width of each image.

    Args:
        values: ``[N, H, W, ...]``, or a list of ``[H, W, ...]``.

    Returns:
        One pair per image, in pixels; None if the values are not images.

    Example:
        >>> image_sizes([torch.zeros(2, 3, 1), torch.zeros(4, 5, 1)])
        [(2, 3), (4, 5)]
    """
    if isinstance(values, Tensor) and values.dim() >= 3:
        return [(values.shape[1], values.shape[2])] * len(values)
    if isinstance(values, list) and all(isinstance(value, Tensor) and value.dim() >= 2 for value in values):
        return [(value.shape[0], value.shape[1]) for value in values]
    return None


def gather_pixels(values: PerPixel, indices: Tensor) -> Tensor:
    """Values at pixels.

    Args:
        values: ``[N, H, W, ...]``, or a list of ``[H, W, ...]`` of different sizes.
        indices: Image, y and x, ``[B, 3]``, int64, on the CPU, wherever the values are.

    Returns:
        ``[B, ...]``, in the order of ``indices``.

    Example:
        >>> images = [torch.tensor([[5, 6]]), torch.tensor([[7], [8]])]
        >>> gather_pixels(images, torch.tensor([[1, 1, 0], [0, 0, 1]])).tolist()
        [8, 6]
    """
    image, y, x = indices.unbind(-1)
    if isinstance(values, Tensor):
        return values[image, y, x]
    order = image.argsort()
    counts = image.bincount(minlength=len(values)).tolist()
    in_order = zip(values, y[order].split(counts), x[order].split(counts), strict=True)
    found = torch.cat([value[at_y, at_x] for value, at_y, at_x in in_order if len(at_y)])
    return found[order.argsort()]


def as_colours(values: Tensor) -> Tensor:
    """Bytes as floats in [0, 1], to the last bit as nerfstudio reads them; floats as they are.

    Args:
        values: Any shape, uint8 or floating point.

    Example:
        >>> as_colours(torch.tensor([0, 51, 255], dtype=torch.uint8))
        tensor([0.0000, 0.2000, 1.0000])
    """
    return _OF_BYTES.to(values.device)[values.int()] if values.dtype == torch.uint8 else values
