"""Check the JSON of a scene that ``instant-ngp-data`` reads, by the rules of nerfstudio 1.1.5's parser."""

import os
from pathlib import Path

from nerfstudio.data.dataparsers.instant_ngp_dataparser import InstantNGPDataParserConfig

from s3im_methods.data.checks.files import Listed
from s3im_methods.data.checks.folder import find_transforms
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
    meta = read_transforms(path)
    frames = read_frames(meta, path)
    check_poses(frames, path)
    _check_numbers(meta, path)
    images = [_image(path.parent, frame["file_path"]) for frame in frames]
    # The parser goes on without those that are missing.
    Listed("image", images, path, "put back what is missing or drop those frames from that list").check_present()
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


def _image(root: Path, name: str) -> Path:
    return root / name if os.path.exists(root / name) else root / (name + ".png")


def _check_numbers(meta: dict, path: Path) -> None:
    focal = next((key for key in _FOCAL if key in meta), None)
    if focal is None:
        raise InputError(
            f"{quote(path)} gives no focal length at its top, where instant-ngp-data looks for {', '.join(_FOCAL)}: "
            "add fl_x in pixels, or use `nerfstudio-data` where each frame has its own."
        )
    for key in (focal, *(key for key in _NUMBERS if key in meta)):
        number = finite(meta[key])
        if number is None or (number <= 0 and key in (*_FOCAL, "fl_y", "w", "h", "aabb_scale")):
            meaning = "a number above 0" if key in (*_FOCAL, "fl_y", "w", "h", "aabb_scale") else "a number"
            raise InputError(f"{key} in {quote(path)} is {quote(meta[key])}: give {meaning}.")
