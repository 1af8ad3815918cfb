"""Move a batch to the device that trains, once."""

from typing import Any

import torch


def to_device(batch: dict[str, Any], device: torch.device | str) -> dict[str, Any]:
    """The batch with all its tensors on a device.

    nerfstudio's models move a batch's image three or four times a step, each time from memory that the GPU cannot read
    by itself, so the host waits. From pinned memory it does not.

    Args:
        batch: Tensors and other values.
        device: Where to.

    Example:
        >>> to_device({"image": torch.zeros(2, 3), "num_patches": 0}, "meta")["image"].device.type
        'meta'
    """
    pins = torch.device(device).type == "cuda"
    moved = dict(batch)
    for name, value in batch.items():
        if isinstance(value, torch.Tensor):
            source = value.pin_memory() if pins and value.device.type == "cpu" else value
            moved[name] = source.to(device, non_blocking=pins)
    return moved
