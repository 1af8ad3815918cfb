"""Read one depth or confidence file: PNG, TIFF or another image, EXR, PFM, .npy or .npz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from s3im_methods.data.depth.exr_files import UnreadableExr, depth_channel, read_channels
from s3im_methods.data.depth.pfm_files import UnreadablePfm, read_pfm
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

ARRAY_ENDINGS = (".npy", ".npz")
ENDINGS = (*ARRAY_ENDINGS, ".exr", ".pfm", ".png", ".tif", ".tiff")


@dataclass(frozen=True)
class StoredMap:
    """What a file holds.

    Args:
        values: ``[h, w]``, float32, in the file's own unit, neither cleaned nor scaled.
        bits: 1 for true and false, 8 or 16 for whole numbers of that size, 32 for larger ones, 0 for floating point.
        largest: The largest number of the file's own type, for instance 65535, or 65504 for half precision.
    """

    values: np.ndarray
    bits: int
    largest: float = float(np.finfo(np.float32).max)


def read_map(path: Path) -> StoredMap:
    """The one channel that a file holds.

    Axes of length 1 are dropped, and channels that are all equal count as one, as those of a grey image saved as RGB.

    Args:
        path: ``.npy``, ``.npz`` with one array, ``.exr``, ``.pfm``, or an image that OpenCV reads.

    Raises:
        InputError: If the file cannot be read, or has more than one channel.
    """
    stored = _read(path)
    single = one_channel(stored)
    if single is None or single.dtype.kind not in "uifb":
        raise InputError(
            f"{quote(path)} holds an array of shape {stored.shape} and type {stored.dtype}, which is not a depth map: "
            "give one number per pixel."
        )
    kind, size = single.dtype.kind, 8 * single.dtype.itemsize
    bits = {"f": 0, "b": 1}.get(kind, min(size, 32))
    largest = float(np.finfo(single.dtype).max if kind == "f" else 1 if kind == "b" else np.iinfo(single.dtype).max)
    with np.errstate(over="ignore"):
        return StoredMap(single.astype(np.float32), bits, largest)


def one_channel(stored: np.ndarray) -> np.ndarray | None:
    """The map ``[h, w]`` within an array of more axes, or None where there is none or more than one.

    Args:
        stored: Any array.

    Example:
        >>> grey = np.stack([np.eye(4, 5)] * 3, axis=-1)
        >>> arrays = [np.zeros((1, 4, 5)), np.zeros((4, 5, 1)), np.zeros((1, 4, 5, 1)), grey, np.zeros((2, 4, 5))]
        >>> [None if (found := one_channel(array)) is None else found.shape for array in arrays]
        [(4, 5), (4, 5), (4, 5), (4, 5), None]
    """
    while stored.ndim > 2 and 1 in (stored.shape[0], stored.shape[-1]):
        stored = stored[..., 0] if stored.shape[-1] == 1 else stored[0]
    if stored.ndim == 3 and stored.shape[0] in (3, 4) and stored.shape[2] > 4:
        stored = np.moveaxis(stored, 0, -1)
    if stored.ndim == 3 and stored.shape[2] in (3, 4):
        # A fourth channel is opacity, and says nothing of depth. One colour all over may be any colour picture.
        first = stored[..., 0]
        grey = bool((first != first.flat[:1]).any()) and all(_same(first, stored[..., channel]) for channel in (1, 2))
        stored = first if grey else stored
    return stored if stored.ndim == 2 and stored.size else None


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
    with np.errstate(all="ignore"):
        return np.where(bad, 0.0, stored.values * np.float32(factor)).astype(np.float32), int(bad.sum())


def confidence_of(stored: StoredMap, full: float | None) -> np.ndarray:
    """Confidence from 0 to 1.

    Args:
        stored: The file's content.
        full: Stored value that means 1, or None for the largest of its type (floating point: 1).

    Returns:
        ``[h, w]``, float32; what is not finite counts as 0.
    """
    full = full or default_full(stored.bits)
    return np.clip(np.nan_to_num(stored.values / np.float32(full), nan=0.0, posinf=0.0), 0.0, 1.0)


def default_full(bits: int) -> float:
    """The stored confidence that means 1, by the type of the file alone.

    Args:
        bits: As of :class:`StoredMap`.
    """
    return {8: 255.0, 16: 65535.0}.get(bits, 1.0)


def read_array(path: Path) -> np.ndarray:
    """The one array of an ``.npy`` or ``.npz`` file.

    Raises:
        InputError: If it is missing, damaged, or holds several arrays.
    """
    try:
        stored = np.load(path, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            return np.asarray(stored)
        with stored:
            names = stored.files
            if len(names) == 1:
                return np.asarray(stored[names[0]])
    except FileNotFoundError as error:
        raise _missing(path) from error
    except Exception as error:  # NumPy's reader raises errors of any kind on bytes that are no array.
        raise InputError(
            f"{quote(path)} is not a complete array of numbers: write it again with numpy.save."
        ) from error
    listed = ", ".join(quote(name) for name in names[:4]) or "none"
    raise InputError(f"{quote(path)} holds {len(names)} arrays ({listed}): save only the depth, with numpy.save.")


def _read(path: Path) -> np.ndarray:
    ending = path.suffix.lower()
    if ending in ARRAY_ENDINGS:
        return read_array(path)
    if not path.is_file():
        raise _missing(path)
    if ending == ".exr":
        try:
            channels = read_channels(path)
        except UnreadableExr as error:
            raise _unreadable(path, error) from error
        name = depth_channel(channels)
        colours = [channels[c] for c in "RGB" if c in channels]
        # Colours that differ stay three, and are refused as those of any other image.
        return np.stack(colours, -1) if name == "R" and len(colours) == 3 else channels[name]
    if ending == ".pfm":
        try:
            return read_pfm(path)
        except UnreadablePfm as error:
            raise _unreadable(path, error) from error
    image = _by_opencv(path)
    if image is None:
        raise InputError(f"OpenCV cannot read the depth map {quote(path)}: copy or write it again as a 16-bit PNG.")
    return image


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def _by_opencv(path: Path) -> np.ndarray | None:
    import cv2

    try:
        return cv2.imread(str(path.absolute()), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None


def _missing(path: Path) -> InputError:
    return InputError(f"The depth map {quote(path)} is missing: put it back, or drop it from transforms.json.")


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"The depth map {quote(path)} cannot be read ({error}): copy or write it again.")
