"""Where in a sphere a surface may be: a coarse grid of signed distances, refreshed bit by bit as the field learns.

A cell is occupied where its surroundings may be neither clear nor solid. That follows from the distance at its middle,
if distances grow no faster than along a line: no random points and no moving average are needed. The depth of a solid
is empty too, for whatever enters it is caught near the surface; there NeuS's opacity tends to that of fog.

Lengths are in units of the unit sphere.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

REFRESH_EVERY = 16
"""Training steps between two refreshes."""
_PARTS = 4
"""Of so many cells, one is evaluated in a refresh."""


class OccupancyGrid(nn.Module):
    """A grid over the cube around the unit sphere; its state is part of the checkpoint.

    Args:
        resolution: Cells along a side.
        step: Length of a step of who asks, by which a surface may be missed.

    Attributes:
        sdf: The latest signed distances at the cells' middles, ``[resolution^3]``.
        occupied: Which cells may hold something of the surface, ``[resolution^3]``; at first all in the sphere.
        half_diagonal: Of a cell.
    """

    sdf: Tensor
    occupied: Tensor

    def __init__(self, resolution: int, step: float) -> None:
        super().__init__()
        self.resolution, self.step = resolution, step
        self.register_buffer("sdf", torch.zeros(resolution**3))
        self.register_buffer("occupied", torch.zeros(resolution**3, dtype=torch.bool))
        self._cells, self.half_diagonal = torch.arange(resolution**3), math.sqrt(3) / resolution
        self._sphere = self._within(self.middles(self._cells))
        self.occupied[self._sphere] = True

    def middles(self, cells: Tensor) -> Tensor:
        """Middles ``[N, 3]`` of the cells of these numbers, ``[N]``."""
        n = self.resolution
        places = torch.stack([cells // (n * n), cells // n % n, cells % n], dim=-1)
        return (2 * places + 1) / n - 1

    def _within(self, middles: Tensor) -> Tensor:
        return middles.norm(dim=-1) < 1 + self.half_diagonal

    @torch.no_grad()
    def refresh(self, step: int, sdf: Callable[[Tensor], Tensor], reach: Tensor) -> None:
        """Evaluate some cells, all of them before the first step, and decide which are occupied.

        Args:
            step: Of the training; nothing happens between two refreshes.
            sdf: Gives signed distances ``[N]`` of unit points ``[N, 3]``.
            reach: Distance from the surface beyond which all is clear or solid, ``[1]``.
        """
        if step % REFRESH_EVERY:
            return
        part = step // REFRESH_EVERY % _PARTS
        cells = self._cells if step == 0 else self._cells[part::_PARTS]
        middles = self.middles(cells.to(self.sdf.device))
        within = self._within(middles)
        cells = cells.to(self.sdf.device)[within]
        self.sdf[cells] = sdf(middles[within]).to(self.sdf)
        self.occupied[:] = self._may_hold_surface(reach) & self._sphere.to(self.sdf.device)

    def _may_hold_surface(self, reach: Tensor) -> Tensor:
        beside = reach + self.half_diagonal
        return (self.sdf < beside) & (self.sdf > -(beside + 2 * self.step))

    def holds(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        """Whether unit points of the cube lie in occupied cells, ``[*batch]``, given by their coordinates alike."""
        n = self.resolution
        x, y, z = (((value + 1) * (n / 2)).int().clamp_(0, n - 1) for value in (x, y, z))
        return self.occupied[(x * n + y) * n + z]
