"""Total variation of a tensor grid's planes, in the strength of the original TensoRF (Chen et al., ECCV 2022)."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from s3im_methods.encodings.fused_vm import components_last
from s3im_methods.kernels.available import fused_available
from s3im_methods.kernels.threads import in_ranges

_KERNEL_DTYPES = (torch.float32, torch.float64)


def total_variation(planes: Sequence[Tensor]) -> Tensor:
    """Total variation summed over planes.

    Each plane counts twice its mean squared difference of neighbouring rows plus that of neighbouring columns. On a CPU
    kernels compute it, and its gradient, in one pass each.

    Args:
        planes: Planes ``[components, rows, columns]``, with at least 2 rows and columns.

    Returns:
        A scalar.

    Example:
        >>> total_variation([torch.arange(4.0).expand(1, 3, 4)])
        tensor(2.)
    """
    if all(plane.device.type == "cpu" and plane.dtype in _KERNEL_DTYPES for plane in planes) and fused_available():
        return _TotalVariation.apply(*planes)  # type: ignore[return-value]
    terms = [plane.diff(dim=dim).square().mean() for plane in planes for dim in (-2, -1)]
    return 2 * torch.stack(terms).sum()


def _per_difference(plane: Tensor) -> tuple[float, float]:
    """What the square of a difference of rows counts, and one of columns."""
    components, rows, columns = plane.shape
    return 2 / (components * (rows - 1) * columns), 2 / (components * rows * (columns - 1))


class _TotalVariation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *planes: Tensor) -> Tensor:
        from s3im_methods.losses import total_variation_kernels as kernels

        ctx.save_for_backward(*planes)
        # One sum per row, so that the number of threads does not change the result.
        sums = [np.empty((plane.shape[1], 2)) for plane in planes]
        given = [components_last(plane).flatten(1).numpy() for plane in planes]
        _by_rows(kernels.squares, [(g, len(p), s) for g, p, s in zip(given, planes, sums, strict=True)])
        total = sum(float(s.sum(axis=0) @ _per_difference(p)) for s, p in zip(sums, planes, strict=True))
        return planes[0].new_tensor(total)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        from s3im_methods.losses import total_variation_kernels as kernels

        found, work = [], []
        for plane in ctx.saved_tensors:
            values = components_last(plane)
            result = torch.empty_like(values)
            by_rows, by_columns = (2 * weight * float(gradient) for weight in _per_difference(plane))
            work.append((values.flatten(1).numpy(), len(plane), by_rows, by_columns, result.flatten(1).numpy()))
            found.append(result.permute(2, 0, 1))
        _by_rows(kernels.gradient, work)
        return tuple(found)


def _by_rows(kernel: Callable[..., None], planes: Sequence[tuple[Any, ...]]) -> None:
    """Call a kernel on each plane's arguments, of which the first has its rows, with a range of these.

    All planes' rows are cut at once, because it takes a thread as long to begin as to do a small plane.
    """
    starts = [0, *itertools.accumulate(len(rows) for rows, *_ in planes)]

    def work(first: int, last: int) -> None:
        for (start, end), given in zip(itertools.pairwise(starts), planes, strict=True):
            if first < end and last > start:
                kernel(*given, max(first - start, 0), min(last, end) - start)

    in_ranges(starts[-1], work)
