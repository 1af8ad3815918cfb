"""A clear coat: what a smooth dielectric reflects of surroundings that are infinitely far away."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Surroundings = Callable[[NDArray], NDArray]
"""Radiance [N, 3] from directions [N, 3]."""

_AT_NORMAL_INCIDENCE = 0.08
# Softens the panes' outlines, in cosines, so that pixels do not alias.
_SOFT = 0.02


def schlick(cosines: NDArray, least: float = _AT_NORMAL_INCIDENCE) -> NDArray:
    """Share of the light that is reflected (Schlick, 1994).

    Args:
        cosines: Of the angle between normal and view.
        least: The share where the surface is seen straight on.

    Example:
        >>> schlick(np.array([1.0, 0.0])).tolist()
        [0.08, 1.0]
    """
    return least + (1 - least) * (1 - np.clip(cosines, 0, 1)) ** 5


def studio(directions: NDArray) -> NDArray[np.float32]:
    """A studio's surroundings: two bright panes, a warm horizon and a dark floor.

    Args:
        directions: Unit, z up, [N, 3].

    Returns:
        Radiance, [N, 3].
    """
    x, y, z = directions.T
    horizon = np.exp(-((z / 0.15) ** 2))[:, None] * np.array([0.5, 0.35, 0.2])
    above = _step(z)[:, None] * np.array([0.15, 0.2, 0.3])
    return (horizon + above + _pane(x, y, z, 0.6) * 4.0 + _pane(x, y, z, 3.4) * 2.5).astype(np.float32)


def _pane(x: NDArray, y: NDArray, z: NDArray, azimuth: float) -> NDArray:
    """A window of 2 x 2 lights, at this azimuth in radians."""
    ahead = np.cos(azimuth) * x + np.sin(azimuth) * y
    across = np.cos(azimuth) * y - np.sin(azimuth) * x
    wide, high = np.abs(across), np.abs(z - 0.45)
    inside = _step(ahead) * _step(0.35 - wide) * _step(0.3 - high)
    bars = _step(wide - 0.04) * _step(high - 0.04)
    return (inside * bars)[:, None] * np.ones(3)


def _step(value: NDArray) -> NDArray:
    return np.clip(value / _SOFT + 0.5, 0, 1)
