"""EXR files give back what was stored; anything else is refused in one sentence."""

import contextlib

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.data.depth.depth_files import read_map
from s3im_methods.data.depth.exr_files import UnreadableExr, read_exr
from s3im_methods.errors import InputError

RAMP = np.linspace(0.5, 4, 48, dtype=np.float32).reshape(6, 8)


def write(path, channels, compression=OpenEXR.ZIP_COMPRESSION):
    header = {"compression": compression, "type": OpenEXR.scanlineimage}
    # It puts objects of its own into the dict that it gets.
    OpenEXR.File(header, dict(channels)).write(str(path))
    return path


@pytest.mark.parametrize("compression", ["NO_COMPRESSION", "RLE_COMPRESSION", "ZIP_COMPRESSION", "PIZ_COMPRESSION"])
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_what_was_stored_comes_back(tmp_path, compression, kind):
    stored = RAMP.astype(kind)
    path = write(tmp_path / "d.exr", {"Z": stored, "A": np.ones_like(stored)}, getattr(OpenEXR, compression))
    assert np.array_equal(read_exr(path), stored)


@pytest.mark.parametrize(
    ("names", "taken"), [(["Z", "R"], "Z"), (["R", "G", "B"], "R"), (["Y", "A"], "Y"), (["q", "p"], "p")]
)
def test_which_channel_is_the_depth(tmp_path, names, taken):
    channels = {name: RAMP + place for place, name in enumerate(names)}
    path = write(tmp_path / "d.exr", channels)
    assert np.array_equal(read_exr(path), channels[taken])


def test_depth_in_metres_through_the_common_reader(tmp_path):
    found = read_map(write(tmp_path / "d.exr", {"Z": RAMP.astype(np.float16)}))
    assert np.array_equal(found.values, RAMP.astype(np.float16).astype(np.float32))
    assert found.bits == 0


@pytest.mark.parametrize("content", [b"", b"\x89PNG 1234", None])
def test_other_files_are_refused(content, tmp_path):
    path = write(tmp_path / "d.exr", {"Z": RAMP})
    path.write_bytes(path.read_bytes()[:-3] if content is None else content)
    with pytest.raises(
        InputError, match=r"d.exr' cannot be read \(it is not a complete EXR file\): copy or write it again"
    ):
        read_map(path)


@settings(deadline=None, max_examples=100)
@given(place=st.integers(0, 300), junk=st.binary(min_size=1, max_size=8))
def test_any_bytes_are_read_or_refused(place, junk, tmp_path_factory):
    path = write(tmp_path_factory.getbasetemp() / "junk.exr", {"Z": RAMP})
    whole = path.read_bytes()
    path.write_bytes(whole[:place] + junk + whole[place + len(junk) :])
    with contextlib.suppress(UnreadableExr):
        assert read_exr(path).ndim == 2


def test_colours_that_differ_are_no_depth(tmp_path):
    with pytest.raises(InputError, match="which is not a depth map"):
        read_map(write(tmp_path / "d.exr", {"R": RAMP, "G": RAMP + 1, "B": RAMP}))
    assert np.array_equal(read_map(write(tmp_path / "d.EXR", {"R": RAMP, "G": RAMP, "B": RAMP})).values, RAMP)
