"""Read one channel of an OpenEXR file without OpenEXR, which today's OpenCV wheels leave out.

Scan-line files without compression, or with ZIP or ZIPS (what Blender and most tools write for depth), half or float.
"""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

_MAGIC = 20000630
_TILED_DEEP_OR_MULTIPART = 0x200 | 0x800 | 0x1000
_TYPES = {0: np.dtype("<u4"), 1: np.dtype("<f2"), 2: np.dtype("<f4")}
_LINES_PER_CHUNK = {0: 1, 2: 1, 3: 16}
_LARGEST_ZIP_RATIO = 1100
# In this order one of them is taken for the depth; else the file's first channel.
_DEPTH_CHANNELS = ("Z", "Depth.Z", "Depth.V", "depth.Z", "V", "Y", "R")


class UnreadableExr(ValueError):
    """The file is damaged, or of a kind that this reader does not know; the message says which."""


def read_exr(path: Path) -> np.ndarray:
    """The depth channel of an EXR file.

    Args:
        path: An existing file.

    Returns:
        ``[h, w]``, float32, as stored.

    Raises:
        UnreadableExr: If the file is damaged, tiled, of several parts, or compressed in another way.
    """
    try:
        return _decoded(path.read_bytes())
    except UnreadableExr:
        raise
    except (struct.error, zlib.error, ValueError, IndexError, KeyError, OverflowError, MemoryError) as error:
        raise UnreadableExr("it is cut off or damaged") from error


def _decoded(data: bytes) -> np.ndarray:
    magic, version = struct.unpack_from("<II", data)
    if magic != _MAGIC:
        raise UnreadableExr("it is no EXR file")
    if version & _TILED_DEEP_OR_MULTIPART:
        raise UnreadableExr("it is tiled, deep or of several parts")
    header, position = _header(data)
    compression = header["compression"][0]
    if compression not in _LINES_PER_CHUNK:
        raise UnreadableExr("it is compressed in another way than ZIP")
    left, top, right, bottom = struct.unpack("<4i", header["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    channels = _channels(header["channels"])
    line_bytes = width * sum(kind.itemsize for _, kind in channels)
    if width < 1 or height < 1 or height * line_bytes > _LARGEST_ZIP_RATIO * len(data):
        raise UnreadableExr("it is cut off or damaged")
    names = [name for name, _ in channels]
    wanted = names.index(next((name for name in _DEPTH_CHANNELS if name in names), names[0]))
    start = width * sum(kind.itemsize for _, kind in channels[:wanted])
    kind = channels[wanted][1]
    image = np.zeros((height, width), dtype=np.float32)
    chunks = -(-height // _LINES_PER_CHUNK[compression])
    for offset in struct.unpack_from(f"<{chunks}Q", data, position):
        line, size = struct.unpack_from("<ii", data, offset)
        first = line - top
        lines = min(_LINES_PER_CHUNK[compression], height - first)
        raw = data[offset + 8 : offset + 8 + size]
        # A chunk that would have grown is stored as it is.
        raw = raw if compression == 0 or size == lines * line_bytes else _unzipped(raw)
        rows = np.frombuffer(raw, dtype=np.uint8).reshape(lines, line_bytes)
        chosen = np.ascontiguousarray(rows[:, start : start + width * kind.itemsize]).view(kind)
        image[first : first + lines] = chosen.astype(np.float32)
    return image


def _header(data: bytes) -> tuple[dict[str, bytes], int]:
    position = 8
    found: dict[str, Any] = {}
    while data[position] != 0:
        name, position = _text(data, position)
        _, position = _text(data, position)
        (size,) = struct.unpack_from("<i", data, position)
        if size < 0:
            raise UnreadableExr("it is cut off or damaged")
        found[name] = data[position + 4 : position + 4 + size]
        position += 4 + size
    return found, position + 1


def _channels(data: bytes) -> list[tuple[str, np.dtype]]:
    position, found = 0, []
    while data[position] != 0:
        name, position = _text(data, position)
        kind, _, across, down = struct.unpack_from("<iIii", data, position)
        if (across, down) != (1, 1):
            raise UnreadableExr("its channels differ in size")
        found.append((name, _TYPES[kind]))
        position += 16
    return found


def _text(data: bytes, position: int) -> tuple[str, int]:
    end = data.index(b"\0", position)
    return data[position:end].decode("latin-1"), end + 1


def _unzipped(data: bytes) -> bytes:
    """Undo ZIP, the differences between bytes, and the order of all even bytes before all odd ones."""
    coded = np.frombuffer(zlib.decompress(data), dtype=np.uint8).astype(np.int64)
    coded[1:] -= 128
    summed = np.cumsum(coded).astype(np.uint8)
    out = np.empty_like(summed)
    half = (len(summed) + 1) // 2
    out[0::2], out[1::2] = summed[:half], summed[half:]
    return out.tobytes()
