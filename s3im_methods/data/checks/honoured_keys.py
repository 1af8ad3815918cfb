"""What a transforms.json says in other words or places than nerfstudio's parser looks for, put where it looks."""

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nerfstudio.cameras.cameras import CAMERA_MODEL_TO_TYPE

from s3im_methods.data.checks.transforms import finite
from s3im_methods.data.wording import are, quote, some
from s3im_methods.errors import InputError

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "mask_path": ("mask_file_path", "mask_filename", "mask_filepath"),
    "depth_file_path": ("depth_path", "depth_filename", "depth_filepath"),
    "normal_file_path": ("normal_path", "normal_filename", "normal_filepath"),
}
_SIZES = ("fl_x", "fl_y", "cx", "cy", "w", "h")
# instant-ngp's angles of view, with the side that each spans and the focal length that it means.
_ANGLES = (
    ("x_fov", "w", "fl_x"),
    ("camera_angle_x", "w", "fl_x"),
    ("y_fov", "h", "fl_y"),
    ("camera_angle_y", "h", "fl_y"),
)
# As much as rounding and instant-ngp's fitting of both may leave.
_SAME_ANGLE = 0.02
LENS = ("k1", "k2", "k3", "k4", "p1", "p2")
# nerfstudio looks into the frames for a lens only where none of these stands at the top.
_DECIDES = ("k1", "k2", "k3", "p1", "p2", "distortion_params")


def honoured(meta: dict, frames: list[dict], path: Path) -> tuple[dict, list[str]]:
    """The same scene as nerfstudio's parser reads it.

    Args:
        meta: What the JSON file holds; it is not changed.
        frames: Its frames, each an object with a file_path.
        path: The file, for the sentences.

    Returns:
        What the file should hold, and what to tell the user, at most one sentence.

    Raises:
        InputError: If two values contradict each other and none can be taken.
    """
    meta = {**meta, "frames": copy.copy(frames)}
    said = [
        *_rename_files(meta, path),
        *_rename_radial(meta, path),
        *_take_camera_model(meta, path),
        *_take_angles(meta),
        *_take_sizes(meta),
        *_take_lens(meta),
        *_compare_angle(meta),
    ]
    return meta, [f"In {quote(path)} {'; '.join(said)}."] if said else []


def _take_angles(meta: dict) -> list[str]:
    """Angles of view that differ from frame to frame count more than one focal length at the top."""
    said = []
    for key, side, focal in _ANGLES:
        meant = [
            _focal_length(key, {**meta, **frame}, side) if key in frame and focal not in frame else None
            for frame in meta["frames"]
        ]
        found = [value for value in meant if value]
        if not finite(meta.get(focal)) or not found or _are_alike(min(found), max(found)):
            continue
        meta["frames"] = [
            {**frame, focal: value} if value else frame for frame, value in zip(meta["frames"], meant, strict=True)
        ]
        said.append(f"`{key}` of its frames is read as `{focal}`")
    return said


def _compare_angle(meta: dict) -> list[str]:
    """instant-ngp's angle of view beside a focal length: nerfstudio reads the latter."""
    for key, side, focal in _ANGLES:
        for holder in (meta, *(frame for frame in meta["frames"] if key in frame)):
            view = {**meta, **holder}
            meant, read = _focal_length(key, view, side), finite(view.get(focal))
            if meant and read and read > 0 and not _are_alike(meant, read):
                return [
                    f"{key} would be a focal length of {meant:.4g} pixels, and is ignored because {focal} is {read:.4g}"
                ]
    return []


def _focal_length(key: str, view: Mapping[str, Any], side: str) -> float | None:
    angle, pixels = finite(view.get(key)), finite(view.get(side))
    if angle is None or pixels is None:
        return None
    angle = math.radians(angle) if key.endswith("_fov") else angle
    return pixels / 2 / math.tan(angle / 2) if 0 < angle < math.pi and pixels > 0 else None


def _are_alike(focal: float, other: float) -> bool:
    return abs(focal / other - 1) <= _SAME_ANGLE


def _rename_files(meta: dict, path: Path) -> list[str]:
    said = []
    for key, others in OTHER_NAMES.items():
        if any(key in frame for frame in meta["frames"]):
            continue
        other = next((name for name in others if any(name in frame for frame in meta["frames"])), None)
        if other is None:
            continue
        without = [frame for frame in meta["frames"] if other not in frame]
        if without and key == "mask_path":
            total = len(meta["frames"])
            raise InputError(
                f"{some(len(without), total, 'frame')} in {quote(path)} {are(len(without))} without {other}, for "
                f"instance {quote(without[0]['file_path'])}: give it for every frame or for none."
            )
        meta["frames"] = [
            {key: frame[other], **{k: v for k, v in frame.items() if k != other}} if other in frame else frame
            for frame in meta["frames"]
        ]
        said.append(f"`{other}` is read as `{key}`")
    return said


def _rename_radial(meta: dict, path: Path) -> list[str]:
    """COLMAP's SIMPLE_RADIAL calls its only term k."""
    renamed = False
    for holder in (meta, *meta["frames"]):
        if "k" not in holder:
            continue
        value = finite(holder["k"])
        if value is None or value != finite(holder.get("k1", holder["k"])):
            raise InputError(
                f"k in {quote(path)} is {quote(holder['k'])}: it means the first radial distortion, so give that as k1 "
                "alone."
            )
        renamed = renamed or (value != 0 and "k1" not in holder)
    if not renamed:
        return []

    def with_k1(holder: dict) -> dict:
        return {**holder, "k1": holder.get("k1", holder["k"])} if "k" in holder else holder

    meta.update(with_k1(meta))
    meta["frames"] = [with_k1(frame) for frame in meta["frames"]]
    return ["`k` is read as `k1`"]


def _take_camera_model(meta: dict, path: Path) -> list[str]:
    models = {frame["camera_model"] for frame in meta["frames"] if _is_name(frame.get("camera_model"))}
    if meta.get("is_fisheye") is True:
        models.add("OPENCV_FISHEYE")
    unknown = sorted(model for model in models if model not in CAMERA_MODEL_TO_TYPE)
    if unknown:
        raise InputError(
            f"A camera_model in {quote(path)} is {quote(unknown[0])}, which nerfstudio does not know: give one of "
            f"{', '.join(CAMERA_MODEL_TO_TYPE)}."
        )
    if not models:
        return []
    at_top = meta.get("camera_model")
    if at_top is None and any("camera_model" not in frame for frame in meta["frames"]) and "is_fisheye" not in meta:
        # nerfstudio's default, which the others would be given.
        models.add("OPENCV")
    if _is_name(at_top):
        models.add(at_top)  # type: ignore[arg-type]
    if len({CAMERA_MODEL_TO_TYPE[model] for model in models if model in CAMERA_MODEL_TO_TYPE}) > 1:
        raise InputError(
            f"{quote(path)} mixes cameras of the models {' and '.join(sorted(models))}, but nerfstudio has one "
            "model for all images: keep the frames of one kind, and give camera_model at the top."
        )
    if at_top is not None or models <= {"OPENCV"}:
        return []
    meta["camera_model"] = sorted(models)[0]
    if len({CAMERA_MODEL_TO_TYPE[model] for model in (meta["camera_model"], "OPENCV")}) == 1:
        return []
    return [f"the cameras are read as {meta['camera_model']}"]


def _take_sizes(meta: dict) -> list[str]:
    own = [key for key in _SIZES if key in meta and any(_differs(frame, meta, key) for frame in meta["frames"])]
    instead = f"{are(len(own))} used in place of {'the one' if len(own) == 1 else 'those'} at the top"
    said = [f"each frame's own {', '.join(own)} {instead}"] if own else []
    said += [*_other_focal_lengths(meta), *_centres(meta)]
    for key in _SIZES:
        if key in meta and any(_differs(frame, meta, key) for frame in meta["frames"]):
            meta["frames"] = [{key: meta[key], **frame} for frame in meta["frames"]]
            del meta[key]
    return said


def _other_focal_lengths(meta: dict) -> list[str]:
    """A frame with another fl_x than the top's gets an fl_y in the same ratio, and the other way round."""
    said = []
    for given, other in (("fl_x", "fl_y"), ("fl_y", "fl_x")):
        whole = finite(meta.get(other))
        top = None if whole is None else _beside(meta, given, whole)
        for place, frame in enumerate(meta["frames"]):
            value = finite(frame.get(given))
            if top and whole and value and value != top and other not in frame:
                meta["frames"][place] = {**frame, other: whole * value / top}
                said = [f"each frame's {other} is scaled in the same ratio as its {given}"]
    return said


def _centres(meta: dict) -> list[str]:
    """A frame of another size than that of the centre at the top has its centre in its middle."""
    moved: dict[str, None] = {}
    for centre, side in (("cx", "w"), ("cy", "h")):
        at = finite(meta.get(centre))
        if at is None:
            continue
        whole = _beside(meta, side, 2 * at)
        for place, frame in enumerate(meta["frames"]):
            own = finite(frame.get(side))
            # Photos of one camera may differ by a pixel that an undistorter cut off.
            if whole and own and abs(own - whole) > 1 and own != 2 * at and centre not in frame:
                meta["frames"][place] = {**frame, centre: own / 2}
                moved[centre] = None
    return [f"frames of another size get the middle of their image as {', '.join(moved)}"] if moved else []


def _beside(meta: dict, key: str, near: float) -> float | None:
    """The value that belongs to another at the top: the top's own, or else that of the frame that it fits best."""
    values = [value for frame in meta["frames"] if (value := finite(frame.get(key)))]
    return finite(meta[key]) if key in meta else min(values, key=lambda value: abs(value - near), default=None)


def _take_lens(meta: dict) -> list[str]:
    frames = meta["frames"]
    if any(key in meta for key in _DECIDES):
        keys = (*LENS, "distortion_params")
        if not any(_differs(frame, meta, key) for frame in frames for key in keys):
            return []
        top = {key: meta.pop(key) for key in keys if key in meta}
        meta["frames"] = [_with_lens(top, frame) for frame in frames]
        return ["each frame's own lens distortion is used in place of the one at the top"]
    if "k4" in meta and not any(key in frame for frame in frames for key in (*LENS, "distortion_params")):
        # On its own nerfstudio does not see it.
        meta["k1"] = 0.0
        return ["`k4` is used, although no other distortion is given"] if finite(meta["k4"]) else []
    if "k4" in meta:
        top = {"k4": meta.pop("k4")}
        meta["frames"] = [_with_lens(top, frame) for frame in frames]
        return ["`k4` at the top is used for all frames"] if finite(top["k4"]) else []
    return []


def _with_lens(top: dict, frame: dict) -> dict:
    # A whole list is not mixed with single terms.
    if "distortion_params" in frame or ("distortion_params" in top and any(key in frame for key in LENS)):
        return frame
    return {**top, **frame}


def _differs(frame: dict, meta: dict, key: str) -> bool:
    if key not in frame:
        return False
    if key == "distortion_params":
        return frame[key] != meta.get(key)
    # A term that is not at the top is 0 there.
    mine, top = finite(frame[key]), finite(meta.get(key, 0))
    # What is no number is left for the check that names it.
    return mine is not None and top is not None and mine != top


def _is_name(value: Any) -> bool:
    return isinstance(value, str)
