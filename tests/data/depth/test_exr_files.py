"""EXR files of the common kinds give back what was stored; anything else is refused."""

import contextlib
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from s3im_methods.data.depth.depth_files import read_map
from s3im_methods.data.depth.exr_files import UnreadableExr, read_exr
from s3im_methods.errors import InputError

CODES = {np.dtype("<u4"): 0, np.dtype("<f2"): 1, np.dtype("<f4"): 2}
LINES = {0: 1, 2: 1, 3: 16}


def zipped(raw: bytes) -> bytes:
    """As OpenEXR does: even bytes before odd ones, then differences, then ZIP."""
    data = np.frombuffer(raw, dtype=np.uint8)
    data = np.concatenate([data[0::2], data[1::2]]).astype(np.int64)
    coded = np.concatenate([data[:1], np.diff(data) + 128]).astype(np.uint8)
    return zlib.compress(coded.tobytes())


def encode(channels: dict[str, np.ndarray], compression: int = 3, version: int = 2) -> bytes:
    """An EXR file by the format's description; channels come in the order of their names."""
    named = sorted(channels.items())
    height, width = named[0][1].shape
    listed = b"".join(n.encode() + b"\0" + struct.pack("<iIii", CODES[a.dtype], 0, 1, 1) for n, a in named) + b"\0"
    window = struct.pack("<4i", 3, -2, width + 2, height - 3)
    attributes = {"channels": ("chlist", listed), "compression": ("compression", bytes([compression]))}
    attributes["dataWindow"] = ("box2i", window)
    head = struct.pack("<II", 20000630, version)
    for name, (kind, value) in attributes.items():
        head += name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value
    head += b"\0"
    chunks = []
    step = LINES.get(compression, 1)
    for first in range(0, height, step):
        raw = b"".join(array[row].tobytes() for row in range(first, min(first + step, height)) for _, array in named)
        packed = raw if compression == 0 else zipped(raw)
        packed = packed if len(packed) < len(raw) else raw
        chunks.append(struct.pack("<ii", first - 2, len(packed)) + packed)
    offset, table = len(head) + 8 * len(chunks), b""
    for chunk in chunks:
        table += struct.pack("<Q", offset)
        offset += len(chunk)
    return head + table + b"".join(chunks)


@settings(deadline=None, max_examples=60)
@given(
    values=st_numpy.arrays(
        np.dtype("<f4"), st.tuples(st.integers(1, 40), st.integers(1, 9)), elements=st.floats(0, 9, width=16)
    ),
    compression=st.sampled_from([0, 2, 3]),
    half=st.booleans(),
)
def test_what_was_stored_comes_back(values, compression, half, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "depth.exr"
    stored = values.astype("<f2") if half else values
    path.write_bytes(encode({"Z": stored, "A": np.ones_like(values), "Y": values + 1}, compression))
    assert np.array_equal(read_exr(path), stored.astype(np.float32))


def test_depth_in_metres_through_the_common_reader(tmp_path):
    ramp = np.linspace(0.5, 4, 48, dtype="<f4").reshape(6, 8)
    (tmp_path / "d.exr").write_bytes(encode({"R": ramp, "G": ramp, "B": ramp}))
    found = read_map(tmp_path / "d.exr")
    assert np.array_equal(found.values, ramp)
    assert found.bits == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is cut off or damaged"),
        (b"\x89PNG 1234", "it is no EXR file"),
        (encode({"Z": np.ones((4, 4), "<f4")})[:-3], "it is cut off or damaged"),
        (encode({"Z": np.ones((4, 4), "<f4")}, compression=4), "it is compressed in another way than ZIP"),
        (encode({"Z": np.ones((4, 4), "<f4")}, version=2 | 0x200), "it is tiled, deep or of several parts"),
    ],
)
def test_other_files_are_refused(content, why, tmp_path):
    (tmp_path / "d.exr").write_bytes(content)
    with pytest.raises(UnreadableExr, match=why):
        read_exr(tmp_path / "d.exr")
    with pytest.raises(InputError, match=rf"d.exr' cannot be read \({why}\): convert such files to .npy"):
        read_map(tmp_path / "d.exr")


@settings(deadline=None, max_examples=100)
@given(place=st.integers(0, 200), junk=st.binary(min_size=1, max_size=8))
def test_any_bytes_are_read_or_refused(place, junk, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "junk.exr"
    whole = encode({"Z": np.arange(24, dtype="<f4").reshape(4, 6)})
    path.write_bytes(whole[:place] + junk + whole[place + len(junk) :])
    with contextlib.suppress(UnreadableExr):
        assert read_exr(path).ndim == 2
