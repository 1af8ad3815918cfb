"""Which data parser reads what is in a folder?"""

from pathlib import Path

from s3im_methods.data.checks.colmap_model import find_model
from s3im_methods.data.checks.folder import check_exists

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
    found = next((parser for sign, parser in _SIGNS if (data / sign).exists()), None)
    return found or ("colmap" if find_model(data) else "nerfstudio-data")
