"""Which mask, depth map or confidence map belongs to which photo of a scene.

files_by_name(scene, folder, ...)     by name
record3d_depth(scene, export)         of an export of Record3D, by the frames that nerfstudio took
"""

import re
from collections import Counter
from pathlib import Path

import numpy as np

from s3im_methods.data.attach import SceneFile
from s3im_methods.data.wording import are, quote, some
from s3im_methods.errors import InputError


def files_by_name(scene: SceneFile, folder: Path, noun: str, flag: str) -> list[Path]:
    """The file of each photo: of the photo's name with any ending, also behind the photo's own, or before ``_mask``.

    Args:
        scene: The scene.
        folder: Where the files are; they may be in folders named as those of the photos.
        noun: What they are, for the sentence and as a possible end of their names: "mask" or "depth".
        flag: Which names the folder, for the sentence.

    Raises:
        InputError: If there is no such folder, or a photo has none or several.
    """
    if not folder.is_dir():
        raise InputError(f"{flag} is {quote(folder)}, which is no folder: give the folder of the files.")
    known: dict[Path, list[Path]] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.name.startswith("."):
            stem = re.sub(rf"[._-]{noun}$", "", file.stem, flags=re.IGNORECASE)
            known.setdefault((file.parent / stem).relative_to(folder), []).append(file)
    found = [_files_of(photo, known) for photo in scene.photos]
    without = [photo for photo, files in zip(scene.photos, found, strict=True) if not files]
    if without:
        raise InputError(
            f"{some(len(without), len(found), 'photo')} {are(len(without))} without a {noun} in {quote(folder)}, for "
            f"instance {quote(without[0])}: every photo needs one, of its name."
        )
    for photo, files in zip(scene.photos, found, strict=True):
        if len(files) > 1:
            raise InputError(
                f"Both {quote(files[0])} and {quote(files[1])} may be the {noun} of {quote(photo)}: leave one there."
            )
    taken = Counter(files[0] for files in found)
    twice = next((file for file, count in taken.items() if count > 1), None)
    if twice is not None:
        raise InputError(
            f"{quote(twice)} would be the {noun} of {taken[twice]} photos of one name: put the files into folders "
            "that are named as those of the photos."
        )
    return [files[0] for files in found]


def _files_of(photo: Path, known: dict[Path, list[Path]]) -> list[Path]:
    # With more of the photo's folders first, so that a/1.jpg and b/1.jpg have files of their own.
    for first in range(len(photo.parts)):
        below = Path(*photo.parts[first:])
        files = [*known.get(below.with_suffix(""), []), *known.get(below, [])]
        if files:
            return files
    return []


def record3d_depth(scene: SceneFile, export: Path) -> list[Path]:
    """The depth map of each photo that ``ns-process-data record3d`` made, which numbers them anew.

    Args:
        scene: The scene.
        export: The folder that was converted, with ``rgb`` and ``depth``.

    Raises:
        InputError: If that is no such folder, or the scene was not made of it.
    """
    colours, depths = export / "rgb", export / "depth"
    if not (colours.is_dir() and depths.is_dir()):
        raise InputError(
            f"--record3d is {quote(export)}, which has no folders rgb and depth: give the folder that "
            "ns-process-data record3d converted."
        )
    names = sorted((file.stem for file in colours.iterdir() if file.stem.isdigit()), key=int)
    photos = scene.folder / scene.photos[0].parent
    numbers = [re.fullmatch(r"frame_(\d+)", photo.stem) for photo in scene.photos]
    count = sum(1 for file in photos.iterdir() if re.fullmatch(r"frame_\d+", file.stem)) if photos.is_dir() else 0
    if not all(numbers) or not 0 < count <= len(names) or max(int(n[1]) for n in numbers if n) > count:
        raise InputError(
            f"{quote(scene.path)} was not made of {quote(export)} by ns-process-data record3d, which names photos "
            f"frame_00001 and so on and takes them from {len(names)}: give --depth with files of the photos' names."
        )
    # As nerfstudio chose them, evenly spread.
    taken = np.round(np.linspace(0, len(names) - 1, count)).astype(int)
    files = [depths / f"{names[taken[int(number[1]) - 1]]}.exr" for number in numbers if number]
    absent = [file for file in files if not file.is_file()]
    if absent:
        raise InputError(
            f"{some(len(absent), len(files), 'depth map')} {are(len(absent))} missing, for instance "
            f"{quote(absent[0])}: export the recording again, as EXR + JPG sequence."
        )
    return files
