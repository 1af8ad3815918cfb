"""Signed distances from a coarse grid where that is enough, and from the field near its surface.

If distances grow no faster than along a line, that of a point differs from that at the middle of its cell by no more
than half a cell's diagonal. So the grid says how far one may go from a point that is not near the surface.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

_CELLS_AT_ONCE = 1 << 16


class CoarseDistances:
    """A grid over the cube around a sphere, filled at once.

    Args:
        sdf: From points ``[N, 3]`` to signed distances ``[N]``, scene units.
        center: Of the sphere, ``[3]``.
        radius: Its radius.
        resolution: Cells along a side.

    Example:
        >>> grid = CoarseDistances(lambda points: points.norm(dim=-1) - 0.5, torch.zeros(3), 1.0, 32)
        >>> grid(torch.tensor([[0.0, 0.0, 0.9], [0.0, 0.0, 0.51], [0.0, 0.0, 4.0]])).tolist()[1:]
        [0.009999990463256836, 3.5]
    """

    def __init__(self, sdf: Callable[[Tensor], Tensor], center: Tensor, radius: float, resolution: int) -> None:
        self.sdf, self.center, self.radius, self.resolution = sdf, center, radius, resolution
        self.half_diagonal = math.sqrt(3) * radius / resolution
        places = (2 * torch.arange(resolution, device=center.device) + 1) / resolution - 1
        middles = torch.cartesian_prod(places, places, places) * radius + center
        self.values = torch.cat([sdf(part) for part in middles.split(_CELLS_AT_ONCE)])

    def __call__(self, points: Tensor) -> Tensor:
        """Signed distances of points ``[N, 3]``, ``[N]``, or less than that in size where they are far from 0."""
        n, offsets = self.resolution, points - self.center
        cells = (offsets * (n / (2 * self.radius)) + n / 2).long().clamp(0, n - 1)
        coarse = self.values[(cells[:, 0] * n + cells[:, 1]) * n + cells[:, 2]].to(points)
        least = coarse.abs() - self.half_diagonal
        distances = least.copysign(coarse)
        is_outside = offsets.abs().amax(dim=-1) > self.radius
        # A field's own distance is worth asking for where it may be much more than the least one.
        near = (is_outside | (least < self.half_diagonal)).nonzero()[:, 0]
        if len(near):
            distances[near] = self.sdf(points[near]).to(distances)
        return distances
