"""Total variation of a voxel grid at the nodes that a step touches (DVGO, Sun et al., CVPR 2022)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def touched_nodes(points: Tensor, shape: Sequence[int]) -> Tensor:
    """The nodes of the cells in which points lie, ``[3, n]``, each once.

    Args:
        points: In [-1, 1], ``[n, 3]``.
        shape: Nodes of the grid along x, y and z.
    """
    # Tensors of counts or offsets would be copied to the device in each step.
    x, y, z = (
        ((points[:, axis] + 1) / 2 * (shape[axis] - 1)).floor().long().clamp(min=0, max=shape[axis] - 2)
        for axis in range(3)
    )
    cells = torch.unique((x * shape[1] + y) * shape[2] + z)
    offsets = [(x * shape[1] + y) * shape[2] + z for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    nodes = torch.unique(torch.stack([cells + offset for offset in offsets]))
    x, rest = nodes // (shape[1] * shape[2]), nodes % (shape[1] * shape[2])
    return torch.stack([x, rest // shape[2], rest % shape[2]])


def voxel_variation(values: Tensor, nodes: Tensor) -> Tensor:
    """A sixth of the sum over nodes, their components and neighbours of the Huber function of the difference.

    Its gradient moves the listed nodes only, each towards its neighbours, by no more than a sixth per neighbour.

    Args:
        values: ``[X, Y, Z, C]``.
        nodes: Which to sum over, ``[3, n]``, each once.

    Returns:
        A scalar.

    Example:
        >>> ramp = torch.arange(3.0)[:, None, None, None].expand(3, 2, 2, 1)
        >>> voxel_variation(ramp, torch.tensor([[0], [0], [0]]))
        tensor(0.0833)
    """
    return _Variation.apply(values, nodes)  # type: ignore[return-value]


class _Variation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, nodes: Tensor) -> Tensor:
        x, y, z = nodes
        here = values[x, y, z]
        pull, total = torch.zeros_like(here), here.new_zeros(())
        for axis in range(3):
            for direction in (-1, 1):
                moved = [x, y, z]
                # A node at the border has itself for a neighbour, and no difference.
                moved[axis] = (moved[axis] + direction).clamp(0, values.shape[axis] - 1)
                difference = here - values[moved[0], moved[1], moved[2]]
                clamped = difference.clamp(-1, 1)
                pull += clamped
                total += (clamped * (difference - clamped / 2)).sum()
        ctx.save_for_backward(nodes, pull / 6)
        ctx.shape = values.shape
        return total / 6

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        nodes, pull = ctx.saved_tensors
        return torch.sparse_coo_tensor(nodes, gradient * pull, ctx.shape, check_invariants=False), None
