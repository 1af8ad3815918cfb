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
        ("colour.png", "holds an array of shape \\(4, 5, 3\\) and type uint8, which is not a depth map"),
        ("text.npy", "which is not a depth map"),
        ("cut.npy", "is not a complete array of numbers"),
        ("cut.png", "OpenCV cannot read the depth map"),
        ("cut.exr", "cannot be read \\(it is not a complete EXR file\\): copy or write it again"),
        ("missing.png", "is missing: put it back"),
        ("missing.npy", "is missing: put it back"),
    ],
)
def test_files_that_are_no_depth_map(tmp_path, name, says):
    with pytest.raises(InputError, match=says) as refusal:
        read_map(spoilt(tmp_path, name))
    assert name in str(refusal.value)


MAP = np.linspace(1, 5, 20, dtype=np.float32).reshape(4, 5)


@pytest.mark.parametrize("ending", [".npy", ".NPY", ".Npy"])
@pytest.mark.parametrize(
    "change",
    [
        lambda m: m[None],
        lambda m: m[..., None],
        lambda m: m[None, ..., None],
        lambda m: m[None, None],
        lambda m: np.stack([m] * 3, axis=-1),
        lambda m: np.stack([m] * 3),
        lambda m: np.asfortranarray(m[None]),
        lambda m: m.astype(">f4"),
        lambda m: m.astype(">f8"),
    ],
)
def test_shapes_and_orders_of_arrays(tmp_path, ending, change):
    with open(tmp_path / f"d{ending}", "wb") as file:
        np.save(file, change(MAP))
    assert np.array_equal(read_map(tmp_path / f"d{ending}").values, MAP)


@pytest.mark.parametrize(
    ("kind", "bits", "largest"),
    [
        ("f2", 0, 65504),
        ("u1", 8, 255),
        ("i2", 16, 32767),
        (">u4", 32, 2**32 - 1),
        ("i8", 32, 2.0**63),
        ("?", 1, 1),
    ],
)
def test_types_of_arrays(tmp_path, kind, bits, largest):
    np.save(tmp_path / "d.npy", np.round(MAP).astype(kind))
    found = read_map(tmp_path / "d.npy")
    assert np.array_equal(found.values, np.round(MAP).astype(kind))
    assert (found.bits, found.largest) == (bits, largest)


@pytest.mark.parametrize("shape", [(4, 5, 3), (2, 4, 5), (4, 5, 2), (3, 4, 5, 3), (20,), (0, 5)])
def test_arrays_of_several_channels_are_refused(tmp_path, shape):
    np.save(tmp_path / "d.npy", np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    with pytest.raises(InputError, match="which is not a depth map: give one number per pixel"):
        read_map(tmp_path / "d.npy")


@pytest.mark.parametrize("name", ["d.PNG", "d.png", "d.TIF"])
def test_grey_saved_as_colour_is_one_channel(tmp_path, name):
    import cv2

    grey = (MAP * 1000).astype(np.uint16)
    for channels in (3, 4):
        image = np.stack([grey] * 3 + [np.full_like(grey, 65535)] * (channels - 3), axis=-1)
        cv2.imwrite(str(tmp_path / name), image)
        assert np.array_equal(read_map(tmp_path / name).values, grey)
    cv2.imwrite(str(tmp_path / name), np.stack([grey, grey + 1, grey], axis=-1))
    with pytest.raises(InputError, match="which is not a depth map"):
        read_map(tmp_path / name)


def test_archives_of_one_array(tmp_path):
    np.savez(tmp_path / "d.npz", depth=MAP[None])
    assert np.array_equal(read_map(tmp_path / "d.npz").values, MAP)
    np.savez(tmp_path / "d.npz", depth=MAP, confidence=MAP)
    with pytest.raises(InputError, match=r"holds 2 arrays \('depth', 'confidence'\)"):
        read_map(tmp_path / "d.npz")


@pytest.mark.parametrize(("order", "scale"), [("<", b"-1.0"), (">", b"1"), ("<", b"-0.003922"), (">", b"255.0")])
def test_pfm_is_stored_upside_down_and_its_scale_is_the_order_of_bytes(tmp_path, order, scale):
    data = MAP[::-1].astype(f"{order}f4").tobytes()
    (tmp_path / "d.pfm").write_bytes(b"Pf\n5 4\n" + scale + b"\n" + data)
    assert np.array_equal(read_map(tmp_path / "d.pfm").values, MAP)
    (tmp_path / "d.PFM").write_bytes(b"Pf\n5 4\n" + scale + b"\n" + data[:-1])
    with pytest.raises(InputError, match="it is not a complete PFM file"):
        read_map(tmp_path / "d.PFM")
