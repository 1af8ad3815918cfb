"""How many digits coordinates need, by where they lie: a mesh in map coordinates is small and far from the origin."""

import math

import numpy as np
from numpy.typing import NDArray

# What float32 may lose of the longest side; a mesh around the origin loses a tenth of that.
_ENOUGH = 1e-6


def needs_double(points: NDArray) -> bool:
    """Whether float32 would lose more than a millionth of the points' extent.

    Args:
        points: ``[N, 3]``.

    Example:
        >>> needs_double(np.array([[0.0, 0, 0], [2, 1, 1]]))
        False
        >>> needs_double(np.array([[4.5e6, 0, 0], [4.5e6 + 2, 1, 1]]))
        True
    """
    if len(points) == 0:
        return False
    step = float(np.spacing(np.float32(np.abs(points).max())))
    return step > _ENOUGH * float(np.ptp(points, axis=0).max())


def decimals(points: NDArray) -> int:
    """Decimals with which text keeps points to a ten-millionth of their extent.

    Args:
        points: ``[N, 3]``.

    Example:
        >>> decimals(np.array([[4.5e6, 0, 0], [4.5e6 + 2, 1, 1]]))
        7
    """
    extent = float(np.ptp(points, axis=0).max()) if len(points) else 0.0
    return max(0, 7 - math.floor(math.log10(extent))) if extent > 0 else 9


def place(point: NDArray) -> str:
    """A point as messages name it: four digits, and all before the decimal point.

    Args:
        point: ``[3]``.

    Example:
        >>> place(np.array([0.123456, -2.0, 4512345.678]))
        '(0.1235, -2, 4512345.7)'
    """
    return "(" + ", ".join(f"{value:.4g}" if abs(value) < 1e4 else f"{value:.1f}" for value in point) + ")"
