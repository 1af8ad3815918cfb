"""Which pixels of fisheye and equirectangular cameras are drawn."""

import math
from typing import Any

import torch
from torch import Tensor

from s3im_methods.errors import InputError


def single_radius(radius: Any) -> float | None:
    """The fisheye crop radius as a number.

    Args:
        radius: None, a number, or a tensor with one entry per camera, in pixels.

    Returns:
        The radius, in pixels; None where there is none.

    Raises:
        InputError: If cameras have different radii.

    Example:
        >>> single_radius(torch.tensor([[3.0], [3.0]]))
        3.0
    """
    if radius is None:
        return None
    values = torch.as_tensor(radius).unique().tolist()
    if len(values) != 1:
        raise InputError(
            f"The fisheye cameras have different crop radii ({min(values):g} to {max(values):g} pixels): give each "
            "image a mask of its circle instead, and remove fisheye_crop_radius from transforms.json."
        )
    return float(values[0])


def crop_circle(height: int, width: int, radius: float) -> Tensor:
    """The pixels of a fisheye image whose centres lie in the crop circle around the image's centre.

    Args:
        height: The image's height, in pixels.
        width: Its width, in pixels.
        radius: The circle's radius, in pixels.

    Returns:
        ``[height, width]``, bool.

    Example:
        >>> crop_circle(2, 4, 1.0).int().tolist()
        [[0, 1, 1, 0], [0, 1, 1, 0]]
    """
    y = torch.arange(height) + 0.5 - height / 2
    x = torch.arange(width) + 0.5 - width / 2
    return y[:, None] ** 2 + x**2 <= radius**2


def rows_even_on_sphere(heights: Tensor, generator: torch.Generator) -> Tensor:
    """Rows of equirectangular images such that rays are spread evenly over the sphere.

    The polar angle's density is sin(angle) / 2; it is drawn by inverting its distribution function.

    Args:
        heights: Height of the image that each ray comes from, in pixels, ``[B]``.
        generator: Source of randomness, on the CPU.

    Returns:
        ``[B]``, int64.
    """
    uniform = torch.rand(len(heights), dtype=torch.float64, generator=generator)
    return (torch.acos(1 - 2 * uniform) / math.pi * heights).long()
