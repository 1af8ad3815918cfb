"""Is there a scene where the user says there is one?"""

import os
import re
from pathlib import Path

from s3im_methods.data.checks.colmap_model import find_model
from s3im_methods.data.checks.file_kinds import ARCHIVES, HEIC, PHOTOS, RAW, VIDEOS, is_hidden
from s3im_methods.data.wording import are, quote
from s3im_methods.errors import InputError

_MAKE_ONE = "or make a scene with `s3im scene room OUT`"


def check_exists(data: Path) -> None:
    """Refuse a scene path where nothing is, or an empty folder.

    Args:
        data: The scene's path, as the user gave it.

    Raises:
        InputError: If there is nothing.
    """
    if not os.path.exists(data):
        written_out = Path(os.path.expanduser(data))
        if written_out != data and os.path.exists(written_out):
            raise InputError(
                f"There is no scene at {quote(data)}, because the shell did not expand ~: give --data "
                f"{quote(written_out)}."
            )
        if address := re.match(r"(https?|ftp|s3|gs):/+(.*)", str(data)):
            raise InputError(
                f"'{address[1]}://{address[2]}' is an address, from which nothing is downloaded: download the scene, "
                "unpack it, and give --data its folder."
            )
        seen_from = "" if data.is_absolute() else f" (seen from {quote(Path.cwd())})"
        raise InputError(
            f"There is no scene at {quote(data)}{seen_from}: give --data the folder that ns-process-data wrote, "
            f"{_MAKE_ONE}."
        )
    if os.path.isdir(data) and not _names(data):
        raise InputError(
            f"The scene folder {quote(data)} is empty: give --data the folder that ns-process-data wrote, {_MAKE_ONE}."
        )


def find_transforms(data: Path) -> Path:
    """The JSON file that ``nerfstudio-data`` reads for a scene path.

    Args:
        data: An existing folder or JSON file.

    Returns:
        The path of an existing file.

    Raises:
        InputError: If there is none; it says what the folder holds instead.
    """
    if data.suffix == ".json":
        if not os.path.isfile(data):
            raise InputError(f"{quote(data)} is a folder although its name ends in .json: rename it.")
        return data
    if not os.path.isdir(data):
        raise InputError(f"{quote(data)} is {_kind_of_file(data)}.")
    path = data / "transforms.json"
    if not os.path.isfile(path):
        raise InputError(f"The scene folder {quote(data)} holds no transforms.json{_what_instead(data)}.")
    return path


def _what_instead(folder: Path) -> str:
    names = _names(folder)
    scenes = [name for name in names if os.path.isfile(folder / name / "transforms.json")]
    if len(scenes) == 1:
        return f" itself, but its folder {quote(scenes[0])} does: give --data {quote(folder / scenes[0])}"
    if scenes:
        listed = ", ".join(quote(name) for name in scenes[:5]) + (", ..." if len(scenes) > 5 else "")
        return f" itself, but {len(scenes)} of its folders do ({listed}): give one of them as --data"
    if "transforms_train.json" in names:
        return " but a transforms_train.json, as Blender scenes do: add `blender-data` at the end of the command"
    if "metadata.json" in names:
        return " but a metadata.json, as mip-NeRF's converter writes it: add `multi-blender` at the end of the command"
    if any(name.startswith("cameras") and name.endswith(".npz") for name in names):
        return " but a file of cameras, as IDR, NeuS and MonoSDF have it: add `idr-data` at the end of the command"
    if "meta_data.json" in names:
        return " but a meta_data.json, as sdfstudio writes it: add `sdfstudio-data` at the end of the command"
    if model := find_model(folder):
        return f" but a COLMAP model in {quote(model)}: add `colmap` at the end of the command"
    others = [name for name in names if name.startswith("transforms") and name.endswith(".json")]
    others = [name for name in others if os.path.isfile(folder / name)]
    if others:
        return f" but a {quote(others[0])}: give --data {quote(folder / others[0])}"
    if found := _what_was_filmed(folder, names):
        return found
    return f": give --data the folder that ns-process-data wrote, {_MAKE_ONE}"


def _what_was_filmed(folder: Path, names: list[str]) -> str | None:
    """Photos or a video without poses."""
    videos = _of_kind(names, VIDEOS)
    for place in (folder, folder / "images"):
        here = _names(place) if place.is_dir() else []
        photos = _of_kind(here, PHOTOS | HEIC | RAW)
        # Beside its photos a phone leaves short films, Live Photos.
        if not photos or (videos and (len(photos) < 2 or len(photos) < len(videos))):
            continue
        count = f"{len(photos)} photo{'' if len(photos) == 1 else 's'}"
        # nerfstudio develops Canon's CR2.
        left_out = len(_of_kind(photos, (HEIC | RAW) - {".cr2"}))
        if left_out:
            return (
                f" but {count}, of which {left_out} {are(left_out)} HEIC or raw, and ns-process-data leaves these out: "
                f"convert them to JPEG, then {_process('images', place)}"
            )
        return f" but {count}: {_process('images', place)}"
    return f" but the video {quote(videos[0])}: {_process('video', folder / videos[0])}" if videos else None


def _of_kind(names: list[str], endings: set[str]) -> list[str]:
    return [name for name in names if Path(name).suffix.lower() in endings and not is_hidden(name)]


def _kind_of_file(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in VIDEOS:
        return f"a video without camera poses: {_process('video', path)}"
    if suffix in ARCHIVES:
        return "an archive: unpack it, and give --data the folder"
    if suffix in PHOTOS | HEIC | RAW:
        return "one photo: give --data the scene's folder"
    return "neither a folder nor a .json file: give --data the scene's folder"


def _process(kind: str, source: Path) -> str:
    command = f"ns-process-data {kind} --data {quote(source)} --output-dir OUT"
    return f"find the camera poses with `{command}`, then give --data OUT"


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        raise InputError(
            f"The scene folder {quote(folder)} cannot be read ({error.strerror}): check its permissions."
        ) from error
