"""Each kind of depth file is read in its unit, and what is no depth becomes 0."""

import numpy as np
import pytest
from PIL import Image

from s3im_methods.data.depth.depth_files import StoredMap, clean_metres, confidence_of, read_map
from s3im_methods.errors import InputError


def test_sixteen_bit_png_counts_by_the_dataparser_and_npy_in_metres(tmp_path):
    Image.fromarray(np.array([[0, 1500, 65535]], dtype=np.uint16)).save(tmp_path / "d.png")
    np.save(tmp_path / "d.npy", np.array([[[0.0], [1.5], [65.535]]]))
    for name in ("d.png", "d.npy"):
        metres, bad = clean_metres(read_map(tmp_path / name), None, 0.001)
        assert metres == pytest.approx(np.array([[0, 1.5, 65.535]]))
        assert (metres.dtype, bad) == (np.float32, 0)


def test_a_stated_unit_holds_for_every_kind(tmp_path):
    np.save(tmp_path / "d.npy", np.array([[5000, 0]], dtype=np.uint16))
    assert clean_metres(read_map(tmp_path / "d.npy"), 1 / 5000, 0.001)[0].tolist() == [[1, 0]]
    assert clean_metres(StoredMap(np.array([[2.0]], np.float32), 0), 0.5, 0.001)[0].tolist() == [[1]]


def test_nan_infinite_and_negative_values_are_none_and_counted():
    stored = StoredMap(np.array([[np.nan, np.inf, -np.inf, -1, 0, 2]], dtype=np.float32), 0)
    metres, bad = clean_metres(stored, None, 0.001)
    assert metres.tolist() == [[0, 0, 0, 0, 0, 2]]
    assert bad == 4


def test_confidence_by_the_files_type_or_as_stated():
    stored = np.array([[0, 1, 2]], dtype=np.float32)
    assert confidence_of(StoredMap(stored, 8), 2).tolist() == [[0, 0.5, 1]]
    assert confidence_of(StoredMap(stored * 127.5, 8), None).tolist() == [[0, 0.5, 1]]
    assert confidence_of(StoredMap(stored * 32767.5, 16), None).tolist() == [[0, 0.5, 1]]
    assert confidence_of(StoredMap(np.array([[0.25, np.nan, 7]], np.float32), 0), None).tolist() == [[0.25, 0, 1]]


def spoilt(tmp_path, name: str):
    path = tmp_path / name
    if name.startswith("colour"):
        Image.fromarray(np.zeros((4, 5, 3), dtype=np.uint8)).save(path)
    elif name == "text.npy":
        np.save(path, np.array([["a"]]))
    elif not name.startswith("missing"):
        path.write_bytes(b"\x76\x2f\x31\x01 no picture")
    return path


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("colour.png", "holds an array of shape \\(4, 5, 3\\) and type uint8, which is no depth map"),
        ("text.npy", "which is no depth map"),
        ("cut.npy", "is no whole array of numbers"),
        ("cut.png", "OpenCV cannot read the depth map"),
        ("cut.exr", "cannot be read \\(it is no whole EXR file\\): copy or write it anew"),
        ("missing.png", "is missing: put it back"),
        ("missing.npy", "is missing: put it back"),
    ],
)
def test_files_that_are_no_depth_map(tmp_path, name, says):
    with pytest.raises(InputError, match=says) as refusal:
        read_map(spoilt(tmp_path, name))
    assert name in str(refusal.value)
