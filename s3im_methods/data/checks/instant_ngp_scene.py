"""Check the JSON of a scene that ``instant-ngp-data`` reads, by the rules of nerfstudio 1.1.5's parser."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nerfstudio.data.dataparsers.instant_ngp_dataparser import InstantNGPDataParserConfig

from s3im_methods.data.checks.cameras import check_lens
from s3im_methods.data.checks.files import Listed, check_distinct
from s3im_methods.data.checks.folder import find_transforms
from s3im_methods.data.checks.honoured_keys import honoured
from s3im_methods.data.checks.poses import check_poses
from s3im_methods.data.checks.splits import chosen_splits
from s3im_methods.data.checks.transforms import finite, named_file, read_frames, read_transforms
from s3im_methods.data.wording import are, quote, some
from s3im_methods.errors import InputError

_FOCAL = ("fl_x", "x_fov", "camera_angle_x")
_NUMBERS = ("fl_y", "y_fov", "camera_angle_y", "cx", "cy", "w", "h", "k1", "k2", "k3", "k4", "p1", "p2", "aabb_scale")


def check_instant_ngp_scene(config: InstantNGPDataParserConfig) -> None:
    """Refuse a scene that ``instant-ngp-data`` would stumble over, or of which it would leave out images.

    What the parser makes of it is checked elsewhere, for every parser.

    Args:
        config: The data parser's configuration, whose ``data`` exists.

    Raises:
        InputError: See :func:`s3im_methods.data.checks.scene.check_scene`.
    """
    path = find_transforms(Path(config.data))
    read = read_transforms(path)
    meta, _ = honoured(read, read_frames(read, path), path)
    frames = meta["frames"]
    check_poses(frames, path)
    if not any(key in read for key in _FOCAL):
        raise InputError(
            f"{quote(path)} gives no focal length at its top, where instant-ngp-data looks for {', '.join(_FOCAL)}: "
            "add fl_x in pixels, or use `nerfstudio-data` if each frame has its own."
        )
    for holder in (meta, *frames):
        _check_numbers(holder, path)
        _check_angles({**meta, **holder}, holder, path)
    check_lens(meta, frames, path)
    images = [image_of(path.parent, frame["file_path"]) for frame in frames]
    # The parser goes on without those that are missing.
    Listed("image", images, path, "put back what is missing or drop those frames from that list").check_present()
    check_distinct(frames, images, path)
    chosen_splits(config, images, path, "instant-ngp-data")
    without = [frame for frame in frames if "mask_path" not in frame]
    if without and len(without) < len(frames):
        raise InputError(
            f"{some(len(without), len(frames), 'frame')} in {quote(path)} {are(len(without))} without mask_path, for "
            f"instance {quote(without[0]['file_path'])}: give it for every frame or for none."
        )
    if not without:
        for number, frame in enumerate(frames, start=1):
            named_file(frame, "mask_path", f"Frame {number}", path)


def image_of(root: Path, name: str) -> Path:
    """Where the parser looks for an image.

    Args:
        root: Folder of the JSON file.
        name: A frame's file_path.
    """
    return root / name if os.path.exists(root / name) else root / (name + ".png")


def focal_lengths(view: Mapping[str, Any]) -> tuple[float, float]:
    """Focal lengths in pixels along x and y; that along y is the same where nothing is said of it.

    Args:
        view: ``fl_x``, or ``x_fov`` in degrees, or ``camera_angle_x`` in radians, the same for y, and ``w`` and ``h``.

    Example:
        >>> [round(value, 6) for value in focal_lengths({"x_fov": 90, "fl_y": 7, "w": 8, "h": 6})]
        [4.0, 7.0]
    """
    along_x = _focal(view, "fl_x", "x_fov", "camera_angle_x", view["w"])
    assert along_x is not None
    return along_x, _focal(view, "fl_y", "y_fov", "camera_angle_y", view["h"]) or along_x


def _focal(view: Mapping[str, Any], focal: str, degrees: str, radians: str, side: int) -> float | None:
    if focal in view:
        return float(view[focal])
    angle = math.radians(view[degrees]) if degrees in view else view.get(radians)
    return None if angle is None else side / 2 / math.tan(angle / 2)


def _check_angles(view: Mapping[str, Any], holder: dict, path: Path) -> None:
    """Refuse impossible angles of view where the focal length is computed from them."""
    for side, focal, degrees, radians in (("horizontal", *_FOCAL), ("vertical", "fl_y", "y_fov", "camera_angle_y")):
        key = next((key for key in (focal, degrees, radians) if key in view), None)
        if key in (None, focal) or key not in holder:
            continue
        number, most = finite(holder[key]), 180.0 if key == degrees else math.pi
        if number is None or not 0 < number < most:
            in_radians = f"radians, between 0 and pi, or in degrees as {degrees}"
            raise InputError(
                f"{key}{_whose(holder)} in {quote(path)} is {quote(holder[key])}: give the {side} field of view in "
                f"{'degrees, between 0 and 180' if key == degrees else in_radians}."
            )


def _whose(holder: dict) -> str:
    return f" of {quote(holder['file_path'])}" if "file_path" in holder else ""


def _check_numbers(holder: dict, path: Path) -> None:
    for key in (key for key in (*_FOCAL, *_NUMBERS) if key in holder):
        number = finite(holder[key])
        positive = key in (*_FOCAL, "fl_y", "w", "h", "aabb_scale")
        if number is None or (number <= 0 and positive):
            meaning = "a number above 0" if positive else "a number"
            raise InputError(f"{key}{_whose(holder)} in {quote(path)} is {quote(holder[key])}: give {meaning}.")
