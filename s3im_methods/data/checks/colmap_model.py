"""Where COLMAP models lie in a folder, as the data sets of this field have them, and which is the largest."""

from pathlib import Path

# Of ns-process-data, of Mip-NeRF 360's and 3D Gaussian splatting's scenes, and of COLMAP's own commands.
_PLACES = ("colmap/sparse/0", "sparse/0", "sparse", "colmap/sparse", "colmap", "colmap/0", "dense/sparse", "0")
_FILES = ("cameras.bin", "cameras.txt")
# Of an image in images.bin: number, pose, camera, the end of its name, and how many points it has.
_LEAST_BYTES = 64 + 1 + 8


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


def count_images(folder: Path) -> int:
    """Count the images that a model has poses of; 0 if its file is missing or damaged.

    Args:
        folder: The model's folder.
    """
    # nerfstudio reads the text where there are both.
    if (folder / "cameras.txt").is_file():
        path = folder / "images.txt"
        return _count_lines(path) if path.is_file() else 0
    path = folder / "images.bin"
    if not path.is_file():
        return 0
    with open(path, "rb") as images:
        count = int.from_bytes(images.read(8), "little")
    return count if count * _LEAST_BYTES <= path.stat().st_size else 0


def has_points(folder: Path) -> bool:
    """Whether a model has points, and says which image saw them.

    Args:
        folder: The model's folder, which may be missing.
    """
    return any(
        (folder / f"images{ending}").is_file()
        and (folder / f"points3D{ending}").is_file()
        and not is_without_points(folder / f"points3D{ending}")
        for ending in (".bin", ".txt")
    )


def is_without_points(file: Path) -> bool:
    """Whether a model's file of points holds none, as in a model of poses that were known.

    Args:
        file: points3D.bin or points3D.txt.
    """
    if file.suffix == ".bin":
        # It begins with their number.
        with open(file, "rb") as points:
            return not any(points.read(8))
    with open(file, encoding="utf-8") as lines:
        return all(line.startswith("#") or not line.strip() for line in lines)


def larger_model(folder: Path) -> tuple[Path, int] | None:
    """The largest of the numbered models beside a model: COLMAP writes several where photos do not hang together.

    Args:
        folder: A model's folder.

    Returns:
        Its folder, and of how many images it has poses, or None where none has more than the given one.
    """
    if not (folder.name.isdecimal() and folder.parent.is_dir()):
        return None
    numbered = sorted(path for path in folder.parent.iterdir() if path.name.isdecimal() and path.name != folder.name)
    counts = [(path, count_images(path)) for path in numbered if is_model(path)]
    largest = max(counts, key=lambda found: found[1], default=None)
    return largest if largest is not None and largest[1] > count_images(folder) else None


def _count_lines(path: Path) -> int:
    count = 0
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.strip() and not line.lstrip().startswith("#"):
                count += 1
                # The image's points, in a line that may be empty.
                next(lines, None)
    return count
