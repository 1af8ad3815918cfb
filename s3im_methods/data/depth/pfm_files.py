"""Read a PFM file; OpenCV divides its values by the header's scale, which other readers of depth leave alone."""

from pathlib import Path

import numpy as np


class UnreadablePfm(ValueError):
    """The file is no PFM file, or damaged; the message says so."""


def read_pfm(path: Path) -> np.ndarray:
    """The values of a PFM file, as stored.

    The sign of the header's scale is the order of the bytes; its size is not applied, as by the readers of Middlebury
    and MiDaS. Rows are stored from the bottom up.

    Args:
        path: An existing file.

    Returns:
        ``[h, w]`` or, of a colour file, ``[h, w, 3]``; float32.

    Raises:
        UnreadablePfm: If the file cannot be read.
    """
    try:
        kind, width, height, rest = path.read_bytes().split(maxsplit=3)
        scale, values = rest.split(b"\n", maxsplit=1)
        channels = {b"Pf": 1, b"PF": 3}[kind]
        shape = int(height), int(width), channels
        order = "<" if float(scale) < 0 else ">"
        stored = np.frombuffer(values, dtype=f"{order}f4", count=int(np.prod(shape))).reshape(shape)
    except (ValueError, KeyError) as error:
        raise UnreadablePfm("it is not a complete PFM file") from error
    stored = stored[::-1].astype(np.float32)
    return stored[..., 0] if channels == 1 else stored
