"""Monocular normals of nerfstudio's scenes: files that frames list, in the camera's axes, turned into the scene's."""

from pathlib import Path

import numpy as np
from nerfstudio.cameras.cameras import Cameras
from numpy.typing import NDArray
from PIL import Image

from s3im_methods.data.depth.fit_size import fit_size
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

NORMAL_KEY = "normal_file_path"
# OpenCV's camera looks along z with y down, nerfstudio's along -z with y up.
_OPENCV_TO_NERFSTUDIO = np.array([1.0, -1.0, -1.0])


def scene_normals(path: Path, camera: Cameras, image: Path) -> NDArray[np.float32]:
    """Normals in the scene's axes.

    A PNG holds (n + 1) / 2 times its largest value, 0 in all channels for none. An .npy file, ``[h, w, 3]`` or
    ``[3, h, w]``, holds n if any number is negative, as one of any surface towards the camera is, and (n + 1) / 2 else.
    Either way n is in the axes of OpenCV's camera (x right, y down, z forward) and towards the camera, as Omnidata's.

    Args:
        path: The file.
        camera: Its camera.
        image: Its image, for sentences.

    Returns:
        ``[H, W, 3]``, of length 1, or 0 where there is none.

    Raises:
        InputError: If the file cannot be read, holds no normals, or has another shape than the image.
    """
    stored = _read(path)
    size = int(camera.height), int(camera.width)
    local = fit_size(stored, size, quote(path), quote(image), "normal map").astype(np.float64)
    rotation = camera.camera_to_worlds.double().cpu().numpy()[:3, :3]
    normals = (local * _OPENCV_TO_NERFSTUDIO) @ rotation.T
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return np.divide(normals, length, out=np.zeros_like(normals), where=length > 1e-6).astype(np.float32)


def _read(path: Path) -> NDArray[np.float32]:
    try:
        if path.suffix == ".npy":
            stored, largest = np.load(path, allow_pickle=False), 1.0
        else:
            with Image.open(path) as file:
                stored, largest = np.array(file), 255.0
    except (OSError, ValueError) as error:
        raise InputError(
            f"The normal map {quote(path)} cannot be read: write it anew, or drop its {NORMAL_KEY}."
        ) from error
    if stored.ndim == 3 and stored.shape[0] == 3 != stored.shape[2]:
        stored = stored.transpose(1, 2, 0)
    if stored.ndim != 3 or stored.shape[2] != 3 or stored.dtype.kind not in "uif" or not np.isfinite(stored).all():
        raise InputError(
            f"{quote(path)} holds an array of shape {stored.shape} and type {stored.dtype}, which is no normal map: "
            "give three finite numbers per pixel, as .npy or 8-bit RGB."
        )
    values = stored.astype(np.float32)
    if values.min() < 0:
        return values
    none = (values == 0).all(-1, keepdims=True)
    return np.where(none, 0.0, values / largest * 2 - 1).astype(np.float32)
