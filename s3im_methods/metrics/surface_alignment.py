"""Bring one surface onto another by iterated closest points (Besl and McKay, 1992), in closed form at each turn.

Closest points lead to the nearest optimum, which is a wrong one where a surface is turned by more than about 45
degrees. So the search begins in many orientations with few points, and the best of them are finished with all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import KDTree

from s3im_methods.progress import track

Alignment = Literal["none", "translation", "rigid", "similarity"]

_MOST_TURNS = 100
# Pairs farther apart than this many times the median are no pairs: one surface has there what the other lacks.
_FARTHEST = 3.0
_ENOUGH = 1e-6
_FEW_POINTS, _FEW_TURNS, _MORE_TURNS, _FINALISTS = (3000, 600), 10, 30, 3
# What fits better by less than this is as good, by symmetry: then what turns less is taken.
_AS_GOOD = 0.02


@dataclass(frozen=True)
class Move:
    """What an alignment did.

    Attributes:
        transform: ``[4, 4]``.
        residual: Mean distance of the points to their nearest neighbours afterwards, both ways, in their units.
    """

    transform: NDArray[np.float64]
    residual: float

    @property
    def scale(self) -> float:
        """The factor of size."""
        return float(abs(np.linalg.det(self.transform[:3, :3])) ** (1 / 3))

    @property
    def angle(self) -> float:
        """The turn in degrees, 0 to 180."""
        return _angle(self.transform)


def align(moving: NDArray, fixed: NDArray, freedom: Alignment) -> Move:
    """The transform that brings points of one surface onto those of another.

    Pairs are sought from both sides: with pairs from one side only, a similarity gains by shrinking.

    Args:
        moving: ``[N, 3]``, in any order that is random along the surface.
        fixed: ``[M, 3]``, likewise.
        freedom: What may change: nothing, place, place and orientation, or these and size.

    Returns:
        What fits best of all starts; of several that fit equally well, the one that turns the least.
    """
    moving, fixed = np.asarray(moving, dtype=np.float64), np.asarray(fixed, dtype=np.float64)
    if freedom == "none":
        return Move(np.eye(4), _Search(moving, fixed, freedom).distance(np.eye(4)))
    few, fewer = (_Search(moving[:count], fixed[:count], freedom) for count in _FEW_POINTS)
    starts = list(_starts(fewer.moving, fewer.fixed, freedom))
    rough = [fewer.run(start, _FEW_TURNS) for start in track(starts, "Aligning")]
    order = np.argsort([fewer.distance(found) for found in rough])[:_FINALISTS].tolist()
    # Where the points are is always among those that go on: it is right for surfaces that hardly overlap.
    better = [few.run(start, _MORE_TURNS) for start in (starts[0], *(rough[index] for index in order))]
    finalists = [Move(found, few.distance(found)) for found in better]
    least = min(move.residual for move in finalists)
    as_good = [move for move in finalists if move.residual <= (1 + _AS_GOOD) * least]
    whole = _Search(moving, fixed, freedom)
    found = whole.run(min(as_good, key=lambda move: move.angle).transform, _MOST_TURNS)
    return Move(found, whole.distance(found))


def axis_turns() -> NDArray[np.float64]:
    """The 24 rotations that take axes to axes, ``[24, 3, 3]``, the one that changes nothing first."""
    found = []
    for signs, order in product(
        product((1.0, -1.0), repeat=3), ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (2, 1, 0), (1, 0, 2))
    ):
        matrix = np.eye(3)[list(order)] * np.array(signs)[:, None]
        if np.linalg.det(matrix) > 0:
            found.append(matrix)
    return np.stack(found)


def _starts(moving: NDArray, fixed: NDArray, freedom: Alignment) -> Iterator[NDArray[np.float64]]:
    """Where they are; then centre on centre: as they are, turned by right angles, and main axes on main axes."""
    yield np.eye(4)
    centre, target = moving.mean(axis=0), fixed.mean(axis=0)
    turns = axis_turns()
    if freedom == "translation":
        turns = turns[:1]
    else:
        own, other = (np.linalg.eigh(np.cov(points.T))[1] for points in (moving, fixed))
        # Main axes have no sign.
        both = [other @ np.diag(signs) @ own.T for signs in product((1.0, -1.0), repeat=3)]
        turns = np.concatenate([turns, [turn for turn in both if np.linalg.det(turn) > 0]])
    size = 1.0
    if freedom == "similarity":
        size = float(np.sqrt(np.square(fixed - target).sum(1).mean() / np.square(moving - centre).sum(1).mean()))
    for turn in turns:
        start = np.eye(4)
        start[:3, :3] = size * turn
        start[:3, 3] = target - start[:3, :3] @ centre
        yield start


class _Search:
    """Two sets of points, each with a tree, that closest points are iterated on."""

    def __init__(self, moving: NDArray, fixed: NDArray, freedom: Alignment) -> None:
        self.moving, self.fixed = moving, fixed
        self.freedom: Alignment = freedom
        self._of_moving, self._of_fixed = KDTree(moving), KDTree(fixed)
        self._size = float(np.linalg.norm(np.ptp(fixed, axis=0)))

    def run(self, start: NDArray, most_turns: int) -> NDArray[np.float64]:
        """The transform that closest points lead to from ``start``, both ``[4, 4]``."""
        total, moved = start, _moved(self.moving, start)
        for _ in range(most_turns):
            there, to_fixed, back, to_moved = self._pairs(total, moved)
            near, near_back = there <= _FARTHEST * np.median(there), back <= _FARTHEST * np.median(back)
            sources = np.concatenate([moved[near], moved[to_moved[near_back]]])
            targets = np.concatenate([self.fixed[to_fixed[near]], self.fixed[near_back]])
            step = _best(sources, targets, self.freedom)
            after = _moved(moved, step)
            change = float(np.abs(after - moved).max())
            moved, total = after, step @ total
            if change < _ENOUGH * self._size:
                break
        return total

    def distance(self, transform: NDArray) -> float:
        """Mean distance to the nearest neighbours after a transform, both ways."""
        there, _, back, _ = self._pairs(transform, _moved(self.moving, transform))
        return float(there.mean() + back.mean()) / 2

    def _pairs(self, transform: NDArray, moved: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        there, to_fixed = self._of_fixed.query(moved, workers=-1)
        # The fixed points are taken back to where the others began, so that no tree is built anew.
        scale = np.cbrt(np.linalg.det(transform[:3, :3]))
        back, to_moved = self._of_moving.query(_moved(self.fixed, np.linalg.inv(transform)), workers=-1)
        return np.asarray(there), np.asarray(to_fixed), np.asarray(back) * scale, np.asarray(to_moved)


def _best(sources: NDArray, targets: NDArray, freedom: Alignment) -> NDArray[np.float64]:
    if freedom == "translation":
        return trimesh.transformations.translation_matrix((targets - sources).mean(axis=0))
    matrix, _, _ = trimesh.registration.procrustes(sources, targets, reflection=False, scale=freedom == "similarity")
    return matrix


def _moved(points: NDArray, transform: NDArray) -> NDArray[np.float64]:
    return points @ transform[:3, :3].T + transform[:3, 3]


def _angle(transform: NDArray) -> float:
    turn = transform[:3, :3] / np.cbrt(np.linalg.det(transform[:3, :3]))
    return float(np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))
