"""Which files a scene in the layout of IDR, NeuS or MonoSDF has, and which of them belong together.

The codes of these papers sort names as text, and take the files of each kind in that order.
"""

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from s3im_methods.data.masks import load_mask
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

_PICTURES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class IDRFiles:
    """The files of each image, in the images' order; empty where there are none.

    Attributes:
        images: Photographs.
        masks: Of the foreground.
        depths: Monocular depth.
        normals: Monocular normals.
    """

    images: list[Path]
    masks: list[Path]
    depths: list[Path]
    normals: list[Path]

    @classmethod
    def of(cls, folder: Path, lines: list[str]) -> "IDRFiles":
        """The files of a scene.

        Args:
            folder: Of the scene.
            lines: Takes what the user should know.

        Raises:
            InputError: If there are no images, or as many of another kind as do not go with them.
        """
        images = _listed(folder, ("image", "images", "rgb"), "_rgb", _PICTURES)
        if not images:
            raise InputError(
                f"{quote(folder)} holds no images in image/ or images/, nor any named *_rgb.png: give --data the "
                "folder of a scene in the layout of IDR, NeuS or MonoSDF."
            )
        if sorted(images) != images:
            first, second = next((a, b) for a, b in itertools.pairwise(images) if a > b)
            lines.append(
                f"Images are taken by the numbers in their names, {quote(first.name)} before {quote(second.name)}. "
                "Codes that sort names as text give them other cameras."
            )
        extras = {
            "masks": _listed(folder, ("mask", "masks"), "_mask", (*_PICTURES, ".npy")),
            "depths": _listed(folder, ("depth", "depths"), "_depth", (".npy",)),
            "normals": _listed(folder, ("normal", "normals"), "_normal", (".npy",)),
        }
        for name, paths in extras.items():
            if paths and len(paths) != len(images):
                raise InputError(
                    f"{quote(folder)} holds {len(images)} images but {len(paths)} {name}, for instance "
                    f"{quote(paths[0])}: give one for each image, or remove them."
                )
            other = next((k for k, path in enumerate(paths) if _number(path) != _number(images[k])), None)
            if other is not None:
                _refuse_gaps(images, paths, name)
                lines.append(
                    f"Images and {name} are numbered differently, and are matched by their order: "
                    f"{quote(images[other].name)} goes with {quote(paths[other].name)}."
                )
        if extras["masks"] and _all_white(extras["masks"]):
            lines.append("The masks are white everywhere, so they say nothing of a foreground and are left out.")
            extras["masks"] = []
        return cls(images, **extras)


def _refuse_gaps(images: list[Path], files: list[Path], noun: str) -> None:
    """Refuse files that do not only count from another number than the images."""
    ours, theirs = [_number(image) for image in images], [_number(file) for file in files]
    if None in ours or None in theirs or len(set(ours)) < len(ours) or len(set(theirs)) < len(theirs):
        return
    if len({b - a for a, b in zip(ours, theirs, strict=True) if a is not None and b is not None}) > 1:
        lonely = next(image for image, number in zip(images, ours, strict=True) if number not in theirs)
        raise InputError(
            f"None of the {noun} in {quote(files[0].parent)} has the number of the image {quote(lonely.name)}, so that "
            f"it is not clear whose they are: give each of the {noun} its image's number, or remove them."
        )


def _listed(folder: Path, places: tuple[str, ...], mark: str, endings: tuple[str, ...]) -> list[Path]:
    for place in places:
        if (folder / place).is_dir():
            found = list((folder / place).iterdir())
            break
    else:
        found = [path for path in folder.iterdir() if path.stem.endswith(mark)] if folder.is_dir() else []
    # Some systems put files of their own, with a dot before the name, beside each.
    found = [path for path in found if path.suffix.lower() in endings and not path.name.startswith(".")]
    return sorted(found, key=lambda path: (_padded(path.name), path.name))


def _padded(name: str) -> str:
    """The name with all numbers as long as the longest may be, so that it sorts by them."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(20), name)


def _number(path: Path) -> int | None:
    """The last number of the name, or None."""
    return int(found[-1]) if (found := re.findall(r"\d+", path.stem)) else None


def _all_white(masks: list[Path]) -> bool:
    # MonoSDF's scenes have such masks, which say where depth and normals are known.
    return all(load_mask(mask)[1].share == 1 for mask in masks)


def camera_numbers(images: list[Path], numbers: list[int], path: Path) -> list[int]:
    """Which camera each image has: by order where there are as many, else by the number in its name.

    Args:
        images: In their order.
        numbers: Those of the cameras, ascending.
        path: The file with the cameras.

    Raises:
        InputError: If neither says which.
    """
    if not numbers:
        raise InputError(f"{quote(path)} holds no world_mat_0: give the file of the cameras as --cameras-file.")
    if len(images) == len(numbers):
        return numbers
    named = [-1 if (number := _number(image)) is None else number for image in images]
    if len(set(named)) == len(named) and set(named) <= set(numbers):
        return named
    raise InputError(
        f"{quote(path)} holds {len(numbers)} cameras (world_mat_0 and on) for {len(images)} images, and the images' "
        f"names, for instance {quote(images[0].name)}, do not say which camera is whose: remove "
        "those without an image."
    )
