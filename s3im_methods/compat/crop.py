"""A crop's box may have whole numbers, and anything that is no box gets a message.

``viser``'s rotations keep an array of whole numbers as it is, and fail with an AssertionError when they are multiplied
(``data/scene_box.py``, ``OrientedBox.from_params``; ``viewer/control_panel.py``, ``crop_obb``). A JSON file that
someone wrote by hand has ``"crop_rot": [0, 0, 1]``.
"""

import functools
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

from nerfstudio.data.scene_box import OrientedBox

from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

_NAME = "get_crop_from_json"
# The command's own module, or the script that runs.
_MODULES = ("nerfstudio.scripts.render", "__main__")


def accept_whole_numbers() -> None:
    """Let nerfstudio make boxes of any numbers.

    Called when a pipeline of ours is built: by then the commands have imported what is to be patched, and others need
    not.
    """
    make = OrientedBox.from_params
    if not hasattr(make, "__wrapped__"):
        OrientedBox.from_params = staticmethod(_checked(make))
    panel = sys.modules.get("nerfstudio.viewer.control_panel")
    if panel is not None:
        panel.ControlPanel.crop_obb = property(_crop_of_panel)
    for name in _MODULES:
        read = getattr(sys.modules.get(name), _NAME, None)
        if read is not None and not hasattr(read, "__wrapped__"):
            setattr(sys.modules[name], _NAME, _with_sentence(read))


def _checked(make: Callable[..., OrientedBox]) -> Callable[..., OrientedBox]:
    @functools.wraps(make)
    def from_params(pos: Sequence[float], rpy: Sequence[float], scale: Sequence[float]) -> OrientedBox:
        center, angles, size = (
            _three(values, what) for values, what in ((pos, "centre"), (rpy, "rotation"), (scale, "size"))
        )
        if min(size) <= 0:
            raise InputError(
                f"The crop box's size is {quote(list(scale))}, so it holds nothing: give three numbers above 0."
            )
        return make(center, angles, size)

    return from_params


def _three(values: Sequence[float], what: str) -> tuple[float, float, float]:
    try:
        x, y, z = map(float, values)
    except (TypeError, ValueError):
        x = y = z = math.nan
    if not all(map(math.isfinite, (x, y, z))):
        raise InputError(f"The crop box's {what} is {quote(values)}: give three finite numbers.")
    return x, y, z


def _crop_of_panel(panel: Any) -> OrientedBox:
    # A size of 0 is a moment of a slider's way, and shows nothing.
    size = [max(float(side), 1e-9) for side in panel._crop_scale.value]
    return OrientedBox.from_params(panel._crop_center.value, panel._crop_rot.value, size)  # type: ignore[arg-type]


def _with_sentence(read: Callable[[dict], Any]) -> Callable[[dict], Any]:
    @functools.wraps(read)
    def crop_from_json(camera_json: dict) -> Any:
        try:
            return read(camera_json)
        except (AssertionError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"The camera path's crop is {quote(camera_json['crop'])}: give crop_center and crop_scale, three "
                "numbers each, crop_rot, three angles in radians, and crop_bg_color with r, g and b from 0 to 255."
            ) from error

    return crop_from_json
