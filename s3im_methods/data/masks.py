"""Masks as a viewer would show them: what is brighter than half is on, the rest off.

This is the one place where a mask file becomes a mask, for training, evaluation and every check.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from s3im_methods.data.depth.fit_size import fit_size
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

SMALL_SHARE = 0.03
"""Share of grey pixels that an antialiased outline explains."""

_HALF, _BLACK_BELOW, _WHITE_ABOVE = 0.5, 0.1, 0.9
_LOSSY = ("JPEG", "MPO")


@dataclass(frozen=True)
class MaskFacts:
    """What a user may want to know of a mask.

    Args:
        share: Share of the pixels that are on, 0 to 1.
        brightest: The brightest pixel, 0 for black and 1 for white; the most opaque where opacity carries the shape.
        border: Share of the pixels along the border that are on, 0 to 1.
        grey: Share of the pixels that are neither nearly black nor nearly white, 0 to 1.
        by: What the shape was read from: brightness, opacity, or the numbers of a file that holds only 0 and 1 (or 0
            and 255 in a file of more than 8 bits), all of which a viewer shows as black.
    """

    share: float
    brightest: float
    border: float
    grey: float
    by: Literal["brightness", "opacity", "numbers"]


def read_mask(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.bool_]:
    """Which pixels of a mask are on, see :func:`load_mask`.

    Args:
        path: The file.
        size: Height and width to bring it to; the stored pixel that a pixel's centre falls into is taken.

    Returns:
        ``[H, W]``.

    Raises:
        InputError: If the file cannot be read, or differs from ``size`` in its aspect.
    """
    mask, _ = load_mask(path)
    return mask if size is None else fit_size(mask, size, quote(path), "to mask", "mask")


def load_mask(path: Path) -> tuple[NDArray[np.bool_], MaskFacts]:
    """A mask in its stored size, and what there is to know of it.

    Brightness is that of the colours (of a palette's colours, not of its indices) on a scale that ends with white: 255,
    65,535 for 16 bits, 1 for floats that do not exceed it. Where some pixels are transparent, opaque ones are on,
    unless the opaque ones are black and white themselves.

    Args:
        path: The file, of any kind of pixels that Pillow reads, or an array of numbers as .npy, ``[H, W]``,
            ``[1, H, W]`` or ``[H, W, 1]``.

    Returns:
        Which pixels are on, ``[H, W]``, and the facts.

    Raises:
        InputError: If the file cannot be read.
    """
    try:
        if path.suffix.lower() == ".npy":
            stored = _one_channel(np.load(path, allow_pickle=False))
            bright, opaque, lossless, more_bits = _of_numbers(stored), None, True, stored.dtype.itemsize > 1
        else:
            with Image.open(path) as file:
                bright, opaque = _brightness(file), _opacity(file)
                lossless, more_bits = file.format not in _LOSSY, file.mode.startswith("I")
    except Exception as error:  # Decoders raise errors of any kind on bytes that are no image.
        raise InputError(
            f"The mask {quote(path)} cannot be read: copy or write it again, or take the masks out of the scene."
        ) from error
    by: Literal["brightness", "opacity", "numbers"] = "brightness"
    if opaque is not None and (opaque < _HALF).any():
        bright, by = _with_holes(bright, opaque)
    elif lossless and (number := _only_number(bright, more_bits)):
        bright, by = bright / number, "numbers"
    mask = bright >= _HALF
    border = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]])
    return mask, MaskFacts(float(mask.mean()), float(bright.max()), float(border.mean()), _grey(bright), by)


def _one_channel(values: NDArray) -> NDArray:
    if values.ndim == 3:
        values = values[0] if values.shape[0] == 1 else values[..., 0] if values.shape[2] == 1 else values
    if values.ndim != 2 or values.dtype.kind not in "buif":
        raise ValueError(f"an array of shape {values.shape} and type {values.dtype} is no mask")
    return values


def _of_numbers(values: NDArray) -> NDArray[np.float32]:
    """From 0 to 1, ``[H, W]``; white is the largest number of 8 or 16 bits, and 1 for floats that do not exceed it."""
    if values.dtype == bool:
        return values.astype(np.float32)
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0).clip(min=0.0)
    whites = {"f": (1.0, 255.0, 65535.0)}.get(values.dtype.kind, (255.0,) if values.dtype.itemsize == 1 else (65535.0,))
    largest = float(numbers.max())
    white = next((white for white in whites if largest <= white), 2.0**31 - 1 if values.dtype.kind != "f" else largest)
    return (numbers / white).astype(np.float32)


def _brightness(file: Image.Image) -> NDArray[np.float32]:
    """From 0 to 1, ``[H, W]``, whatever is transparent."""
    if file.mode == "F" or file.mode.startswith("I"):
        return _of_numbers(np.asarray(file))
    if file.mode in ("L", "LAB"):
        return np.asarray(file.getchannel(0), dtype=np.float32) / 255.0
    return np.asarray(file.convert("RGB").convert("L"), dtype=np.float32) / 255.0


def _opacity(file: Image.Image) -> NDArray[np.float32] | None:
    """From 0 to 1, ``[H, W]``; None where nothing can be transparent."""
    may_be = file.mode in ("1", "L", "P", "RGB") and "transparency" in file.info
    if not may_be and file.mode not in ("LA", "PA", "RGBA"):
        return None
    return np.asarray(file.convert("RGBA").getchannel("A"), dtype=np.float32) / 255.0


def _with_holes(
    bright: NDArray[np.float32], opaque: NDArray[np.float32]
) -> tuple[NDArray[np.float32], Literal["brightness", "opacity"]]:
    seen = bright[opaque >= _HALF]
    is_drawn = seen.size > 0 and seen.min() < _BLACK_BELOW and seen.max() > _WHITE_ABOVE
    if is_drawn and _grey(seen) <= SMALL_SHARE:
        return np.where(opaque >= _HALF, bright, 0.0).astype(np.float32), "brightness"
    # A cut-out photograph, or a shape in one colour.
    return opaque, "opacity"


def _only_number(bright: NDArray[np.float32], more_bits: bool) -> float | None:
    """The brightness of the only number beside 0, where that is 1, or 255 among more than 8 bits; else None."""
    largest = float(bright.max())
    number = round(largest * (65535 if more_bits else 255), 3)
    may_be = number == 1 or (more_bits and number == 255)
    return largest if may_be and ((bright == 0) | (bright == largest)).all() else None


def _grey(values: NDArray[np.float32]) -> float:
    return float(((values > _BLACK_BELOW) & (values < _WHITE_ABOVE)).mean())
