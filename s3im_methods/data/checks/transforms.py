"""Read a transforms.json as far as its list of frames."""

import json
import math
from pathlib import Path

import numpy as np

from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

_AGAIN = "write it again, for instance with ns-process-data"
_FIX = f"fix it there, or {_AGAIN}"


def read_transforms(path: Path) -> dict:
    """The object that a JSON file holds.

    Args:
        path: An existing file.

    Raises:
        InputError: If the file is not a JSON object in UTF-8; it names line and column.
    """
    where = quote(path)
    try:
        text = path.read_text(encoding="utf-8")
        meta = json.loads(text) if text.strip() else None
    except OSError as error:
        raise InputError(f"{where} cannot be read ({error.strerror}): check its permissions.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 text (at byte {error.start}): save it as UTF-8.") from error
    except json.JSONDecodeError as error:
        if text.startswith("\ufeff"):
            raise InputError(f"{where} begins with a byte order mark: save it as UTF-8 without one.") from error
        raise InputError(
            f"{where} is not valid JSON at line {error.lineno}, column {error.colno} ({error.msg}): {_FIX}."
        ) from error
    except (RecursionError, ValueError) as error:
        raise InputError(f"{where} is nested too deeply or holds too long a number: {_AGAIN}.") from error
    if not text.strip():
        raise InputError(f"{where} is empty: {_AGAIN}.")
    if not isinstance(meta, dict):
        raise InputError(f'{where} holds {quote(meta)} instead of an object with "frames": {_AGAIN}.')
    return meta


def read_frames(meta: dict, path: Path) -> list[dict]:
    """The frames of a transforms.json, each an object with a file_path.

    Args:
        meta: What the file holds.
        path: The file, for the sentence.

    Raises:
        InputError: If there is none, or one is no object or names no file.
    """
    frames = meta.get("frames")
    if not isinstance(frames, list) or not frames:
        is_there = "frames" in meta and frames != []
        fault = f"has {quote(frames)} as frames instead of a list" if is_there else "has no frames"
        raise InputError(f"{quote(path)} {fault}: {_AGAIN}, which says how many images got a pose.")
    for number, frame in enumerate(frames, start=1):
        if not isinstance(frame, dict):
            raise InputError(f"Frame {number} in {quote(path)} is {quote(frame)} instead of an object: {_FIX}.")
        named_file(frame, "file_path", f"Frame {number}", path)
    return frames


def named_file(frame: dict, key: str, who: str, path: Path) -> str:
    """The file that a frame names under a key.

    Args:
        frame: The frame.
        key: For instance "file_path".
        who: The frame's name, for the sentence.
        path: The JSON file, for the sentence.

    Raises:
        InputError: If there is no such key, or it holds no name.
    """
    if key not in frame:
        raise InputError(f"{who} in {quote(path)} has no {key}: add it or drop that frame.")
    name = frame[key]
    if not isinstance(name, str) or not name:
        raise InputError(f"The {key} of {who.lower()} in {quote(path)} is {quote(name)}: give the name of a file.")
    return name


def finite(value: object) -> float | None:
    """A JSON value as the float32 that nerfstudio makes of it, or None where that is no finite number.

    Args:
        value: Any JSON value.

    Example:
        >>> finite(2), finite("2"), finite(True), finite(float("nan")), finite(10**400)
        (2.0, None, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # The bound comes first, because Python refuses to turn a larger whole number into a float at all.
    if not -_LARGEST <= value <= _LARGEST or math.isnan(value):
        return None
    return float(np.float32(value))


_LARGEST = float(np.finfo(np.float32).max)
