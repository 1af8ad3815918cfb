"""Check a scene that ``blender-data`` reads, by the rules of nerfstudio 1.1.5's parser."""

import glob
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig

from s3im_methods.data.checks.files import Listed, Picture, check_image_modes, read_picture
from s3im_methods.data.checks.poses import check_poses
from s3im_methods.data.checks.splits import FEWEST_TRAINING_VIEWS
from s3im_methods.data.checks.transforms import finite, read_frames, read_transforms
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError


def check_blender_scene(config: BlenderDataParserConfig) -> None:
    """Refuse a scene that ``blender-data`` could not read.

    Args:
        config: The data parser's configuration, whose ``data`` exists.

    Raises:
        InputError: See :func:`s3im_methods.data.checks.scene.check_scene`.
    """
    folder = Path(config.data)
    if not os.path.isdir(folder):
        raise InputError(f"{quote(folder)} is not a folder: give --data the folder that holds transforms_train.json.")
    # Training reads the first two, everything after it the third.
    for split in ("train", "val", "test"):
        _check_split(folder, split)


def check_angle_of_view(meta: Mapping[str, Any], path: Path) -> None:
    """Refuse an impossible angle of view: degrees would give a wrong focal length.

    Args:
        meta: What the file holds.
        path: The file, for the sentence.

    Raises:
        InputError: If ``camera_angle_x`` is missing or not between 0 and pi.
    """
    angle = finite(meta.get("camera_angle_x"))
    if angle is None or not 0 < angle < math.pi:
        found = quote(meta["camera_angle_x"]) if "camera_angle_x" in meta else "missing"
        raise InputError(
            f"camera_angle_x in {quote(path)} is {found}: give the horizontal field of view in radians, between 0 and "
            "pi."
        )


def _check_split(folder: Path, split: str) -> None:
    path = folder / f"transforms_{split}.json"
    if not os.path.isfile(path):
        other = os.path.isfile(folder / "transforms.json")
        raise InputError(
            f"The scene folder {quote(folder)} holds no transforms_{split}.json"
            + (
                " but a transforms.json: use `nerfstudio-data` instead of `blender-data`."
                if other
                else ", where blender-data reads one for train, one for val and one for test: add it."
            )
        )
    meta = read_transforms(path)
    frames = read_frames(meta, path)
    if split == "train" and len(frames) < FEWEST_TRAINING_VIEWS:
        raise InputError(
            f"{quote(path)} has one image only, but a radiance field needs at least 2 views to learn depth from: "
            "render more views."
        )
    check_poses(frames, path)
    check_angle_of_view(meta, path)
    # The parser strips every "./", wherever it stands.
    paths = [folder / (frame["file_path"].replace("./", "") + ".png") for frame in frames]
    images = Listed("image", paths, path, _remedy(paths))
    pictures = images.check_pictures()
    check_image_modes(images, pictures)
    width, height = pictures[0].size
    bad = [index for index, picture in enumerate(pictures) if picture.size != (width, height)]
    if bad:
        first = f"{quote(paths[0])} has {width} x {height} pixels"
        images.refuse(bad, "not of the first one's size", f" where {first}: render all images in one size")


def _remedy(paths: list[Path]) -> str:
    """What to do where an image is missing: it may be there with another ending than the parser adds."""
    gone = next((path for path in paths if not path.is_file()), None)
    if gone is not None:
        same = [gone.with_suffix(""), *sorted(gone.parent.glob(f"{glob.escape(gone.stem)}.*"))]
        here = next((path for path in same if path.is_file() and isinstance(read_picture(path), Picture)), None)
        if here is not None:
            convert = "" if here.suffix.lower() == ".png" else "convert the images to PNG, and "
            return f"{convert}give file_path without an ending, because blender-data adds .png"
    return "put back what is missing or drop those frames from that list"
