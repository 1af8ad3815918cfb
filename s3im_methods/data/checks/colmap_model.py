"""Where a COLMAP model lies in a folder, as the data sets of this field have it."""

from pathlib import Path

# Of ns-process-data, of Mip-NeRF 360's and 3D Gaussian splatting's scenes, and of COLMAP's own commands.
_PLACES = ("colmap/sparse/0", "sparse/0", "sparse", "colmap/sparse", "colmap", "colmap/0", "dense/sparse", "0")
_FILES = ("cameras.bin", "cameras.txt")


def is_model(folder: Path) -> bool:
    """Whether a folder holds a COLMAP model, as text or binary.

    Args:
        folder: The folder.
    """
    return any((folder / name).is_file() for name in _FILES)


def find_model(scene: Path) -> str | None:
    """The model's folder, below the scene's, or None.

    Args:
        scene: The scene's folder.
    """
    return next((place for place in _PLACES if is_model(scene / place)), None)
