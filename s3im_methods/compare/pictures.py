"""Pictures for a page: error maps, the place where variants differ most, and JPEG as text."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from s3im_methods.metrics.overview import error_image

MAX_WIDTH = 640
"""No picture in a page is wider, in pixels."""

_ENCODINGS = (
    (MAX_WIDTH, 95),
    (MAX_WIDTH, 88),
    (MAX_WIDTH, 80),
    (MAX_WIDTH, 70),
    (MAX_WIDTH, 60),
    (480, 60),
    (320, 60),
    (320, 40),
    (160, 40),
)
"""Width in pixels and JPEG quality, from the best to the smallest."""

Picture = NDArray[np.uint8]


def read_picture(path: Path) -> Picture | None:
    """A picture file as ``[H, W, 3]``; None where it cannot be read, as after a run that broke off."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError):
        return None


def error_map(truth: Picture, render: Picture) -> Picture:
    """:func:`~s3im_methods.metrics.overview.error_image` of two pictures ``[H, W, 3]``."""
    first, second = (torch.from_numpy(picture.astype(np.float32) / 255) for picture in (truth, render))
    return (error_image(first, second) * 255 + 0.5).to(torch.uint8).numpy()


def differing_window(pictures: Sequence[Picture], truth: Picture | None = None) -> tuple[slice, slice]:
    """The window in which the pictures differ most from each other.

    Where they are all the same, or there is one only, it is the window with the largest error.

    Args:
        pictures: At least one; all ``[H, W, 3]``.
        truth: Of the same shape.

    Returns:
        Rows and columns: a quarter of the picture's width, but at least 16 pixels, and three quarters of that in
        height; less where the picture has less.

    Example:
        >>> black = np.zeros((100, 200, 3), np.uint8)
        >>> dotted = black.copy()
        >>> dotted[70, 130] = 255
        >>> rows, columns = differing_window([black, dotted])
        >>> rows.start <= 70 < rows.stop, columns.start <= 130 < columns.stop, columns.stop - columns.start
        (True, True, 50)
    """
    stack = np.stack(pictures).astype(np.int32)
    spread = (stack.max(0) - stack.min(0)).sum(-1)
    if not spread.any() and truth is not None:
        spread = np.abs(stack - truth.astype(np.int32)).sum((0, -1))
    width = min(spread.shape[1], max(16, spread.shape[1] // 4))
    height = min(spread.shape[0], max(12, width * 3 // 4))
    sums = np.pad(spread.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    window = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    places = np.argwhere(window == window.max())
    # Many windows may hold one small spot: the middle one of them shows it in its surroundings.
    top, left = places[((places - places.mean(0)) ** 2).sum(1).argmin()]
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)


def jpeg_uris(pictures: Sequence[Picture], most_bytes: float) -> list[str]:
    """Pictures as JPEG data URIs, all of one size and quality, so that none looks better than another for that.

    Args:
        pictures: Each ``[H, W, 3]``.
        most_bytes: The best encoding is taken with which all URIs together are at most as long, else the smallest.

    Returns:
        A URI for each picture.
    """
    uris: list[str] = []
    for width, quality in _ENCODINGS:
        uris = [_jpeg_uri(picture, width, quality) for picture in pictures]
        if sum(map(len, uris)) <= most_bytes:
            break
    return uris


def _jpeg_uri(picture: Picture, most_width: int, quality: int) -> str:
    image = Image.fromarray(picture)
    if image.width > most_width:
        height = max(1, round(image.height * most_width / image.width))
        image = image.resize((most_width, height), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    # Chroma at full resolution: halving it would blur what the page is there to compare.
    # Not optimize: with it Pillow's encoder fails on noisy pictures.
    image.save(stream, "JPEG", quality=quality, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
