"""What dense grids take in memory, said and refused before they are made."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

from s3im_methods.errors import InputError

_TENSORS = 4
"""Values, two moments, and the new values while grids grow; a gradient names few nodes on a CPU."""
_SLOTS = 8


def grid_bytes(nodes: float, width: int, dense_gradient: bool = False) -> float:
    """Bytes of grids with ``width`` numbers a node in training.

    Example:
        >>> grid_bytes(160**3, 13) / 1e9
        0.884736
    """
    return nodes * (4 * width * (_TENSORS + dense_gradient) + _SLOTS)


def check_memory(
    nodes: float, width: int, device: torch.device | str, flag: str = "resolution", taken: float = 0.0
) -> None:
    """Refuse grids that cannot be trained for lack of memory.

    Args:
        nodes: At the end of training.
        width: Numbers of a node.
        device: Where they are trained.
        flag: Name of the setting that says how many nodes there are.
        taken: Bytes that these grids take already, as those of a resumed run do.

    Raises:
        InputError: If they need more than is free.
    """
    on_cpu = torch.device(device).type == "cpu"
    free = taken + (_free_on_cpu() if on_cpu else torch.cuda.mem_get_info(device)[0])
    needed = grid_bytes(nodes, width, dense_gradient=not on_cpu)
    _refuse_more(needed, free, nodes, "in training", (nodes * free / needed) ** (1 / 3), flag)


def bytes_taken(grids: Iterable[Tensor], optimizer: Optimizer) -> int:
    """Bytes of grids and of what their optimiser keeps of them.

    Example:
        >>> grid = torch.nn.Parameter(torch.zeros(10))
        >>> bytes_taken([grid], torch.optim.Adam([grid]))
        40
    """
    kept = [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]
    return sum(tensor.numel() * tensor.element_size() for tensor in (*grids, *kept))


def check_memory_of_values(nodes: float, width: int) -> None:
    """Refuse grids whose values alone do not fit into the CPU's memory, through which each checkpoint goes.

    Args:
        nodes: At the end of training.
        width: Numbers of a node.

    Raises:
        InputError: If they need more than is free.
    """
    free = _free_on_cpu()
    side = (free / grid_bytes(1, width)) ** (1 / 3)
    _refuse_more(4.0 * nodes * width, free, nodes, "for their values alone", side)


def _refuse_more(
    needed: float, free: float, nodes: float, what_for: str, side: float, flag: str = "resolution"
) -> None:
    if needed > free:
        raise InputError(
            f"Grids of {nodes ** (1 / 3):.0f}^3 voxels need {needed / 1e9:.1f} GB {what_for} and {free / 1e9:.1f} GB "
            f"are free: give --pipeline.model.{flag} {int(side)} or less."
        )


def _free_on_cpu() -> float:
    try:
        import psutil
    except ImportError:
        # A host with a GPU may have nothing but what a training needs.
        return math.inf
    return psutil.virtual_memory().available
