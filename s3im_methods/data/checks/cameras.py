"""Do focal lengths, image sizes and lens distortion make sense?"""

from pathlib import Path

import numpy as np
from nerfstudio.cameras.cameras import CAMERA_MODEL_TO_TYPE

from s3im_methods.data.checks.transforms import finite
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

_MEANING = {
    "fl_x": "the focal length in pixels, above 0",
    "fl_y": "the focal length in pixels, above 0",
    "cx": "the principal point in pixels",
    "cy": "the principal point in pixels",
    "w": "the image's width in pixels, 1 or more",
    "h": "the image's height in pixels, 1 or more",
}
_LOWEST = {"fl_x": 1e-6, "fl_y": 1e-6, "w": 1.0, "h": 1.0}
_DISTORTION = ("k1", "k2", "k3", "k4", "p1", "p2")


def check_cameras(meta: dict, frames: list[dict], path: Path) -> list[tuple[int, int]]:
    """Check the intrinsics where ``nerfstudio-data`` reads them: each value at the top, else in every frame.

    Args:
        meta: What the JSON file holds.
        frames: Its frames, each an object with a file_path.
        path: The file, for the sentence.

    Returns:
        Width and height in pixels for each frame, before any downscaling.

    Raises:
        InputError: If a value is missing or cannot be.
    """
    absent = {key: [frame for frame in frames if key not in frame] for key in _MEANING if key not in meta}
    absent = {key: without for key, without in absent.items() if without}
    if absent:
        _refuse_absent(absent, meta, len(frames), path)
    for key, meaning in _MEANING.items():
        for holder in [meta] if key in meta else frames:
            number = finite(holder[key])
            if number is None or number < _LOWEST.get(key, -np.inf):
                raise InputError(f"{_place(key, holder, path)} is {quote(holder[key])}: give {meaning}.")
    check_lens(meta, frames, path)
    widths, heights = ([int((meta if key in meta else frame)[key]) for frame in frames] for key in ("w", "h"))
    return list(zip(widths, heights, strict=True))


def downscaled(size: tuple[int, int], factor: int) -> tuple[int, int]:
    """The image size that nerfstudio's cameras have after downscaling, by the same float32 arithmetic.

    Args:
        size: Width and height in pixels.
        factor: The downscale factor.

    Example:
        >>> downscaled((271, 480), 2)
        (135, 240)
    """
    width, height = (int(np.float32(side) * np.float32(1.0 / factor)) for side in size)
    return width, height


def _refuse_absent(absent: dict[str, list[dict]], meta: dict, frames: int, path: Path) -> None:
    first = next(iter(absent.values()))
    where = "" if len(first) == frames else f" for {quote(first[0]['file_path'])}"
    raise InputError(
        f"{quote(path)} gives no {', '.join(absent)}{where}: add {'it' if len(absent) == 1 else 'them'} in pixels"
        + (", or add `instant-ngp-data` at the end of the command." if "camera_angle_x" in meta else ".")
    )


def check_lens(meta: dict, frames: list[dict], path: Path) -> None:
    """Check camera model and lens distortion where ``nerfstudio-data`` reads them.

    Args:
        meta: What the JSON file holds.
        frames: Its frames.
        path: The file, for the sentence.

    Raises:
        InputError: If the model is unknown, or a term of the distortion is no number.
    """
    model = meta.get("camera_model", "OPENCV")
    if not isinstance(model, str) or model not in CAMERA_MODEL_TO_TYPE:
        raise InputError(
            f"The camera_model in {quote(path)} is {quote(model)}, which nerfstudio does not know: give one of "
            f"{', '.join(CAMERA_MODEL_TO_TYPE)}."
        )
    # nerfstudio looks at the top alone as soon as one of these stands there; k4 is not among them.
    at_top = any(key in meta for key in ("k1", "k2", "k3", "p1", "p2", "distortion_params"))
    length = 12 if model == "FISHEYE624" else 6
    for holder in [meta] if at_top else frames:
        if "distortion_params" in holder or length == 12:
            params = holder.get("distortion_params")
            if not isinstance(params, list) or len(params) != length or any(finite(x) is None for x in params):
                found = quote(params) if "distortion_params" in holder else "missing"
                raise InputError(
                    f"{_place('distortion_params', holder, path)} is {found}: give the {length} numbers that the "
                    f"camera model {model} has."
                )
            continue
        for key in _DISTORTION:
            if key in holder and finite(holder[key]) is None:
                raise InputError(f"{_place(key, holder, path)} is {quote(holder[key])}: give a number, 0 for none.")


def _place(key: str, holder: dict, path: Path) -> str:
    frame = f" of {quote(holder['file_path'])}" if isinstance(holder.get("file_path"), str) else ""
    return f"{key}{frame} in {quote(path)}"
