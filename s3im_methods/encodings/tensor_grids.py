"""Tensor grids of TensoRF (Chen et al., ECCV 2022): vector-matrix (VM), CP and three planes.

Two families with the same components: nerfstudio's own encodings, whose nodes are as many along every axis and which
stop gradients of the points; and ours, with a resolution per axis and gradients of the points (for cameras).
Points are in [-1, 1]; features of points outside are 0 (VM, CP) or the border's share (interpolation with zeros).
"""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Literal

import torch
from nerfstudio.field_components.encodings import Encoding, TensorCPEncoding, TensorVMEncoding, TriplaneEncoding
from torch import Tensor, nn
from torch.nn import functional

from s3im_methods.encodings.fused_vm import Axes, vm_features, vm_sum
from s3im_methods.encodings.resampling import ResampledGrid, Window
from s3im_methods.kernels.available import fused_available

Kind = Literal["triplane", "vm", "cp"]

# A plane's columns run along the first axis of its pair and its rows along the second; its line runs along the third.
_PLANES = ((0, 1), (0, 2), (1, 2))
_LINES = (2, 1, 0)
_PLANE_SLICES = tuple((rows, columns) for columns, rows in _PLANES)
_LINE_SLICES: tuple[tuple[int, int | None], ...] = tuple((axis, None) for axis in _LINES)


class _Cubic(ResampledGrid):
    """The same number of nodes along every axis, resampled as nerfstudio does it."""

    def resampling(self, resolution: Sequence[int], window: Window | None = None) -> Callable[[str, Tensor], Tensor]:
        """See the base; without a window it is nerfstudio's ``upsample_grid`` to the last bit."""
        if window is not None:
            return super().resampling(resolution, window)
        rows = resolution[0]

        def resample(name: str, values: Tensor) -> Tensor:
            size = (rows, 1 if values.shape[-1] == 1 else rows)
            return functional.interpolate(values, size=size, mode="bilinear", align_corners=True)

        return resample


class CubicVM(_Cubic, TensorVMEncoding):
    """nerfstudio's VM encoding, resampled by us."""

    layout = MappingProxyType({"plane_coef": _PLANE_SLICES, "line_coef": _LINE_SLICES})


class CubicCP(_Cubic, TensorCPEncoding):
    """nerfstudio's CP encoding, resampled by us."""

    layout = MappingProxyType({"line_coef": _LINE_SLICES})


class CubicTriplane(_Cubic, TriplaneEncoding):
    """nerfstudio's triplane encoding, resampled by us."""

    layout = MappingProxyType({"plane_coef": _PLANE_SLICES})


class AxisGrid(ResampledGrid, Encoding):
    """Base of the grids with a resolution per axis.

    Args:
        resolution: Number of nodes along x, y and z.
        num_components: Components of each plane and line.
        init_scale: Standard deviation of the initial values.
    """

    has_planes = True
    has_lines = True

    def __init__(self, resolution: Sequence[int], num_components: int, init_scale: float = 0.1) -> None:
        super().__init__(in_dim=3)
        self.num_components = num_components
        self.layout = {}
        for index, ((columns, rows), line) in enumerate(zip(_PLANES, _LINES, strict=True)):
            if self.has_planes:
                self._add(f"plane_{index}", rows, columns, resolution, init_scale)
            if self.has_lines:
                self._add(f"line_{index}", line, None, resolution, init_scale)

    def _add(self, name: str, rows: int, columns: int | None, resolution: Sequence[int], init_scale: float) -> None:
        shape = (1, self.num_components, resolution[rows], 1 if columns is None else resolution[columns])
        values = (init_scale * torch.randn(shape)).contiguous(memory_format=self.memory_format)
        setattr(self, name, nn.Parameter(values))
        self.layout = {**self.layout, name: ((rows, columns),)}

    def _plane(self, index: int, points: Tensor) -> Tensor:
        """One plane's features of points ``[n, 3]``: ``[components, n]``."""
        columns, rows = _PLANES[index]
        # An index by a list would be copied to the device in each step.
        grid = torch.stack([points[:, columns], points[:, rows]], dim=-1).view(1, -1, 1, 2)
        values = functional.grid_sample(getattr(self, f"plane_{index}"), grid, align_corners=True)
        return values.view(self.num_components, -1)

    def _line(self, index: int, points: Tensor) -> Tensor:
        """One line's features of points ``[n, 3]``: ``[components, n]``."""
        along = points[:, _LINES[index]]
        grid = torch.stack([torch.zeros_like(along), along], dim=-1).view(1, -1, 1, 2)
        values = functional.grid_sample(getattr(self, f"line_{index}"), grid, align_corners=True)
        return values.view(self.num_components, -1)

    def get_out_dim(self) -> int:
        """Number of features."""
        return self.num_components

    def forward(self, in_tensor: Tensor) -> Tensor:
        """Features ``[*batch, get_out_dim()]`` of points ``[*batch, 3]`` in [-1, 1]."""
        points = in_tensor.reshape(-1, 3)
        return self._features(points).t().reshape(*in_tensor.shape[:-1], self.get_out_dim())

    def summed(self, in_tensor: Tensor) -> Tensor:
        """The sum of all features, ``[*batch, 1]``, of points ``[*batch, 3]`` in [-1, 1]."""
        return self._sum(in_tensor.reshape(-1, 3)).view(*in_tensor.shape[:-1], 1)

    def _features(self, points: Tensor) -> Tensor:
        raise NotImplementedError

    def _sum(self, points: Tensor) -> Tensor:
        return self._features(points).sum(dim=0)


class AxisVM(AxisGrid):
    """Vector-matrix decomposition: three times ``num_components`` features, each a plane's times a line's.

    On a CPU its kernels do all in one pass, but where points need a gradient (for cameras). They read all components of
    a node at once, which therefore lie side by side.
    """

    memory_format = torch.channels_last

    def get_out_dim(self) -> int:
        """Number of features."""
        return 3 * self.num_components

    def _features(self, points: Tensor) -> Tensor:
        if self._fused(points):
            return vm_features(points, *self._parts()).t()
        return torch.cat([self._plane(index, points) * self._line(index, points) for index in range(3)])

    def _sum(self, points: Tensor) -> Tensor:
        if self._fused(points):
            return vm_sum(points, *self._parts())
        return super()._sum(points)

    @staticmethod
    def _fused(points: Tensor) -> bool:
        follows = points.requires_grad and torch.is_grad_enabled()
        return points.device.type == "cpu" and not follows and fused_available()

    def _parts(self) -> tuple[list[Axes], list[Tensor], list[Tensor]]:
        axes = [(columns, rows, line) for (columns, rows), line in zip(_PLANES, _LINES, strict=True)]
        planes, lines = ([getattr(self, f"{part}_{index}") for index in range(3)] for part in ("plane", "line"))
        return axes, planes, lines


class AxisCP(AxisGrid):
    """CP decomposition: each feature is the product of three lines'."""

    has_planes = False

    def _features(self, points: Tensor) -> Tensor:
        return self._line(0, points) * self._line(1, points) * self._line(2, points)


class AxisTriplane(AxisGrid):
    """Three planes: each feature is the sum of three planes'."""

    has_lines = False

    def _features(self, points: Tensor) -> Tensor:
        return self._plane(0, points) + self._plane(1, points) + self._plane(2, points)


_CUBIC = {"vm": CubicVM, "cp": CubicCP, "triplane": CubicTriplane}
_BY_AXIS: dict[str, type[AxisGrid]] = {"vm": AxisVM, "cp": AxisCP, "triplane": AxisTriplane}


def make_grid(kind: Kind, resolution: Sequence[int], num_components: int, by_axis: bool) -> Encoding:
    """A tensor grid.

    Args:
        kind: Which decomposition.
        resolution: Number of nodes along x, y and z.
        num_components: Components of each plane and line.
        by_axis: Whether the resolutions may differ; if not, the first counts and the grid is nerfstudio's own.
    """
    if by_axis:
        return _BY_AXIS[kind](resolution, num_components)
    return _CUBIC[kind](resolution=resolution[0], num_components=num_components)


def feature_sum(grid: nn.Module, points: Tensor) -> Tensor:
    """The sum of a grid's features, ``[*batch, 1]``, of points ``[*batch, 3]`` in [-1, 1]."""
    return grid.summed(points) if isinstance(grid, AxisGrid) else grid(points).sum(dim=-1, keepdim=True)


def grid_planes(grid: nn.Module) -> list[Tensor]:
    """The planes of a grid, each ``[components, rows, columns]``; none for CP."""
    parameters = dict(grid.named_parameters())
    return [plane for name, stack in parameters.items() if name.startswith("plane") for plane in stack]
