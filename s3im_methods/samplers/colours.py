"""Colours of pixels as floats, whatever images are kept as."""

import torch
from torch import Tensor

# Divided on the CPU, as nerfstudio does it; a GPU multiplies by the rounded reciprocal.
_OF_BYTES = torch.arange(256, dtype=torch.float32) / 255.0


def as_colours(values: Tensor) -> Tensor:
    """Bytes as floats in [0, 1], to the last bit as nerfstudio reads them; floats as they are.

    Args:
        values: Any shape, uint8 or floating point.

    Example:
        >>> as_colours(torch.tensor([0, 51, 255], dtype=torch.uint8))
        tensor([0.0000, 0.2000, 1.0000])
    """
    return _OF_BYTES.to(values.device)[values.int()] if values.dtype == torch.uint8 else values
