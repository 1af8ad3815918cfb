"""What dense grids take in memory, said and refused before they are made."""

import math

import torch

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


def check_memory(nodes: float, width: int, device: torch.device | str, flag: str = "resolution") -> None:
    """Refuse grids that do not fit.

    Args:
        nodes: At the end of training.
        width: Numbers of a node.
        device: Where they are trained.
        flag: Name of the setting that says how many nodes there are.

    Raises:
        InputError: If they need more than is free.
    """
    on_cpu = torch.device(device).type == "cpu"
    needed = grid_bytes(nodes, width, dense_gradient=not on_cpu)
    free = _free_on_cpu() if on_cpu else torch.cuda.mem_get_info(device)[0]
    if needed > free:
        side = int((nodes * free / needed) ** (1 / 3))
        raise InputError(
            f"Grids of {nodes ** (1 / 3):.0f}^3 voxels need {needed / 1e9:.1f} GB in training and {free / 1e9:.1f} GB "
            f"are free: give --pipeline.model.{flag} {side} or less."
        )


def _free_on_cpu() -> float:
    try:
        import psutil
    except ImportError:
        # A host with a GPU may have nothing but what a training needs.
        return math.inf
    return psutil.virtual_memory().available
