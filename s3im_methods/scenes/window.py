"""The window of the room: a painted view that glows, its frame and sill, curtains on a rod."""

import numpy as np
from numpy.random import Generator

from s3im_methods.scenes.geometry import Paint, Surface, box, grid, quad, revolve
from s3im_methods.scenes.materials import plain, stripes
from s3im_methods.scenes.prints import printed, window_view


def window(
    opening: tuple[float, float, float, float], wall: float, rng: Generator, cloth: tuple[str, str]
) -> list[Surface]:
    """Window in a wall at x = ``wall`` that looks in -x.

    Args:
        opening: y0, y1, z0, z1 in metres.
        wall: x of the wall in metres.
        rng: Draws the view.
        cloth: Two colours of the curtains.
    """
    y0, y1, z0, z1 = opening
    view = printed(window_view(rng), "#ffffff", 300)
    parts = [quad((wall, y1, z1), (0, y0 - y1, 0), (0, 0, z0 - z1), view, emission=1.25)]
    white, bar, middle = plain("#fdfcf8"), 0.05, (y0 + y1) / 2
    transom = z0 + 0.65 * (z1 - z0)
    for a, b, low, high in (
        (y0 - bar, y0, z0 - bar, z1 + bar),
        (y1, y1 + bar, z0 - bar, z1 + bar),
        (y0, y1, z0 - bar, z0),
        (y0, y1, z1, z1 + bar),
        (middle - 0.02, middle + 0.02, z0, z1),
        (y0, middle - 0.02, transom, transom + 0.03),
        (middle + 0.02, y1, transom, transom + 0.03),
    ):
        parts += box((wall - 0.045, a, low), (wall, b, high), white, skip=("+x",))
    parts += box((wall - 0.16, y0 - 0.08, z0 - 0.09), (wall, y1 + 0.08, z0 - 0.05), white, skip=("+x",))
    paint = stripes(cloth, (0.06, 0.025))
    for left, right in ((y1 + 0.36, y1 - 0.04), (y0 + 0.04, y0 - 0.36)):
        parts.append(_curtain(wall - 0.10, (left, right), (0.55, z1 + 0.18), paint))
    rod = revolve([(0.012, 1.1), (0.012, -1.1)], plain("#4a4238"), sides=8, per_segment=24)
    across = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0.0]])
    return parts + [part.moved((wall - 0.085, middle, z1 + 0.20), across) for part in rod]


def _curtain(x: float, sides: tuple[float, float], heights: tuple[float, float], paint: Paint) -> Surface:
    """Cloth in five folds about the plane at ``x``, from y = sides[0] on the viewer's left to y = sides[1]."""
    (left, right), (low, high) = sides, heights
    u, v = np.linspace(0, 1, 49), np.linspace(0, 1, 25)
    wave, deep = 10 * np.pi * u, 0.028
    slope = -deep * np.cos(wave) * 10 * np.pi / (right - left)
    normal = np.stack([-np.ones_like(slope), slope, np.zeros_like(slope)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    points = np.empty((25, 49, 3))
    points[..., 0] = x - deep * np.sin(wave)
    points[..., 1] = left + u * (right - left)
    points[..., 2] = (high + v * (low - high))[:, None]
    return grid(points, np.broadcast_to(normal, points.shape), paint(abs(right - left) * 1.4, high - low))
