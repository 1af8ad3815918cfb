"""Pinhole cameras in nerfstudio's axes (x right, y up, z backwards; z-up world) and the paths they take."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Camera:
    """One view.

    Attributes:
        pose: [4, 4], camera to world.
        focal: Focal length in pixels.
        width: Image width in pixels.
        height: Image height in pixels; the principal point is the image's centre.
    """

    pose: NDArray[np.float64]
    focal: float
    width: int
    height: int

    @property
    def origin(self) -> NDArray[np.float64]:
        """[3], position in the world, metres."""
        return self.pose[:3, 3]

    def directions(self, rows: NDArray, columns: NDArray) -> NDArray[np.float64]:
        """World directions [N, 3] of image points whose z-depth is 1, so that a hit's distance is its z-depth.

        Args:
            rows: [N], continuous; the centre of the top left pixel is (0.5, 0.5).
            columns: [N], continuous.

        Example:
            >>> Camera(np.eye(4), 10.0, 4, 2).directions(np.array([1.0]), np.array([2.0]))
            array([[ 0.,  0., -1.]])
        """
        x = (columns - 0.5 * self.width) / self.focal
        y = (0.5 * self.height - rows) / self.focal
        return np.stack([x, y, np.full_like(x, -1.0)], -1) @ self.pose[:3, :3].T


def look_at(position: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """Pose [4, 4] of a level camera at ``position`` (metres) that looks at ``target``, not straight up or down."""
    position = np.asarray(position, dtype=float)
    backwards = position - np.asarray(target, dtype=float)
    backwards /= np.linalg.norm(backwards)
    right = np.cross([0.0, 0.0, 1.0], backwards)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(backwards, right), backwards], axis=1)
    pose[:3, 3] = position
    return pose


def room_poses(
    train: int, test: int, seed: int, clearance: Callable[[NDArray], float]
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Two closed walks through the room: a wide one that looks across it, a narrow one that looks out at the walls.

    Test views stand half-way between two neighbours of the walk that trains.

    Args:
        train: Number of training views.
        test: Number of test views.
        seed: Shifts where the walks begin.
        clearance: Distance of a point [3] to the nearest surface, metres.
    """
    phases = np.random.default_rng([seed, 1]).uniform(0, 1, size=2)
    across = (train + 1) // 2

    def pose(index: float) -> NDArray[np.float64]:
        outer = index < across - 0.25
        turn = (index / across if outer else (index - across) / (train - across)) + phases[0 if outer else 1]
        angle = 2 * np.pi * turn
        around = np.array([np.cos(angle), np.sin(angle), 0.0])
        if outer:
            position = around * (1.35, 0.9, 0) + (-0.1, -0.1, 1.45 + 0.22 * np.sin(3 * angle + 1))
            target = -around * (0.9, 0.6, 0) + (0.0, 0.0, 0.85 + 0.3 * np.cos(4 * angle))
        else:
            position = around * (0.45, 0.3, 0) + (-0.1, -0.1, 1.35 + 0.25 * np.sin(2 * angle))
            target = position + around + (0, 0, 0.45 * np.sin(5 * angle) - 0.1)
        return look_at(_stepped_back(position, clearance), target)

    return [pose(k) for k in range(train)], [pose(place) for place in between(train, test)]


def dome_poses(
    train: int, test: int, seed: int, radius: float, centre: ArrayLike
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Spiral over a dome from 65 degrees above the horizon to 4 degrees, looking at its centre.

    Args:
        train: Number of training views.
        test: Number of test views, half-way between two turns of the spiral.
        seed: Turns the spiral.
        radius: Distance of the cameras to the centre, metres.
        centre: [3], metres.
    """
    phase = np.random.default_rng([seed, 1]).uniform(0, 2 * np.pi)
    high, low = np.sin(np.radians(65)), np.sin(np.radians(4))

    def pose(index: float) -> NDArray[np.float64]:
        z = high + (low - high) * index / (train - 1)
        angle = phase + index * np.pi * (3 - np.sqrt(5))
        flat = np.sqrt(1 - z * z)
        position = np.asarray(centre) + radius * np.array([flat * np.cos(angle), flat * np.sin(angle), z])
        return look_at(position, centre)

    return [pose(k) for k in range(train)], [pose(place) for place in between(train, test)]


def between(train: int, test: int) -> list[float]:
    """Where test views stand on a path on which training views stand at 0, 1 and so on.

    They are spread evenly over the gaps, half-way where there is one in a gap, and never past the last.

    Args:
        train: Number of training views, 2 or more.
        test: Number of test views.

    Example:
        >>> between(9, 2), between(2, 3)
        ([2.5, 6.5], [0.25, 0.5, 0.75])
    """
    gaps = [int((k + 0.5) * (train - 1) / test) for k in range(test)]
    return [gap + (1 + gaps[:k].count(gap)) / (1 + gaps.count(gap)) for k, gap in enumerate(gaps)]


def _stepped_back(position: NDArray, clearance: Callable[[NDArray], float], wanted: float = 0.45) -> NDArray:
    """The position, drawn towards the free middle of the room until it is ``wanted`` metres from everything."""
    middle = np.array([-0.1, -0.1, 1.35])
    for share in np.linspace(0, 1, 21):
        moved = position + share * (middle - position)
        if clearance(moved) >= wanted:
            return moved
    return middle
