"""What a Blender scene's files say of cameras and masks that ``blender-data`` and ``dnerf-data`` do not read."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nerfstudio.cameras.cameras import CAMERA_MODEL_TO_TYPE, Cameras, CameraType

from s3im_methods.data.checks.honoured_keys import LENS, OTHER_NAMES
from s3im_methods.data.checks.transforms import finite
from s3im_methods.data.wording import quote

# Exporters round to so many digits.
_SAME = 1e-3


def unread_lens(meta: Mapping[str, Any], cameras: Cameras, path: Path) -> list[str]:
    """Sentences where the file says another camera than its ``camera_angle_x``, or names masks, depth or moments.

    Args:
        meta: What the file holds.
        cameras: What the parser made of it, one for each frame.
        path: The file, for the sentence.
    """
    found: dict[str, None] = {}
    for frame, camera in zip(meta["frames"], range(len(cameras)), strict=False):
        found |= dict.fromkeys(_unlike(meta, frame, cameras[camera]))
    lines = []
    if found:
        keys = ", ".join(f"`{key}`" for key in found)
        lines.append(
            f"{quote(path)} gives {keys}, but this data parser reads only camera_angle_x and poses: if the rest "
            "matters, use `nerfstudio-data` with a transforms.json."
        )
    if cameras.times is None and len({repr(frame.get("time")) for frame in meta["frames"]}) > 1:
        lines.append(
            f"{quote(path)} gives `time`, but this data parser treats the scene as static: use `dnerf-data`, and "
            "`s3im train` with a method for moving scenes."
        )
    return lines


def _unlike(meta: Mapping[str, Any], frame: Mapping[str, Any], camera: Cameras) -> Iterator[str]:
    view = {**meta, **frame}
    width, height = float(camera.width), float(camera.height)
    by_width = width / (finite(view.get("w")) or width)
    by_height = height / (finite(view.get("h")) or height)
    is_now = {
        "fl_x": (float(camera.fx), by_width, width),
        "fl_y": (float(camera.fy), by_height, height),
        "cx": (float(camera.cx), by_width, width),
        "cy": (float(camera.cy), by_height, height),
    }
    for key, (value, scale, side) in is_now.items():
        said = finite(view.get(key))
        # Half a pixel is a matter of where pixels have their middle.
        if said is not None and abs(said * scale - value) > max(_SAME * side, 0.6):
            yield key
    angle = finite(frame.get("camera_angle_x"))
    if angle is not None and abs(angle - (finite(meta.get("camera_angle_x")) or angle)) > _SAME:
        yield "camera_angle_x of single frames"
    yield from (key for key in LENS if finite(view.get(key)))
    params = view.get("distortion_params")
    if isinstance(params, list) and any(params):
        yield "distortion_params"
    model = view.get("camera_model", "OPENCV")
    perspective = not isinstance(model, str) or CAMERA_MODEL_TO_TYPE.get(model) in (None, CameraType.PERSPECTIVE)
    if not perspective or view.get("is_fisheye") is True:
        yield "camera_model"
    for key, others in OTHER_NAMES.items():
        yield from (name for name in (key, *others) if frame.get(name) and key != "normal_file_path")
