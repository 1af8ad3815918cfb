"""Can a depth map be read?"""

from pathlib import Path

import numpy as np

from s3im_methods.data.checks.files import UNKNOWN_FORMAT, Picture, read_picture


def depth_fault(path: Path) -> str | None:
    """What is wrong with a depth map that nerfstudio is to read, or None; its size is free, because it gets resized.

    Args:
        path: An existing file: ``.npy``, or an image that OpenCV reads.
    """
    ending = path.suffix.lower()
    if path.suffix == ".npy":
        return _array_fault(path, one_channel=False)
    if ending in (".npy", ".npz", ".pfm"):
        return "nerfstudio reads .npy, so written, and pictures"
    return _picture_fault(path)


def map_fault(path: Path) -> str | None:
    """What is wrong with a depth map or confidence map that our own reader is to read, or None.

    Args:
        path: An existing file: ``.npy`` in letters of any case, or an image that OpenCV reads; others pass.
    """
    ending = path.suffix.lower()
    if ending in (".exr", ".pfm", ".npz"):
        # Their readers have sentences of their own, and all maps are read before training anyway.
        return None
    return _array_fault(path, one_channel=True) if ending == ".npy" else _picture_fault(path)


def _picture_fault(path: Path) -> str | None:
    found = read_picture(path)
    if isinstance(found, str) and found != UNKNOWN_FORMAT:
        return found
    # nerfstudio reads depth with OpenCV, which knows more formats than Pillow, and is stricter about a file's end.
    if (isinstance(found, Picture) and found.ends_well) or _opencv_reads(path):
        return None
    return "OpenCV cannot read it"


def _opencv_reads(path: Path) -> bool:
    import cv2

    try:
        return cv2.imread(str(path), cv2.IMREAD_ANYDEPTH) is not None
    except cv2.error:
        return False


def _array_fault(path: Path, one_channel: bool) -> str | None:
    try:
        # Mapping reads the header alone, yet fails where the file is shorter than the header says.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception:  # NumPy's reader raises errors of any kind on bytes that are no array.
        return "it is not a complete array of numbers"
    if not isinstance(array, np.ndarray) or array.dtype.kind not in ("fiub" if one_channel else "fiu"):
        return "it is not a complete array of numbers"
    # Our own reader looks for the channel itself.
    if not one_channel and array.ndim != 2 and array.shape[2:] != (1,):
        return f"its shape is {array.shape} instead of (height, width)"
    return None
