"""Check a scene that ``blender-data`` reads, by the rules of nerfstudio 1.1.5's parser."""

import math
import os
from pathlib import Path

from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig

from s3im_methods.data.checks.files import Listed, check_image_modes
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
    angle = finite(meta.get("camera_angle_x"))
    if angle is None or not 0 < angle < math.pi:
        found = quote(meta["camera_angle_x"]) if "camera_angle_x" in meta else "missing"
        raise InputError(
            f"camera_angle_x in {quote(path)} is {found}: give the horizontal field of view in radians, between 0 and "
            "pi."
        )
    # The parser strips every "./", wherever it stands.
    paths = [folder / (frame["file_path"].replace("./", "") + ".png") for frame in frames]
    images = Listed("image", paths, path, "put back what is missing or drop those frames from that list")
    pictures = images.check_pictures()
    check_image_modes(images, pictures)
    width, height = pictures[0].size
    bad = [index for index, picture in enumerate(pictures) if picture.size != (width, height)]
    if bad:
        first = f"{quote(paths[0])} has {width} x {height} pixels"
        images.refuse(bad, "not of the first one's size", f" where {first}: render all images in one size")
