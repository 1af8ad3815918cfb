"""Read one depth or confidence file: 16-bit PNG, EXR or .npy."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s3im_methods.data.depth.exr_files import UnreadableExr, read_exr
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError


@dataclass(frozen=True)
class StoredMap:
    """What a file holds.

    Args:
        values: ``[h, w]``, float32, in the file's own unit, neither cleaned nor scaled.
        bits: 8 or 16 for whole numbers of that size, 32 for larger ones, 0 for floating point.
    """

    values: np.ndarray
    bits: int


def read_map(path: Path) -> StoredMap:
    """The one channel that a file holds.

    Args:
        path: ``.npy``, or an image that OpenCV reads.

    Raises:
        InputError: If the file cannot be read, or has more than one channel.
    """
    stored = _read_npy(path) if path.suffix == ".npy" else _read_image(path)
    if stored.ndim == 3 and stored.shape[2] == 1:
        stored = stored[..., 0]
    if stored.ndim != 2 or stored.size == 0 or stored.dtype.kind not in "uif":
        raise InputError(
            f"{quote(path)} holds an array of shape {stored.shape} and type {stored.dtype}, which is no depth map: "
            "give one number per pixel."
        )
    bits = 0 if stored.dtype.kind == "f" else min(8 * stored.dtype.itemsize, 32)
    with np.errstate(over="ignore"):
        return StoredMap(stored.astype(np.float32), bits)


def clean_metres(stored: StoredMap, unit: float | None, integer_unit: float) -> tuple[np.ndarray, int]:
    """Depth in metres, 0 for none.

    Args:
        stored: The file's content.
        unit: Metres per stored value, or None for the default of the file's type.
        integer_unit: That default for whole numbers; for floating point it is 1.

    Returns:
        ``[h, w]``, float32, and how many values were NaN, infinite or negative and are now 0.
    """
    factor = unit if unit is not None else (integer_unit if stored.bits else 1.0)
    bad = ~np.isfinite(stored.values) | (stored.values < 0)
    return np.where(bad, 0.0, stored.values * np.float32(factor)).astype(np.float32), int(bad.sum())


def confidence_of(stored: StoredMap, full: float | None) -> np.ndarray:
    """Confidence from 0 to 1.

    Args:
        stored: The file's content.
        full: Stored value that means 1, or None for the largest of its type (floating point: 1).

    Returns:
        ``[h, w]``, float32; what is not finite counts as 0.
    """
    full = full or {8: 255.0, 16: 65535.0}.get(stored.bits, 1.0)
    return np.clip(np.nan_to_num(stored.values / np.float32(full), nan=0.0, posinf=0.0), 0.0, 1.0)


def _read_npy(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except FileNotFoundError as error:
        raise _missing(path) from error
    except Exception as error:  # NumPy's reader raises errors of any kind on bytes that are no array.
        raise InputError(f"{quote(path)} is no whole array of numbers: write it anew with numpy.save.") from error


def _read_image(path: Path) -> np.ndarray:
    if not path.is_file():
        raise _missing(path)
    if path.suffix.lower() == ".exr":
        try:
            return read_exr(path)
        except UnreadableExr as error:
            raise InputError(f"The depth map {quote(path)} cannot be read ({error}): copy or write it anew.") from error
    image = _by_opencv(path)
    if image is None:
        raise InputError(f"OpenCV cannot read the depth map {quote(path)}: copy or write it anew as a 16-bit PNG.")
    return image


def _by_opencv(path: Path) -> np.ndarray | None:
    import cv2

    try:
        return cv2.imread(str(path.absolute()), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None


def _missing(path: Path) -> InputError:
    return InputError(f"The depth map {quote(path)} is missing: put it back, or drop it from transforms.json.")
