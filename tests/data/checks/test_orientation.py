"""EXIF orientation: found in every format without decoding, and said once."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from PIL import Image

from s3im_methods.data.checks.orientation import orientation_of, orientation_warnings, turned_hint
from s3im_methods.data.checks.outputs import check_files
from s3im_methods.errors import InputError


def photo(path, tag: int | None):
    exif = Image.Exif()
    if tag is not None:
        exif[0x0112] = tag
    Image.fromarray(np.zeros((6, 8, 3), dtype=np.uint8)).save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("tag", [2, 3, 4, 5, 6, 7, 8])
def test_every_format_and_tag(tmp_path, suffix, tag):
    assert orientation_of(photo(tmp_path / f"a.{suffix}", tag)) == (tag, suffix == "tif")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("tag", [None, 1, 0, 9])
def test_upright(tmp_path, suffix, tag):
    path = photo(tmp_path / f"a.{suffix}", tag)
    assert orientation_of(path)[0] == 1 and orientation_warnings("image", [path]) == []


def test_pillow_still_turns_tiff_and_nothing_else(tmp_path):
    shapes = {s: np.array(Image.open(photo(tmp_path / f"a.{s}", 6))).shape[:2] for s in ("jpg", "png", "webp", "tif")}
    assert shapes == {"jpg": (6, 8), "png": (6, 8), "webp": (6, 8), "tif": (8, 6)}


def test_after_the_pixels_of_a_png(tmp_path):
    path = photo(tmp_path / "a.png", None)
    exif = Image.Exif()
    exif[0x0112] = 8
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = b"eXIf" + data
    whole = path.read_bytes()
    end = whole.rindex(b"IEND") - 4
    path.write_bytes(
        whole[:end] + struct.pack(">I", len(data)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + whole[end:]
    )
    Image.open(io.BytesIO(path.read_bytes())).load()
    assert orientation_of(path) == (8, False)


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe1\x00\x10Exif\0\0MM\0*"])
def test_what_is_no_image_is_left_to_other_checks(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    assert orientation_of(tmp_path / "a.jpg") == (1, False) == orientation_of(tmp_path / "gone.jpg")


def test_one_sentence_for_a_scene(tmp_path):
    images = [photo(tmp_path / f"{k}.jpg", tag) for k, tag in enumerate((None, 6, 3))]
    (warning,) = orientation_warnings("image", [*images, images[0]])
    assert warning == (
        f"2 of 3 images have an EXIF orientation that viewers apply and training does not, first '{images[1]}' (6: "
        "turned by 90 degrees clockwise). Where poses, masks or depth belong to the turned pictures, save the files "
        "with the rotation applied."
    )


def test_what_pillow_turns_is_said_to_be_turned(tmp_path):
    (warning,) = orientation_warnings("mask", [photo(tmp_path / "a.tif", 3)])
    assert warning == (
        f"1 of 1 mask has an EXIF orientation and is read as it says, namely '{tmp_path}/a.tif' (3: turned by 180 "
        "degrees). Where poses, masks or depth belong to the pixels as they are stored, save the files without that "
        "tag."
    )


def test_a_hint_only_where_turning_helps(tmp_path):
    path = photo(tmp_path / "a.jpg", 6)
    assert turned_hint(path, (8, 6), (6, 8)) is not None
    assert turned_hint(path, (8, 6), (6, 9)) is None
    assert turned_hint(photo(tmp_path / "b.jpg", 3), (8, 6), (6, 8)) is None
    hint = turned_hint(photo(tmp_path / "c.tif", 5), (6, 8), (8, 6))
    assert hint is not None and hint.endswith("take that tag out of it")


def views(folder, masks) -> DataparserOutputs:
    """Two views of 8 x 6 pixels."""
    images = [photo(folder / f"{k}.jpg", None) for k in range(2)]
    poses = torch.eye(4)[None, :3].repeat(2, 1, 1)
    poses[1, 0, 3] = 1.0
    cameras = Cameras(poses, torch.full((2,), 5.0), torch.full((2,), 5.0), 4.0, 3.0, 8, 6)
    return DataparserOutputs(images, cameras, mask_filenames=masks)


def test_whatever_the_parser_a_size_that_fits_when_turned_is_said(tmp_path):
    outputs = views(tmp_path, None)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (6, 8)).save(tmp_path / "1.jpg", exif=exif)
    with pytest.raises(InputError, match=r"with 6 x 8 instead of 8 x 6 pixels, because its EXIF orientation 6"):
        check_files(outputs, tmp_path, False)


def test_whatever_the_parser_masks_may_be_arrays(tmp_path):
    masks = [tmp_path / f"{k}.npy" for k in range(2)]
    for path in masks:
        np.save(path, np.ones((6, 8), dtype=bool))
    check_files(views(tmp_path, masks), tmp_path, False)
    np.save(masks[1], np.ones((6, 9), dtype=bool))
    with pytest.raises(InputError, match=r"1 of 2 masks is not of the size that its image has, namely '.*1.npy'"):
        check_files(views(tmp_path, masks), tmp_path, False)
