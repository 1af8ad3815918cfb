"""Grids that change their nodes while they are trained: to a higher resolution, to a smaller box, or both.

Every parameter of such a grid is a stack of slices ``[slices, components, rows, columns]``, and ``layout`` says which
axis of space (0, 1, 2) the rows and the columns of each slice run along; None stands for a dimension of size 1. Nodes
lie on the box's faces (``align_corners``), so that a field that is linear between the old nodes is kept exactly.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    _Base = nn.Module
else:
    _Base = object

Layout = Mapping[str, tuple[tuple[int, int | None], ...]]
Window = Sequence[tuple[float, float]]
"""First and last new node along each axis, in units of old nodes."""


def lerp_along(values: Tensor, dim: int, positions: Tensor) -> Tensor:
    """Linear interpolation along one dimension.

    Args:
        values: A tensor with ``n`` entries along ``dim``.
        dim: The dimension.
        positions: Where to interpolate, ``[m]``, in units of entries; from 0 to ``n - 1``.

    Returns:
        The tensor with ``m`` entries along ``dim``; at whole positions it is ``values``, to the last bit.

    Example:
        >>> lerp_along(torch.tensor([0.0, 2.0, 4.0]), 0, torch.tensor([0.0, 0.25, 2.0]))
        tensor([0.0000, 0.5000, 4.0000])
    """
    last = values.shape[dim] - 1
    positions = positions.to(values.device, torch.float64).clamp(0, last)
    lower = positions.floor().long()
    upper = (lower + 1).clamp(max=last)
    shape = [1] * values.dim()
    shape[dim] = -1
    weight = (positions - lower).to(values.dtype).view(shape)
    return torch.lerp(values.index_select(dim, lower), values.index_select(dim, upper), weight)


def node_positions(count: int, first: float, last: float) -> Tensor:
    """Places of ``count`` new nodes from ``first`` to ``last``, in units of old nodes, ``[count]`` in float64."""
    # Multiplied before it is divided, so that old nodes among the new ones are met exactly.
    steps = torch.arange(count, dtype=torch.float64) * (last - first)
    return first + steps / max(count - 1, 1)


class ResampledGrid(_Base):
    """Mixin for an encoding whose parameters are slices of space; see the module's docstring."""

    layout: Layout
    memory_format: torch.memory_format = torch.contiguous_format
    """How parameters lie in memory, and with them their gradients and moments."""

    def axis_resolution(self) -> tuple[int, int, int]:
        """Number of nodes along x, y and z."""
        counts: dict[int, int] = {}
        for name, slices in self.layout.items():
            shape = getattr(self, name).shape
            for rows, columns in slices:
                counts[rows] = shape[-2]
                if columns is not None:
                    counts[columns] = shape[-1]
        return counts[0], counts[1], counts[2]

    def resampling(self, resolution: Sequence[int], window: Window | None = None) -> Callable[[str, Tensor], Tensor]:
        """What brings a parameter, or a tensor of its shape such as an optimiser's moment, to new nodes.

        Args:
            resolution: New number of nodes along x, y and z.
            window: Where they lie between the old ones; by default from the first old node to the last.

        Returns:
            A function of a parameter's name and a tensor of its old shape.
        """
        ends = window or [(0.0, count - 1.0) for count in self.axis_resolution()]
        nodes = [node_positions(count, *end) for count, end in zip(resolution, ends, strict=True)]

        def resample(name: str, values: Tensor) -> Tensor:
            slices = []
            for index, (rows, columns) in enumerate(self.layout[name]):
                part = lerp_along(values[index], -2, nodes[rows])
                slices.append(part if columns is None else lerp_along(part, -1, nodes[columns]))
            return torch.stack(slices).contiguous(memory_format=self.memory_format)

        return resample

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Take the shapes of a checkpoint first: a grid there has as many nodes as training had given it.

        The parameters stay the same objects, because optimisers that were built before the load hold them.
        """
        for name in self.layout:
            saved, parameter = state_dict.get(prefix + name), getattr(self, name)
            if saved is not None and saved.shape != parameter.shape and saved.shape[:2] == parameter.shape[:2]:
                parameter.data = parameter.data.new_empty(saved.shape).contiguous(memory_format=self.memory_format)
        super()._load_from_state_dict(state_dict, prefix, *args)
