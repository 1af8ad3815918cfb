"""Files that belong together by the numbers in their names, in layouts whose codes only sort the names."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError


def list_files(folder: Path, pattern: str, endings: Sequence[str]) -> list[Path]:
    """A folder's files, by name; hidden ones, which macOS adds, are left out.

    Args:
        folder: Where they lie.
        pattern: Of the names, as for :meth:`pathlib.Path.glob`, without the ending.
        endings: Of the names.
    """
    return sorted(p for p in folder.glob(pattern) if p.suffix in endings and not p.name.startswith("."))


def numbers_in(files: Sequence[Path], mark: str = "") -> list[int] | None:
    """The last number in each file's name, or None where these do not tell the files apart.

    Args:
        files: Any.
        mark: An end of the names that does not count.

    Example:
        >>> numbers_in([Path("rect_001_3.png"), Path("rect_002_3.png")]), numbers_in([Path("a1.png"), Path("a10.png")])
        (None, [1, 10])
    """
    found = [re.findall(r"\d+", file.stem.removesuffix(mark)) for file in files]
    numbers = [int(digits[-1]) for digits in found if digits]
    return numbers if len(set(numbers)) == len(files) else None


def check_order(images: Sequence[Path], what: str) -> None:
    """Refuse images that come in another order as text than by their numbers, where the order says whose is what.

    Args:
        images: In the order of their names as text.
        what: What belongs to the images by their order.

    Raises:
        InputError: If they do, as 10.png before 2.png.
    """
    numbers = numbers_in(images) or []
    wrong = next((k for k in range(1, len(numbers)) if numbers[k] < numbers[k - 1]), None)
    if wrong is not None:
        raise InputError(
            f"{quote(images[wrong - 1].name)} comes before {quote(images[wrong].name)} in {quote(images[0].parent)} as "
            f"text and after it by its number, so that {what} may belong to either: rename all images with leading "
            f"zeros, {numbers[wrong]:04d} and so on, in the order of the cameras."
        )


def in_order_of(images: Sequence[Path], files: Sequence[Path], mark: str, noun: str) -> list[Path]:
    """As many files as there are images, in the order of the images; or none where there are none.

    They belong together by equal names, or by equal numbers or numbers that count from elsewhere; where names say
    nothing, by their order.

    Args:
        images: The images.
        files: By name, for instance their masks.
        mark: An end of the files' names that does not count.
        noun: What they are, in the plural.

    Raises:
        InputError: If the files' numbers are others than the images'.
    """
    names = {file.stem.removesuffix(mark): file for file in files}
    stems = [image.stem.removesuffix("_rgb") for image in images]
    if set(stems) == set(names):
        return [names[stem] for stem in stems]
    ours, theirs = numbers_in(images, "_rgb"), numbers_in(files, mark)
    if ours is None or theirs is None or not files:
        return list(files)
    by_number = [file for _, file in sorted(zip(theirs, files, strict=True))]
    offsets = np.array(sorted(theirs)) - np.array(sorted(ours))
    if np.ptp(offsets) > 0:
        lonely = images[ours.index(min(set(ours) - set(theirs)))]
        raise InputError(
            f"None of the {noun} in {quote(files[0].parent)} has the number of the image {quote(lonely.name)}, so that "
            f"it is not clear whose they are: give each of the {noun} its image's number, or remove them."
        )
    return [by_number[rank] for rank in np.argsort(np.argsort(ours))]
