"""Normals as stored in camera axes, in every encoding, come out in the scene's."""

from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from PIL import Image

from s3im_methods.data.normal_maps import facing_away, odd_axes, scene_normals
from s3im_methods.errors import InputError

# Right, up and back of a camera that looks along the world's y, z up.
POSE = torch.tensor([[1.0, 0, 0, 5], [0, 0, -1, 6], [0, 1, 0, 7]])
CAMERA = Cameras(POSE, 9.0, 9.0, 3.0, 2.0, 6, 4)
# Towards the camera, down, right, and a slanted one, by OpenCV's axes; and in the world's.
LOCAL = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0], [0.6, 0, -0.8]])
WORLD = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0], [0.6, -0.8, 0]])


def stored(rows: np.ndarray) -> np.ndarray:
    return np.tile(rows[:, None], (1, 6, 1)).astype(np.float32)


def found(path: Path, camera: Cameras = CAMERA) -> np.ndarray:
    return scene_normals(path, camera, Path("image.png"))


@pytest.mark.parametrize("encoding", ["signed", "planes", "unsigned", "png"])
def test_encodings(tmp_path, encoding):
    values = stored(LOCAL)
    path = tmp_path / ("n.png" if encoding == "png" else "n.npy")
    if encoding == "png":
        Image.fromarray(np.round((values + 1) / 2 * 255).astype(np.uint8)).save(path)
    else:
        encoded = {"signed": values, "planes": values.transpose(2, 0, 1), "unsigned": (values + 1) / 2}[encoding]
        np.save(path, encoded)
    normals = found(path)
    assert normals.shape == (4, 6, 3) and normals.dtype == np.float32
    assert normals == pytest.approx(stored(WORLD), abs=0.01 if encoding == "png" else 1e-6)
    assert np.linalg.norm(normals, axis=-1) == pytest.approx(np.ones((4, 6)), abs=1e-5)


@pytest.mark.parametrize("signed", [True, False])
def test_none_stays_none_and_sizes_are_fitted(tmp_path, signed):
    values = stored(LOCAL) if signed else (stored(LOCAL) + 1) / 2
    values[1] = 0
    np.save(tmp_path / "n.npy", np.kron(values, np.ones((2, 2, 1))))
    normals = found(tmp_path / "n.npy")
    assert (normals[1] == 0).all()
    assert normals[[0, 2, 3]] == pytest.approx(stored(WORLD)[[0, 2, 3]], abs=1e-6)


def test_bad_files(tmp_path):
    path = tmp_path / "n.npy"
    for values in (np.zeros((4, 6)), np.full((4, 6, 3), np.nan), np.zeros((4, 6, 2))):
        np.save(path, values)
        with pytest.raises(InputError, match=r"is not a normal map: give three finite numbers per pixel"):
            found(path)
    np.save(path, np.zeros((6, 6, 3)))
    with pytest.raises(InputError, match=r"The normal map '.*n.npy' has 6 x 6 pixels, but its image 'image.png' has"):
        found(path)
    with pytest.raises(InputError, match=r"The normal map '.*gone.png' cannot be read: write it again"):
        found(tmp_path / "gone.png")


def save(path: Path, values: np.ndarray) -> None:
    """Write an array or picture, colours in the order of the axes."""
    import cv2
    import OpenEXR

    if path.suffix.lower() == ".npy":
        with open(path, "wb") as file:
            np.save(file, values)
    elif path.suffix == ".npz":
        np.savez(path, normals=values)
    elif path.suffix == ".exr":
        channels = {name: np.ascontiguousarray(values[..., k]) for k, name in enumerate("XYZ")}
        OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels).write(str(path))
    else:
        cv2.imwrite(str(path), values[..., [2, 1, 0, 3][: values.shape[2]]])


UNSIGNED = (stored(LOCAL) + 1) / 2
OPAQUE = np.full((4, 6, 1), 65535, dtype=np.uint16)
SIXTEEN = np.round(UNSIGNED * 65535).astype(np.uint16)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("n.NPY", stored(LOCAL)),
        ("n.npz", stored(LOCAL)[None]),
        ("n.exr", stored(LOCAL)),
        ("n.exr", UNSIGNED.astype(np.float32)),
        ("n.npy", 255 * UNSIGNED),
        ("n.npy", np.round(255 * UNSIGNED).astype(np.int64)),
        ("n.npy", 65535 * UNSIGNED),
        ("n.npy", 0.3 * stored(LOCAL)),
        ("n.npy", np.round(127 * stored(LOCAL)).astype(np.int8)),
        ("n.npy", UNSIGNED.transpose(2, 0, 1)[None].astype(np.float16)),
        ("n.png", SIXTEEN),
        ("n.PNG", np.concatenate([SIXTEEN, OPAQUE], axis=-1)),
        ("n.tif", SIXTEEN),
    ],
)
def test_every_encoding_means_the_same(tmp_path, name, values):
    save(tmp_path / name, values)
    assert found(tmp_path / name) == pytest.approx(stored(WORLD), abs=0.01)


def test_holes_are_none(tmp_path):
    values = stored(LOCAL)
    values[0, 0], values[0, 1, 0] = np.nan, np.inf
    save(tmp_path / "n.npy", values)
    grey = np.round(255 * UNSIGNED).astype(np.uint8)
    grey[0, 0], grey[0, 1] = 127, 128
    save(tmp_path / "n.png", grey)
    clear = np.concatenate([SIXTEEN, OPAQUE], axis=-1)
    clear[0, :2, 3] = 0
    save(tmp_path / "alpha.png", clear)
    for name in ("n.npy", "n.png", "alpha.png"):
        normals = found(tmp_path / name)
        assert (normals[0, :2] == 0).all()
        assert normals[1:] == pytest.approx(stored(WORLD)[1:], abs=0.01)


def test_a_floor_without_negative_numbers_is_told_by_its_length(tmp_path):
    down = np.tile(np.array([0.0, 1.0, 0.0], dtype=np.float32), (4, 6, 1))
    save(tmp_path / "n.npy", down)
    assert found(tmp_path / "n.npy") == pytest.approx(np.tile([0, 0, -1.0], (4, 6, 1)), abs=1e-6)


@pytest.mark.parametrize(("signs", "says"), [((1, 1, 1), None), ((1, -1, -1), "They look like OpenGL's")])
def test_normals_that_point_away_from_the_camera_are_told(tmp_path, signs, says):
    facing = np.array([[0.0, 0, -1], [0, 0.6, -0.8], [0.8, 0, -0.6], [-0.7, -0.1, -0.7]]) * signs
    save(tmp_path / "n.npy", stored(facing))
    shares = [facing_away(found(tmp_path / "n.npy"), CAMERA)] * 3
    odd = odd_axes([*shares, {}])
    assert odd is None if says is None else odd is not None and odd[0] == [0, 1, 2] and says in odd[1]


def test_few_maps_that_point_away_are_no_other_axes():
    away, facing = {"OpenCV": 0.9, "OpenGL": 0.1, "inwards": 0.1}, {"OpenCV": 0.1, "OpenGL": 0.9, "inwards": 0.9}
    assert odd_axes([away, facing, facing]) is None
    assert odd_axes([{}]) is None
    inwards = {"OpenCV": 1.0, "OpenGL": 0.2, "inwards": 0.0}
    assert "point into the surfaces" in str(odd_axes([inwards]))
    found = odd_axes([away, away, facing])
    assert found is not None and "or the world's" in found[1]
