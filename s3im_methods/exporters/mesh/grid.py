"""Cubic voxels that fill a box."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Grid:
    """A regular grid of nodes, one more along each axis than there are cells.

    Attributes:
        origin: Position of node (0, 0, 0), ``[3]``.
        voxel: Distance of neighbouring nodes.
        cells: Number of cells along x, y and z.
    """

    origin: NDArray[np.float64]
    voxel: float
    cells: tuple[int, int, int]

    def points(self, nodes: NDArray) -> NDArray[np.float64]:
        """Positions of nodes, both ``[..., 3]``; nodes may be fractional."""
        return self.origin + self.voxel * nodes


def fit_grid(low: ArrayLike, high: ArrayLike, resolution: int) -> Grid:
    """The grid with ``resolution`` cells along the longest side of a box; on the others it is centred and fits inside.

    Args:
        low: Corner with the smallest coordinates, ``[3]``.
        high: Corner with the largest ones.
        resolution: At least 1.
    """
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    voxel = float((high - low).max()) / resolution
    # The longest side must not lose a cell to rounding.
    cells = np.maximum(np.floor((high - low) / voxel + 1e-6), 1).astype(int)
    return Grid((low + high - voxel * cells) / 2, voxel, (int(cells[0]), int(cells[1]), int(cells[2])))
