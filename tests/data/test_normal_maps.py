"""Normals as stored in camera axes, in every encoding, come out in the scene's."""

from pathlib import Path

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from PIL import Image

from s3im_methods.data.normal_maps import scene_normals
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
        with pytest.raises(InputError, match=r"is no normal map: give three finite numbers per pixel"):
            found(path)
    np.save(path, np.zeros((6, 6, 3)))
    with pytest.raises(InputError, match=r"The normal map '.*n.npy' has 6 x 6 pixels where its image 'image.png' has"):
        found(path)
    with pytest.raises(InputError, match=r"The normal map '.*gone.png' cannot be read: write it anew"):
        found(tmp_path / "gone.png")
