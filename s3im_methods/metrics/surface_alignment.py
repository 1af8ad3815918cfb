"""Bring one surface onto another by iterated closest points (Besl and McKay, 1992), in closed form at each turn."""

from typing import Literal

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import KDTree

Alignment = Literal["none", "translation", "rigid", "similarity"]

_MOST_TURNS = 100
# Pairs farther apart than this many times the median are no pairs: one surface has there what the other lacks.
_FARTHEST = 3.0
_ENOUGH = 1e-7


def align(moving: NDArray, fixed: NDArray, freedom: Alignment) -> NDArray[np.float64]:
    """The transform that brings points of one surface onto those of another, from where they are.

    Pairs are sought from both sides: with pairs from one side only, a similarity gains by shrinking.

    Args:
        moving: ``[N, 3]``.
        fixed: ``[M, 3]``, in the same units.
        freedom: What may change: nothing, place, place and orientation, or these and size.

    Returns:
        ``[4, 4]``, to be applied to ``moving``. It is the nearest optimum, not always the best one.
    """
    total = np.eye(4)
    if freedom == "none":
        return total
    tree, size = KDTree(fixed), float(np.linalg.norm(np.ptp(fixed, axis=0)))
    moved = np.asarray(moving, dtype=np.float64)
    for _ in range(_MOST_TURNS):
        there, to_fixed = tree.query(moved, workers=-1)
        back, to_moved = KDTree(moved).query(fixed, workers=-1)
        near, near_back = there <= _FARTHEST * np.median(there), back <= _FARTHEST * np.median(back)
        sources = np.concatenate([moved[near], moved[np.asarray(to_moved)[near_back]]])
        targets = np.concatenate([fixed[np.asarray(to_fixed)[near]], fixed[near_back]])
        step = _best(sources, targets, freedom)
        after = moved @ step[:3, :3].T + step[:3, 3]
        change = float(np.abs(after - moved).max())
        moved, total = after, step @ total
        if change < _ENOUGH * size:
            break
    return total


def _best(sources: NDArray, targets: NDArray, freedom: Alignment) -> NDArray[np.float64]:
    if freedom == "translation":
        return trimesh.transformations.translation_matrix((targets - sources).mean(axis=0))
    matrix, _, _ = trimesh.registration.procrustes(sources, targets, reflection=False, scale=freedom == "similarity")
    return matrix
