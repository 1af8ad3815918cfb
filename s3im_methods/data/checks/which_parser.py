"""Which data parser reads what is in a folder?"""

from pathlib import Path

from s3im_methods.data.checks.colmap_model import find_model
from s3im_methods.data.checks.folder import check_exists
from s3im_methods.data.checks.transforms import read_frames, read_transforms
from s3im_methods.errors import InputError

_SIGNS = (
    ("transforms.json", "nerfstudio-data"),
    ("transforms_train.json", "blender-data"),
    ("meta_data.json", "sdfstudio-data"),
    ("metadata.json", "multi-blender"),
    ("cameras_sphere.npz", "idr-data"),
    ("cameras_large.npz", "idr-data"),
    ("cameras.npz", "idr-data"),
)


def which_parser(data: Path) -> str:
    """The name of the parser, judged by the files that are there.

    Args:
        data: A scene's folder or JSON file.

    Returns:
        ``nerfstudio-data`` where nothing says otherwise, whose checks say what the folder holds instead.

    Raises:
        InputError: If there is nothing at the path.
    """
    check_exists(data)
    if _gives_angle_only(data if data.suffix == ".json" else data / "transforms.json"):
        return "instant-ngp-data"
    found = next((parser for sign, parser in _SIGNS if (data / sign).exists()), None)
    return found or ("colmap" if find_model(data) else "nerfstudio-data")


def _gives_angle_only(path: Path) -> bool:
    """Whether a file has instant-ngp's angle of view in place of the focal lengths that nerfstudio-data needs."""
    if not path.is_file():
        return False
    try:
        meta = read_transforms(path)
        frames = read_frames(meta, path)
    except InputError:
        # The parser's checks say what is wrong with it.
        return False
    has_angle = any(key in meta for key in ("camera_angle_x", "x_fov"))
    return has_angle and not any("fl_x" in holder for holder in (meta, *frames))
