"""A dense grid of voxels, whose gradient names only the nodes that points touched.

A training step touches a few per cent of a grid's nodes. On a CPU the gradient of the values is therefore a sparse
tensor of those nodes, so that neither the backward pass nor the optimiser reads the whole grid.
"""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from s3im_methods.encodings.resampling import ResampledGrid, Window, lerp_along, node_positions
from s3im_methods.kernels.available import fused_available
from s3im_methods.kernels.threads import in_ranges

_KERNEL_DTYPES = (torch.float32, torch.float64)


class VoxelGrid(ResampledGrid, nn.Module):
    """Values at the nodes of a box, interpolated trilinearly; 0 at first.

    Args:
        resolution: Nodes along x, y and z.
        width: Values of a node.
    """

    layout = MappingProxyType({"values": ()})

    def __init__(self, resolution: Sequence[int], width: int) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.zeros(*resolution, width))
        self._slots = np.zeros(0, dtype=np.int32)

    @property
    def width(self) -> int:
        """Values of a node."""
        return self.values.shape[-1]

    def axis_resolution(self) -> tuple[int, int, int]:
        """Nodes along x, y and z."""
        x, y, z, _ = self.values.shape
        return x, y, z

    def slots(self) -> NDArray[np.int32]:
        """Scratch for :func:`node_gradient`, one entry a node; 0 between calls."""
        nodes = self.values.numel() // self.width
        if len(self._slots) != nodes:
            self._slots = np.zeros(nodes, dtype=np.int32)
        return self._slots

    def forward(self, points: Tensor) -> Tensor:
        """Values ``[n, width]`` at points ``[n, 3]`` in [-1, 1]; 0 outside. The points get no gradient."""
        if runs_kernels(self.values) and points.device == self.values.device:
            return _Gather.apply(points.detach().contiguous(), self.values, self.slots())  # type: ignore[return-value]
        return interpolated(self.values, points.detach())

    def resampling(self, resolution: Sequence[int], window: Window | None = None) -> Callable[[str, Tensor], Tensor]:
        """See the base."""
        ends = window or [(0.0, count - 1.0) for count in self.axis_resolution()]
        places = [node_positions(count, *end) for count, end in zip(resolution, ends, strict=True)]

        def resample(name: str, values: Tensor) -> Tensor:
            new = values.new_empty(*map(len, places), values.shape[-1])
            # A slab at a time: whole grids between one axis and the next would take several times the new one.
            for slab, x in zip(new.split(1), places[0].split(1), strict=True):
                part = values
                for axis, positions in enumerate((x, *places[1:])):
                    part = lerp_along(part, axis, positions)
                slab.copy_(part)
            return new

        return resample

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        saved = state_dict.get(prefix + "values")
        if saved is not None and saved.dim() == 4 and saved.shape != self.values.shape:
            self.values.data = self.values.data.new_empty(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)


def runs_kernels(values: Tensor) -> bool:
    """Whether Numba's kernels serve a grid."""
    return values.device.type == "cpu" and values.dtype in _KERNEL_DTYPES and fused_available()


def interpolated(values: Tensor, points: Tensor) -> Tensor:
    """Values ``[n, C]`` of a grid ``[X, Y, Z, C]`` at points ``[n, 3]`` in [-1, 1], by torch alone."""
    # grid_sample's order of coordinates is that of the last dimension first.
    volume, places = values.permute(3, 0, 1, 2)[None], points.flip(-1)[None, :, None, None]
    found = functional.grid_sample(volume, places.to(values), align_corners=True, padding_mode="zeros")
    return found[0, :, :, 0, 0].T


def node_gradient(points: Tensor, gradient: Tensor, shape: Sequence[int], slots: NDArray[np.int32]) -> Tensor:
    """The gradient of a grid's values as a sparse tensor of the nodes that points touch.

    Args:
        points: In [-1, 1], ``[n, 3]``, on the CPU.
        gradient: Of the values at the points, ``[n, C]``.
        shape: Of the grid, ``(X, Y, Z, C)``.
        slots: Scratch, ``[X * Y * Z]``, 0 everywhere before and after.

    Returns:
        A sparse tensor of that shape with each node at most once, in the order in which points touch them.
    """
    from s3im_methods.encodings import voxel_kernels as kernels

    places, given = points.numpy(), gradient.contiguous().numpy()
    nodes_of_grid = (int(shape[0]), int(shape[1]), int(shape[2]))
    parts: dict[int, tuple[Tensor, Tensor]] = {}

    def work(first: int, last: int) -> None:
        layer = nodes_of_grid[1] * nodes_of_grid[2]
        nodes = np.empty((3, min(8 * len(places), (last - first) * layer)), dtype=np.int64)
        count = kernels.assign(places, nodes_of_grid, slots, nodes, first, last)
        sums = np.zeros((count, given.shape[1]), dtype=given.dtype)
        kernels.accumulate(places, given, nodes_of_grid, slots, sums, first, last)
        kernels.release(nodes_of_grid, slots, nodes, count)
        parts[first] = torch.from_numpy(nodes[:, :count].copy()), torch.from_numpy(sums)

    in_ranges(nodes_of_grid[0], work)
    listed = [parts[first] for first in sorted(parts)]
    nodes, sums = torch.cat([part for part, _ in listed], dim=1), torch.cat([part for _, part in listed])
    return torch.sparse_coo_tensor(nodes, sums, tuple(shape), check_invariants=False, is_coalesced=True)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, values: Tensor, slots: NDArray[np.int32]) -> Tensor:
        from s3im_methods.encodings import voxel_kernels as kernels

        ctx.save_for_backward(points)
        ctx.shape, ctx.slots = values.shape, slots
        points = points.to(values.dtype)
        found = values.new_empty(len(points), values.shape[-1])
        arrays = points.numpy(), values.detach().numpy(), found.numpy()
        in_ranges(len(points), lambda first, last: kernels.gather(*arrays, first, last))
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None]:
        (points,) = ctx.saved_tensors
        return None, node_gradient(points.to(gradient.dtype), gradient, ctx.shape, ctx.slots), None
