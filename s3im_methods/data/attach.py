"""Masks, depth and its confidence become part of a scene: checked, copied into it, and listed.

check_masks(scene, files, invert)     refuses masks that cannot be used, before anything is written
check_maps(noun, files)               the same for depth and confidence
attach_masks(scene, files, invert)    writes masks/ and the smaller copies, then the JSON file
attach_depth(scene, files)            the same for depths/
attach_confidence(scene, files)       the same for confidences/, of which there are no smaller copies
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from s3im_methods.data.checks.depth import map_fault
from s3im_methods.data.checks.files import Picture, read_picture
from s3im_methods.data.checks.folder import find_transforms
from s3im_methods.data.checks.transforms import read_frames, read_transforms
from s3im_methods.data.depth.depth_files import read_map
from s3im_methods.data.masks import load_mask
from s3im_methods.data.wording import has, quote, some
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
        self._names = _distinct_names(self.photos)

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
        taken: dict[str, Path] = {}
        for index, (photo, file) in enumerate(zip(self.photos, files, strict=True)):
            place = self.place(kind, index, file)
            other = taken.setdefault(str(place).casefold(), photo)
            if other is not photo:
                raise InputError(
                    f"{quote(other)} and {quote(photo)} would share the file {quote(place)}: rename one of these "
                    "photos."
                )
            if place.exists() and not _is_in_place(place, file) and not replace:
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


def _distinct_names(photos: Sequence[Path]) -> list[str]:
    """What to call the files of each photo: its name without ending, with more of its path where others share that."""
    below = [photo.relative_to(photo.anchor) for photo in photos]
    names = [photo.stem for photo in photos]
    longer = (
        ["_".join(path.with_suffix("").parts) for path in below],
        ["_".join(path.parts).replace(".", "_") for path in below],
        [f"{'_'.join(path.with_suffix('').parts)}_frame_{number}" for number, path in enumerate(below, start=1)],
    )
    for others in longer:
        # Some file systems do not tell small letters from capitals.
        count = Counter(name.casefold() for name in names)
        names = [name if count[name.casefold()] == 1 else other for name, other in zip(names, others, strict=True)]
    return names


def _is_in_place(place: Path, file: Path) -> bool:
    return place.exists() and place.samefile(file)


def check_masks(scene: SceneFile, files: Sequence[Path], invert: bool = False) -> None:
    """Refuse masks that cannot be used.

    Args:
        scene: The scene.
        files: The mask of each photo.
        invert: Whether they are black on what is to be kept.

    Raises:
        InputError: If one cannot be read, is not of its photo's size, or would be overwritten.
    """
    for index, file in enumerate(track(files, "Reading masks")):
        shape, size, own = load_mask(file)[0].shape, scene.size(index), scene.place("masks", index, file)
        if size is not None and shape != size[::-1]:
            raise InputError(
                f"The mask {quote(file)} has {shape[1]} x {shape[0]} pixels where "
                f"{quote(scene.photos[index])} has {size[0]} x {size[1]}: make masks from the photos in the scene."
            )
        if invert and _is_in_place(own, file):
            raise InputError(f"--invert would overwrite the masks in {quote(own.parent)}: move them elsewhere first.")


def check_maps(noun: str, files: Sequence[Path]) -> None:
    """Refuse maps of depth or of its confidence that training could not read.

    Args:
        noun: What one file is, for the sentence.
        files: The file of each photo.

    Raises:
        InputError: If one cannot be read, or holds more than one number per pixel.
    """
    for file in track(files, f"Reading {noun}s"):
        fault = map_fault(file)
        if fault is not None:
            raise InputError(f"The {noun} {quote(file)} cannot be used, {fault}: write it again.")
        read_map(file)


def attach_masks(scene: SceneFile, files: Sequence[Path], invert: bool = False) -> float:
    """Write the masks as black and white PNG files, and their smaller copies, and list them.

    Args:
        scene: The scene, changed in place.
        files: The mask of each photo, which :func:`check_masks` has accepted.
        invert: Whether they are black on what is to be kept.

    Returns:
        The share of white pixels, 0 to 1.

    Raises:
        InputError: If one cannot be written. Nothing is listed then.
    """
    shares, places = [], []
    for index, file in enumerate(track(files, "Writing masks")):
        mask = load_mask(file)[0] ^ invert
        own = scene.place("masks", index, file)
        # What a user has drawn stays as it is.
        in_place = _is_in_place(own, file)
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
        files: The depth map of each photo, which :func:`check_maps` has accepted.

    Raises:
        InputError: If one cannot be written. Nothing is listed then.
    """
    _copy(scene, "depths", "depth map", files, (1, *scene.factors))


def attach_confidence(scene: SceneFile, files: Sequence[Path]) -> None:
    """Copy the confidence maps of a sensor's depth, such as ARKit's with 0, 1 and 2, and list them.

    Args:
        scene: The scene, changed in place; its depth maps are listed already.
        files: The confidence map of each photo, which :func:`check_maps` has accepted.

    Raises:
        InputError: If one cannot be written. Nothing is listed then.
    """
    _copy(scene, "confidences", "confidence map", files, (1,))


def _copy(scene: SceneFile, kind: str, noun: str, files: Sequence[Path], factors: Sequence[int]) -> None:
    places = []
    for index, file in enumerate(track(files, f"Copying {noun}s")):
        places.append(scene.place(kind, index, file))
        for factor in factors:
            target = scene.place(kind, index, file, factor)
            if _is_in_place(target, file):
                continue
            with written(target) as place:
                shutil.copyfile(file, place)
    scene.save(kind, places)
