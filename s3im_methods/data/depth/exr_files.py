"""Read an OpenEXR file, and tell which channel is the depth; today's OpenCV wheels leave OpenEXR out."""

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
    channels = read_channels(path)
    return channels[depth_channel(channels)]


def depth_channel(channels: dict[str, np.ndarray]) -> str:
    """The name of the channel that is taken for the depth.

    Args:
        channels: One or more.
    """
    return next((name for name in _DEPTH_CHANNELS if name in channels), min(channels))


def read_channels(path: Path) -> dict[str, np.ndarray]:
    """All channels of an EXR file by their names.

    Args:
        path: An existing file, of one part with flat pixels; compressed in any way.

    Returns:
        One or more, each ``[h, w]``, as stored: float32, float16 or uint32.

    Raises:
        UnreadableExr: If the file cannot be read.
    """
    import OpenEXR

    try:
        channels = OpenEXR.File(str(path), separate_channels=True).channels()
        found = {name: channels[name].pixels for name in sorted(channels)}
    # The library raises errors of many kinds on damaged bytes.
    except Exception as error:
        raise UnreadableExr("it is not a complete EXR file") from error
    if not found:
        raise UnreadableExr("it has no channels")
    return found
