"""Monocular normals of nerfstudio's scenes: files that frames list, in the camera's axes, turned into the scene's."""

from pathlib import Path

import numpy as np
from nerfstudio.cameras.cameras import Cameras
from numpy.typing import NDArray

from s3im_methods.data.depth.depth_files import read_array
from s3im_methods.data.depth.exr_files import UnreadableExr, read_channels
from s3im_methods.data.depth.fit_size import fit_size
from s3im_methods.data.depth.pfm_files import UnreadablePfm, read_pfm
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

NORMAL_KEY = "normal_file_path"
# OpenCV's camera looks along z with y down, nerfstudio's along -z with y up.
_OPENCV_TO_NERFSTUDIO = np.array([1.0, -1.0, -1.0])
# What each number of a file is in OpenCV's axes, by what else it may have meant.
_CONVENTIONS = {"OpenCV": (1, 1, 1), "OpenGL": (1, -1, -1), "inwards": (-1, -1, -1)}
_REMEDIES = {
    "OpenGL": "They look like OpenGL's (y up, z backward): if so, negate their y and z",
    "inwards": "They look like normals that point into the surfaces: if so, negate them",
}
_OTHER_AXES = "They may be in OpenGL's axes or the world's: turn them into those of each camera"
# Networks err at edges, but no more than that.
_MOST_AWAY, _FITS = 0.25, 0.05
_EXR_CHANNELS = (("X", "Y", "Z"), ("R", "G", "B"), ("x", "y", "z"), ("r", "g", "b"))
# Resizing may leave a little below 0 of what was written from 0 up.
_OVERSHOOT = 0.05
# The middle grey of 8 bits is not quite 0, and no direction.
_NO_DIRECTION = 0.1


def scene_normals(
    path: Path, camera: Cameras, image: Path, rotation: NDArray[np.float64] | None = None
) -> NDArray[np.float32]:
    """Normals in the scene's axes.

    A picture holds (n + 1) / 2 times the largest value of its type; where it is transparent, or 0 in all channels,
    there is no normal. Floating-point numbers, ``[h, w, 3]`` or ``[3, h, w]``, hold n if some are clearly negative or
    all vectors have length 1 as they are, and else (n + 1) / 2 times 1, 255 or 65535, whichever the values need.
    Either way n is in the axes of OpenCV's camera (x right, y down, z forward) and towards the camera, as Omnidata's.

    Args:
        path: The file: ``.npy``, ``.npz``, ``.exr``, ``.pfm``, or an image that OpenCV reads.
        camera: Its camera.
        image: Its image, for sentences.
        rotation: From the axes of OpenCV's camera to the scene's, ``[3, 3]``; the camera's own where None.

    Returns:
        ``[H, W, 3]``, of length 1, or 0 where there is none.

    Raises:
        InputError: If the file cannot be read, holds no normals, or has another shape than the image.
    """
    stored = _decoded(path, _read(path))
    size = int(camera.height), int(camera.width)
    local = fit_size(stored, size, quote(path), quote(image), "normal map").astype(np.float64)
    if rotation is None:
        rotation = camera.camera_to_worlds.double().cpu().numpy()[:3, :3] * _OPENCV_TO_NERFSTUDIO
    normals = local @ rotation.T
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return np.divide(normals, length, out=np.zeros_like(normals), where=length > 1e-6).astype(np.float32)


def facing_away(normals: NDArray[np.float32], camera: Cameras) -> dict[str, float]:
    """Share of the normals that no visible surface can have, because they point away from the camera.

    Args:
        normals: ``[H, W, 3]`` in the scene's axes, 0 for none.
        camera: Their camera.

    Returns:
        From 0 to 1, by what the file may have meant: "OpenCV" as it was read, and what else is in use. Nothing where
        there are no normals.
    """
    known = np.abs(normals).sum(axis=-1) > 0
    if not known.any():
        return {}
    rotation = camera.camera_to_worlds.cpu().numpy()[:3, :3]
    rays = camera.reshape((1,)).generate_rays(camera_indices=0).directions.cpu().numpy()
    products = (normals @ rotation)[known] * (rays @ rotation)[known]
    return {name: float((products @ np.array(signs) > 0).mean()) for name, signs in _CONVENTIONS.items()}


def odd_axes(shares: list[dict[str, float]]) -> tuple[list[int], str] | None:
    """Which maps show surfaces from behind, and what that suggests; None unless most of them do.

    Args:
        shares: What :func:`facing_away` says of some maps of a scene.
    """
    odd = [place for place, share in enumerate(shares) if share and share["OpenCV"] > _MOST_AWAY]
    if not odd or 2 * len(odd) <= sum(bool(share) for share in shares):
        return None
    means = {name: np.mean([shares[place][name] for place in odd]) for name in _REMEDIES}
    likely = min(means, key=lambda name: means[name])
    return odd, _REMEDIES[likely] if means[likely] <= _FITS else _OTHER_AXES


def _read(path: Path) -> NDArray:
    import cv2

    ending = path.suffix.lower()
    try:
        if ending in (".npy", ".npz"):
            return read_array(path)
        if ending == ".pfm":
            return read_pfm(path)
        if ending == ".exr":
            channels = read_channels(path)
            names = next((n for n in _EXR_CHANNELS if set(n) <= set(channels)), tuple(channels))
            return np.stack([channels[name] for name in names], axis=-1)
        picture = cv2.imread(str(path.absolute()), cv2.IMREAD_UNCHANGED)
    except (OSError, InputError, UnreadableExr, UnreadablePfm, cv2.error) as error:
        raise _unreadable(path) from error
    if picture is None:
        raise _unreadable(path)
    return picture[..., [2, 1, 0, 3][: picture.shape[2]]] if picture.ndim == 3 else picture


def _decoded(path: Path, stored: NDArray) -> NDArray[np.float32]:
    """Normals in any length, ``[h, w, 3]``, 0 for none."""
    shape = stored.shape
    while stored.ndim > 3 and stored.shape[0] == 1:
        stored = stored[0]
    if stored.ndim == 3 and stored.shape[0] in (3, 4) and stored.shape[2] > 4:
        stored = stored.transpose(1, 2, 0)
    is_normal = stored.ndim == 3 and stored.shape[2] in (3, 4) and stored.size and stored.dtype.kind in "uif"
    if not is_normal or not np.isfinite(stored[..., :3]).any():
        raise InputError(
            f"{quote(path)} holds an array of shape {shape} and type {stored.dtype}, which is not a normal map: "
            "give three finite numbers per pixel, as .npy or 8-bit RGB."
        )
    with np.errstate(over="ignore"):
        values = stored[..., :3].astype(np.float32)
    known = np.isfinite(values).all(axis=-1, keepdims=True) & (values != 0).any(axis=-1, keepdims=True)
    if stored.shape[2] == 4:
        known &= stored[..., 3:] > 0
    values = np.where(known, values, 0.0).astype(np.float32)
    if _is_signed(values, known[..., 0]):
        return values
    top = float(values.max())
    largest = float(np.iinfo(stored.dtype).max) if stored.dtype.kind == "u" else _largest(top, stored.dtype.kind)
    normals = values / np.float32(largest) * 2 - 1
    known &= np.linalg.norm(normals, axis=-1, keepdims=True) > _NO_DIRECTION
    return np.where(known, normals, 0.0).astype(np.float32)


def _is_signed(values: NDArray[np.float32], known: NDArray[np.bool_]) -> bool:
    if values.min() < -_OVERSHOOT * values.max(initial=1e-12):
        return True
    if values.max() > 1 + _OVERSHOOT:
        return False
    # A map of one floor may have no negative number: then the vectors' lengths tell.
    as_stored, as_unsigned = (
        np.mean(np.abs(np.linalg.norm(v[known], axis=-1) - 1) < 0.01) if known.any() else 0.0
        for v in (values, values * 2 - 1)
    )
    return bool(as_stored > 0.95 and as_unsigned < 0.5)


def _largest(top: float, kind: str) -> float:
    if kind == "f" and top <= 1 + _OVERSHOOT:
        return 1.0
    return 255.0 if top <= 255 * (1 + _OVERSHOOT) else 65535.0


def _unreadable(path: Path) -> InputError:
    return InputError(f"The normal map {quote(path)} cannot be read: write it again, or drop its {NORMAL_KEY}.")
