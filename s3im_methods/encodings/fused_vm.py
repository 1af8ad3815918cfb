"""A vector-matrix grid's features on a CPU, in one pass over the points.

torch interpolates every component in turn, each time at other ends of the memory; here all components of a node are
read at once, and nothing is kept for the backward pass but the points.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from s3im_methods.kernels.threads import in_ranges

Axes = tuple[int, int, int]
"""The axes along a plane's columns, along its rows, and along its line."""


def vm_features(points: Tensor, axes: Sequence[Axes], planes: Sequence[Tensor], lines: Sequence[Tensor]) -> Tensor:
    """Features of points: of each pair, plane times line.

    Args:
        points: In [-1, 1], ``[n, 3]``, on the CPU; they get no gradient.
        axes: Of each pair.
        planes: Each ``[1, C, rows, columns]``; without a copy where it lies in torch's channels-last format.
        lines: Each ``[1, C, nodes, 1]``; the same.

    Returns:
        ``[n, len(axes) * C]``.
    """
    return _VM.apply(points.contiguous(), tuple(axes), False, *planes, *lines)  # type: ignore[return-value]


def vm_sum(points: Tensor, axes: Sequence[Axes], planes: Sequence[Tensor], lines: Sequence[Tensor]) -> Tensor:
    """The sum of all features that :func:`vm_features` gives, ``[n]``."""
    return _VM.apply(points.contiguous(), tuple(axes), True, *planes, *lines)[:, 0]  # type: ignore[index]


def components_last(grid: Tensor) -> Tensor:
    """A grid ``[C, rows, columns]`` as ``[rows, columns, C]``, contiguous; a view where it lies like that."""
    return grid.detach().permute(1, 2, 0).contiguous()


class _VM(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, points: Tensor, axes: tuple[Axes, ...], summed: bool, *grids: Tensor) -> Tensor:
        from s3im_methods.encodings import vm_kernels

        ctx.axes, ctx.summed = axes, summed
        ctx.save_for_backward(points, *grids)
        pairs = _pairs(grids)
        width = pairs[0][0].shape[2]
        result = points.new_zeros(len(points), 1 if summed else len(axes) * width)
        array, found = points.numpy(), result.numpy()

        def work(first: int, last: int) -> None:
            for index, ((x, y, z), (plane, line)) in enumerate(zip(axes, pairs, strict=True)):
                if summed:
                    vm_kernels.add_products(array, x, y, z, plane, line, found[:, 0], first, last)
                else:
                    vm_kernels.multiply(array, x, y, z, plane, line, found, index * width, first, last)

        in_ranges(len(points), work)
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        from s3im_methods.encodings import vm_kernels

        points, *grids = ctx.saved_tensors
        pairs = _pairs(grids)
        width = pairs[0][0].shape[2]
        found = [(torch.zeros(p.shape, dtype=points.dtype), torch.zeros(v.shape, dtype=points.dtype)) for p, v in pairs]
        array, given = points.numpy(), gradient.contiguous().numpy()

        parts = torch.get_num_threads()
        # Planes and lines share axes, each of which is cut once.
        sides = [((y, len(plane)), (z, len(line))) for (_, y, z), (plane, line) in zip(ctx.axes, pairs, strict=True)]
        cuts = {side: _cuts(array, *side, parts) for side in {*itertools.chain(*sides)}}

        def work(first: int, last: int) -> None:
            for index, ((x, y, z), (plane, line), of_pair) in enumerate(zip(ctx.axes, pairs, found, strict=True)):
                offset = 0 if ctx.summed else index * width
                of_plane, of_line = (values.numpy() for values in of_pair)
                place = given, offset, ctx.summed
                rows, nodes = ((int(cuts[side][first]), int(cuts[side][last])) for side in sides[index])
                vm_kernels.gradients(array, x, y, z, plane, line, *place, of_plane, of_line, rows, nodes)

        in_ranges(parts, work)
        of_planes = [plane.permute(2, 0, 1)[None] for plane, _ in found]
        of_lines = [line.t()[None, :, :, None] for _, line in found]
        return None, None, None, *of_planes, *of_lines


def _pairs(grids: Sequence[Tensor]) -> list[tuple[Any, Any]]:
    """Each plane ``[rows, columns, C]`` with its line ``[nodes, C]``, as arrays."""
    half = len(grids) // 2
    arrays = [components_last(grid[0]).numpy() for grid in grids]
    return [(plane, line[:, 0]) for plane, line in zip(arrays[:half], arrays[half:], strict=True)]


def _cuts(points: NDArray[Any], axis: int, count: int, parts: int) -> NDArray[np.int64]:
    """Bounds of ranges of an axis's ``count`` nodes, as many as ``parts``, with about as many points each."""
    from s3im_methods.encodings import vm_kernels

    if parts == 1:
        return np.array([0, count])
    shares = np.arange(1, parts) * (len(points) / parts)
    return np.array([0, *np.searchsorted(vm_kernels.counts_below(points, axis, count)[:-1], shares), count])
