"""Foreground as an alpha channel, from the images' own and from masks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

OPAQUE = 255


def any_transparent(images: Sequence[Path]) -> bool:
    """Whether any image has an alpha channel that is not opaque throughout.

    Only headers are read of images without alpha, and reading ends with the first transparent pixel's image. Images
    that are gone count as opaque: a trained run can be rendered without them.

    Args:
        images: The files.
    """
    return any(_is_transparent(path) for path in images if path.is_file())


def add_alpha(image: NDArray[np.uint8], mask: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    """An image with alpha: its own, opaque where it has none, and 0 off the mask.

    Args:
        image: ``[H, W, 3 or 4]``.
        mask: ``[H, W]``, or None.

    Returns:
        ``[H, W, 4]``.
    """
    alpha = image[..., 3] if image.shape[-1] == 4 else np.full(image.shape[:2], OPAQUE, dtype=np.uint8)
    return np.dstack([image[..., :3], alpha if mask is None else np.where(mask, alpha, 0).astype(np.uint8)])


def _is_transparent(path: Path) -> bool:
    with Image.open(path) as file:
        return file.mode == "RGBA" and file.getchannel("A").getextrema()[0] < OPAQUE  # type: ignore[operator]
