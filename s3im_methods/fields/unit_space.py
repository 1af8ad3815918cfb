"""Where a scene lies in the space of a surface model, and where that space lies in its grids.

A surface model works in units of a sphere around what is to be reconstructed: ``u = (x - center) / radius`` for a point
``x`` in scene units. Its grids take points of the cube from -2 to 2, as nerfstudio's fields do: a bounded space is
doubled, and nothing lies outside the unit cube; an unbounded one keeps the unit cube and has all that lies beyond
squeezed into the rim (Barron et al., "Mip-NeRF 360", CVPR 2022, eq. 10, in the maximum norm).
"""

from collections.abc import Sequence

import torch
from nerfstudio.field_components.spatial_distortions import SpatialDistortion
from torch import Tensor

from s3im_methods.encodings.contraction import MaximumNormContraction

GRID_SIDE = 4.0
"""Length of the grids' cube, from -2 to 2."""


class UnitSpace(SpatialDistortion):
    """Takes scene points to unit points and to the grids' cube.

    Args:
        center: Centre of the sphere, in scene units.
        radius: Its radius, in scene units.
        bounded: Whether nothing lies outside the unit cube.

    Example:
        >>> space = UnitSpace(center=(1.0, 0.0, 0.0), radius=2.0, bounded=False)
        >>> space.unit(torch.tensor([[5.0, 0.0, 0.0]])), space(torch.tensor([[5.0, 0.0, 0.0]]))
        (tensor([[2., 0., 0.]]), tensor([[1.5000, 0.0000, 0.0000]]))
    """

    center: Tensor
    radius: Tensor

    def __init__(self, center: Sequence[float] = (0.0, 0.0, 0.0), radius: float = 1.0, bounded: bool = False) -> None:
        super().__init__()
        # Buffers, so that a run is rendered and exported in the sphere in which it was trained.
        self.register_buffer("center", torch.tensor(center, dtype=torch.float32))
        self.register_buffer("radius", torch.tensor(float(radius)))
        self.bounded = bounded
        self._contract = MaximumNormContraction(order=float("inf"))

    def unit(self, points: Tensor) -> Tensor:
        """Points in units of the sphere, ``[*batch, 3]``."""
        return (points - self.center.to(points)) / self.radius.to(points)

    def grid_cells(self, resolution: Tensor | float) -> Tensor:
        """Side of a grid's cell in the unit cube, in scene units, for so many cells along the grids' cube."""
        doubling = 2.0 if self.bounded else 1.0
        return self.radius * GRID_SIDE / doubling / resolution

    def forward(self, positions: Tensor) -> Tensor:  # type: ignore[override]
        """Scene points ``[*batch, 3]`` in the grids' cube."""
        unit = self.unit(positions)
        return (2 * unit).clamp(-2, 2) if self.bounded else self._contract(unit)
