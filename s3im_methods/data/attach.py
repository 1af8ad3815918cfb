"""Masks, depth and its confidence become part of a scene: found by the photos' names, copied into it, and listed.

files_by_name(scene, folder, ...)     which file belongs to which photo, by name
record3d_depth(scene, export)         the same for an export of Record3D, by the frames that nerfstudio took
attach_masks(scene, files, invert)    writes masks/ and the smaller copies, then the JSON file
attach_depth(scene, files)            the same for depths/
attach_confidence(scene, files)       the same for confidences/, of which there are no smaller copies
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from s3im_methods.data.checks.depth import depth_fault, map_fault
from s3im_methods.data.checks.files import Picture, read_picture
from s3im_methods.data.checks.folder import find_transforms
from s3im_methods.data.checks.transforms import read_frames, read_transforms
from s3im_methods.data.masks import load_mask
from s3im_methods.data.wording import are, has, quote, some
from s3im_methods.errors import InputError
from s3im_methods.outputs import written
from s3im_methods.progress import track

KEYS = {"masks": "mask_path", "depths": "depth_file_path", "confidences": "confidence_file_path"}
"""Under which key a frame lists a file, by the folder that nerfstudio wants it in."""


class SceneFile:
    """A scene's JSON file, and what there is beside it.

    Args:
        data: The scene's folder, or the JSON file.

    Attributes:
        path: The JSON file.
        folder: Where it is.
        photos: The names of the photos, as the frames have them.
        factors: By what the copies of the photos that are there are downscaled, in ascending order.

    Raises:
        InputError: If there is no such file, or it has no frames.
    """

    def __init__(self, data: Path) -> None:
        self.path = find_transforms(data)
        self.folder = self.path.parent
        self._meta = read_transforms(self.path)
        self._frames = read_frames(self._meta, self.path)
        self.photos = [Path(frame["file_path"]) for frame in self._frames]
        found = (re.fullmatch(r"images_(\d+)", place.name) for place in self.folder.iterdir() if place.is_dir())
        self.factors = sorted(int(match[1]) for match in found if match and int(match[1]) > 1)
        names = Counter(photo.stem for photo in self.photos)
        self._names = [
            photo.stem if names[photo.stem] == 1 else "_".join(photo.with_suffix("").parts) for photo in self.photos
        ]

    def check_free(self, kind: str, files: Sequence[Path], replace: bool) -> None:
        """Refuse what would take the place of what is there, unless the user wants that.

        Args:
            kind: One of :data:`KEYS`.
            files: The file of each photo.
            replace: Whether it may.
        """
        key = KEYS[kind]
        listed = sum(key in frame for frame in self._frames)
        if listed and not replace:
            raise InputError(
                f"{some(listed, len(files), 'frame')} in {quote(self.path)} {has(listed)} a {key} already: "
                "add --replace to list the new files instead."
            )
        for index, file in enumerate(files):
            place = self.place(kind, index, file)
            if place.exists() and not place.samefile(file) and not replace:
                raise InputError(f"{quote(place)} exists already: add --replace to overwrite it, or move that folder.")

    def folders(self, kind: str) -> str:
        """Where the files of a kind are, for the reader."""
        factors = [] if kind == "confidences" else self.factors
        return ", ".join([str(self.folder / kind), *(f"{kind}_{factor}" for factor in factors)])

    def has_depth(self) -> bool:
        """Whether a frame lists a depth map."""
        return any(KEYS["depths"] in frame for frame in self._frames)

    def place(self, kind: str, index: int, file: Path, factor: int = 1) -> Path:
        """Where nerfstudio looks for what becomes of a photo's file; masks become PNG files."""
        folder = kind if factor == 1 else f"{kind}_{factor}"
        return self.folder / folder / f"{self._names[index]}{'.png' if kind == 'masks' else file.suffix.lower()}"

    def size(self, index: int, factor: int = 1) -> tuple[int, int] | None:
        """Width and height of a photo, or of its copy; None if it is not there."""
        photo = self.photos[index]
        picture = read_picture(self.folder / photo if factor == 1 else self.folder / f"images_{factor}" / photo.name)
        return picture.size if isinstance(picture, Picture) else None

    def save(self, kind: str, places: Sequence[Path]) -> None:
        """List one file per frame, as the last thing: until then the scene is what it was."""
        for frame, place in zip(self._frames, places, strict=True):
            frame[KEYS[kind]] = place.relative_to(self.folder).as_posix()
        with written(self.path) as place:
            place.write_text(json.dumps(self._meta, indent=4), encoding="utf-8")


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


def attach_masks(scene: SceneFile, files: Sequence[Path], invert: bool = False) -> float:
    """Write the masks as black and white PNG files, and their smaller copies, and list them.

    Args:
        scene: The scene, changed in place.
        files: The mask of each photo.
        invert: Whether they are black on what is to be kept.

    Returns:
        The share of white pixels, 0 to 1.

    Raises:
        InputError: If one cannot be read, or is not of its photo's size. Nothing is listed then.
    """
    shares, places = [], []
    for index, file in enumerate(track(files, "Writing masks")):
        mask = load_mask(file)[0] ^ invert
        size, own = scene.size(index), scene.place("masks", index, file)
        if size is not None and mask.shape != size[::-1]:
            raise InputError(
                f"The mask {quote(file)} has {mask.shape[1]} x {mask.shape[0]} pixels where "
                f"{quote(scene.photos[index])} has {size[0]} x {size[1]}: make masks from the photos in the scene."
            )
        # What a user has drawn stays as it is.
        in_place = own.exists() and own.samefile(file)
        if in_place and invert:
            raise InputError(f"--invert would overwrite the masks in {quote(own.parent)}: move them elsewhere first.")
        shares.append(mask.mean())
        places.append(own)
        picture = Image.fromarray(mask.astype(np.uint8) * np.uint8(255))
        for factor in scene.factors if in_place else (1, *scene.factors):
            smaller = scene.size(index, factor) or (max(1, picture.width // factor), max(1, picture.height // factor))
            with written(scene.place("masks", index, file, factor)) as place:
                picture.resize(smaller, Image.Resampling.NEAREST).save(place)
    scene.save("masks", places)
    return float(np.mean(shares))


def attach_depth(scene: SceneFile, files: Sequence[Path]) -> None:
    """Copy the depth maps as they are, and list them; whoever reads them brings them to the size of the photos.

    Args:
        scene: The scene, changed in place.
        files: The depth map of each photo.

    Raises:
        InputError: If one cannot be read. Nothing is listed then.
    """
    _copy(scene, "depths", "depth map", files, depth_fault, (1, *scene.factors))


def attach_confidence(scene: SceneFile, files: Sequence[Path]) -> None:
    """Copy the confidence maps of a sensor's depth, such as ARKit's with 0, 1 and 2, and list them.

    Args:
        scene: The scene, changed in place; its depth maps are listed already.
        files: The confidence map of each photo.

    Raises:
        InputError: If one cannot be read. Nothing is listed then.
    """
    _copy(scene, "confidences", "confidence map", files, map_fault, (1,))


def _copy(
    scene: SceneFile,
    kind: str,
    noun: str,
    files: Sequence[Path],
    fault_of: Callable[[Path], str | None],
    factors: Sequence[int],
) -> None:
    places = []
    for index, file in enumerate(track(files, f"Copying {noun}s")):
        fault = fault_of(file)
        if fault is not None:
            raise InputError(f"The {noun} {quote(file)} cannot be used, {fault}: write it again.")
        places.append(scene.place(kind, index, file))
        for factor in factors:
            target = scene.place(kind, index, file, factor)
            if target.exists() and target.samefile(file):
                continue
            with written(target) as place:
                shutil.copyfile(file, place)
    scene.save(kind, places)
