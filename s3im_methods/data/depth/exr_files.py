"""Read the depth channel of an OpenEXR file; today's OpenCV wheels leave OpenEXR out."""

from pathlib import Path

import numpy as np

# In this order one of them is taken for the depth; else the file's first channel.
_DEPTH_CHANNELS = ("Z", "Depth.Z", "Depth.V", "depth.Z", "V", "Y", "R")


class UnreadableExr(ValueError):
    """The file is no EXR file, or damaged; the message says so."""


def read_exr(path: Path) -> np.ndarray:
    """The depth channel of an EXR file.

    Args:
        path: An existing file, of one part with flat pixels; compressed in any way.

    Returns:
        ``[h, w]``, as stored: float32, float16 or uint32.

    Raises:
        UnreadableExr: If the file cannot be read.
    """
    import OpenEXR

    try:
        channels = OpenEXR.File(str(path), separate_channels=True).channels()
        name = next((name for name in _DEPTH_CHANNELS if name in channels), None)
        return channels[name or min(channels)].pixels
    # The library raises errors of many kinds on damaged bytes.
    except Exception as error:
        raise UnreadableExr("it is no whole EXR file") from error
