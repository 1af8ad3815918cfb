"""Are the cameras near enough to the origin for float32?"""

import numpy as np
from numpy.typing import NDArray

# float32 loses 1e-7 of the largest number. A hundredth of a pixel is 1e-5 of the distance for a focal length of 1000.
_ENOUGH = 1e-5
_TOO_MUCH = 1e-3


def lost_share(origins: NDArray) -> float:
    """What share of the cameras' extent float32 cannot tell apart.

    Args:
        origins: Where the cameras stand, ``[N, 3]``, float64.

    Returns:
        The step of float32 at the largest coordinate, divided by the largest distance of a camera from their mean
        along an axis; 0 where all stand at one place.

    Example:
        >>> round(lost_share(np.array([[5e5, 0, 0], [5e5 + 6, 0, 0]])), 4)
        0.0104
    """
    spread = float(np.abs(origins - origins.mean(axis=0)).max())
    return float(np.spacing(np.float32(np.abs(origins).max()))) / spread if spread > 0 else 0.0


def is_far(origins: NDArray) -> bool:
    """Whether the cameras are to be moved to the origin before they become float32.

    Args:
        origins: ``[N, 3]``, float64.
    """
    return lost_share(origins) > _ENOUGH


def is_too_far(origins: NDArray) -> bool:
    """Whether they are useless in float32 where they are.

    Args:
        origins: ``[N, 3]``, float64.
    """
    return lost_share(origins) > _TOO_MUCH


def round_centre(origins: NDArray) -> NDArray[np.float64]:
    """A vector of few digits to subtract, near the middle of the cameras.

    Args:
        origins: ``[N, 3]``, float64.

    Example:
        >>> round_centre(np.array([[500123.4, 0, 7.0], [500129.4, 0, 7.0]])).tolist()
        [500126.0, 0.0, 7.0]
    """
    centre = origins.mean(axis=0)
    spread = float(np.abs(origins - centre).max())
    # Below a tenth of the extent, digits are of no use.
    step = 10.0 ** np.floor(np.log10(spread)) if spread > 0 else 1.0
    return np.round(centre / step) * step


def place(point: NDArray) -> str:
    """A point in words.

    Args:
        point: ``[3]``.

    Example:
        >>> place(np.array([500126.0, 0.0, 7.0]))
        '(500126, 0, 7)'
    """
    return "(" + ", ".join(f"{value + 0.0:.12g}" for value in point) + ")"
