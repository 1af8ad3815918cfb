"""The regularisers of TensoRF in the strength of the original (Chen et al., ECCV 2022)."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def total_variation(planes: Sequence[Tensor]) -> Tensor:
    """Total variation summed over planes.

    Each plane counts twice its mean squared difference of neighbouring rows plus that of neighbouring columns.

    Args:
        planes: Planes ``[components, rows, columns]``.

    Returns:
        A scalar.

    Example:
        >>> total_variation([torch.arange(4.0).expand(1, 3, 4)])
        tensor(2.)
    """
    terms = [plane.diff(dim=dim).square().mean() for plane in planes for dim in (-2, -1)]
    return 2 * torch.stack(terms).sum()


def mean_absolute_values(parameters: Iterable[Tensor]) -> Tensor:
    """Sum of the parameters' mean absolute values, a scalar."""
    return torch.stack([parameter.abs().mean() for parameter in parameters]).sum()


def decayed(weight: float, share: float, steps: int, step: int) -> float:
    """A weight that has shrunk exponentially to ``share`` of itself after ``steps`` steps, at training step ``step``.

    Example:
        >>> decayed(2.0, share=0.25, steps=100, step=50)
        1.0
    """
    return weight * share ** (step / steps)
