"""``ns-render camera-path`` checks its camera path before it loads the run.

nerfstudio opens the file only after the run is loaded. If the file is missing or something else, for instance the
scene's transforms.json, the command ends in a traceback.
"""

import functools
import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

from s3im_methods.compat.on_import import when_imported
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

# Panoramas have no field of view.
_WITHOUT_FOV = ("equirectangular", "omnidirectional", "vr180")


def check_camera_paths_first() -> None:
    """Repair the command as soon as it is imported."""
    when_imported("nerfstudio.scripts.render", _repair)


def _repair(module: ModuleType) -> None:
    main = module.RenderCameraPath.main

    @functools.wraps(main)
    def main_after_check(self: Any) -> None:
        self.camera_path_filename = check_camera_path(self.camera_path_filename)
        main(self)

    module.RenderCameraPath.main = main_after_check


def check_camera_path(path: Path) -> Path:
    """See that a file holds a camera path.

    Args:
        path: As the user gave it; ``~`` stands for the home folder.

    Returns:
        The path without ``~``.

    Raises:
        InputError: If it does not.
    """
    path = path.expanduser()
    advice = "give the camera path that the viewer or the Blender add-on saved"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"--camera-path-filename is {quote(path)}, which cannot be read ({error.strerror}): {advice}."
        ) from error
    except ValueError as error:
        raise InputError(f"--camera-path-filename is {quote(path)}, which is no JSON ({error}): {advice}.") from error
    fault = _fault(found)
    if fault:
        raise InputError(f"--camera-path-filename is {quote(path)}, in which {fault}: {advice}.")
    return path


def _fault(found: Any) -> str | None:
    """What keeps a JSON value from being a camera path, or None."""
    if not isinstance(found, dict):
        return "there is no object"
    for key in ("render_width", "render_height", "seconds"):
        if not (_is_number(found.get(key)) and found[key] > 0):
            return f"{key} is {quote(found[key])}, not a number above 0" if key in found else f"{key} is missing"
    cameras = found.get("camera_path")
    if not isinstance(cameras, list) or not cameras:
        return "camera_path lists no cameras"
    needs_fov = str(found.get("camera_type")).lower() not in _WITHOUT_FOV
    for index, camera in enumerate(cameras):
        pose = camera.get("camera_to_world") if isinstance(camera, dict) else None
        if not _is_matrix(pose):
            return f"camera {index} has no camera_to_world of 16 finite numbers"
        fov = camera["fov"] if _is_number(camera.get("fov")) else math.nan
        if needs_fov and not 0 < fov < 180:
            return f"camera {index} has no fov between 0 and 180 degrees"
    return None


def _is_matrix(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    rows = value if len(value) == 4 and all(isinstance(row, list) for row in value) else [value]
    numbers = [number for row in rows for number in row]
    return len(numbers) == 16 and all(map(_is_number, numbers))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
