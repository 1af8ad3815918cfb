"""Are the listed images, masks and depth maps there, whole and readable?"""

import os
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from PIL import Image, UnidentifiedImageError

from s3im_methods.data.checks.file_kinds import kind_of
from s3im_methods.data.checks.png_chunks import is_sound_png
from s3im_methods.data.wording import are, quote, some, which
from s3im_methods.errors import InputError

UNKNOWN_FORMAT = "it is in no image format that Pillow knows"
# What may be meant where a file with another ending is missing; scanners write notes beside their images.
_MAYBE_MEANT = {".bmp", ".exr", ".heic", ".jpeg", ".jpg", ".npy", ".npz", ".pfm", ".png", ".tif", ".tiff", ".webp"}
# How a whole file ends; a picture in any other format is decoded to see whether it is whole.
_ENDINGS = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
_TAIL_BYTES = 64
IMAGE_MODES = ("L", "RGB", "RGBA")
"""Pillow's modes whose numbers are 8-bit colours."""


@dataclass(frozen=True)
class Picture:
    """What an image file says about itself.

    Args:
        size: Width and height in pixels.
        mode: Pillow's pixel mode, for instance "RGB".
        ends_well: Whether its end, and a PNG's checksums, are as its format wants them; where not, Pillow has decoded
            it nevertheless.
    """

    size: tuple[int, int]
    mode: str
    ends_well: bool


@dataclass(frozen=True)
class Listed:
    """Files that the frames of one JSON file list.

    Args:
        noun: What one file is, in the singular.
        paths: Where nerfstudio looks for them, one for each frame.
        source: The JSON file.
        remedy: What to do where a file is missing.
    """

    noun: str
    paths: list[Path]
    source: Path
    remedy: str

    def refuse(self, bad: list[int], what: str, rest: str) -> NoReturn:
        """Refuse some of the files in one sentence, which counts them and names the first.

        Args:
            bad: Their indices, one or more.
            what: What they are, to follow "is" or "are".
            rest: What is with the first one, and what to do.

        Raises:
            InputError: Always.
        """
        count = some(len(bad), len(self.paths), self.noun)
        name = quote(self.paths[bad[0]])
        raise InputError(f"{count} {are(len(bad))} {what}, {which(len(bad))} {name}{rest}.")

    def check_present(self) -> None:
        """Refuse missing files.

        Raises:
            InputError: If one or more are missing.
        """
        bad = [index for index, path in enumerate(self.paths) if not os.path.isfile(path)]
        if bad:
            hint = _hint(self.paths[bad[0]], self.source.parent)
            self.refuse(bad, "missing", f" (listed in {quote(self.source)}{hint}): {self.remedy}")

    def check_readable(self, fault_of: Callable[[Path], str | None]) -> None:
        """Refuse files that are cut off or otherwise cannot be read.

        Args:
            fault_of: What is wrong with a file, or None.

        Raises:
            InputError: If one or more cannot be read.
        """
        faults = [fault_of(path) for path in self.paths]
        bad = [index for index, fault in enumerate(faults) if fault]
        if bad:
            remedy = f"copy or write such files again, or drop their frames from {quote(self.source)}"
            self.refuse(bad, "unreadable", f" ({faults[bad[0]]}): {remedy}")

    def check_pictures(self) -> list[Picture]:
        """Refuse files that are missing, cut off or otherwise no images.

        Returns:
            Size and pixel mode of each.

        Raises:
            InputError: If one or more are missing or cannot be read.
        """
        self.check_present()
        found = {path: read_picture(path) for path in self.paths}
        self.check_readable(lambda path: fault if isinstance(fault := found[path], str) else None)
        return [picture for path in self.paths if isinstance(picture := found[path], Picture)]


def check_image_modes(images: Listed, pictures: list[Picture]) -> None:
    """Refuse images whose pixels nerfstudio would misread, such as palette indices for colours.

    Args:
        images: The image files.
        pictures: What they say about themselves.

    Raises:
        InputError: If an image is anything but 8-bit grey, RGB or RGBA.
    """
    bad = [index for index, picture in enumerate(pictures) if picture.mode not in IMAGE_MODES]
    if bad:
        mode = pictures[bad[0]].mode
        images.refuse(bad, "neither 8-bit grey, RGB nor RGBA", f" (Pillow's mode {mode}): convert it to 8-bit RGB")


def check_distinct(frames: list[dict], images: list[Path], source: Path, downscale_factor: int = 1) -> None:
    """Refuse frames that share an image, however its name is written: it would be trained on and held out too.

    Args:
        frames: Each an object with a file_path.
        images: Where nerfstudio looks for the image of each.
        source: Their JSON file, for the sentence.
        downscale_factor: By what the images are downscaled.

    Raises:
        InputError: If two frames name the same file.
    """
    seen: dict[str, str] = {}
    for frame, path in zip(frames, images, strict=True):
        name, place = frame["file_path"], os.path.normpath(path)
        if place in seen:
            both = f"Two frames in {quote(source)} name the image {quote(path)}"
            if downscale_factor == 1 or os.path.normpath(name) == os.path.normpath(seen[place]):
                raise InputError(f"{both}: drop one of them.")
            raise InputError(
                f"{both} (by {quote(seen[place])} and {quote(name)}), because copies downscaled by {downscale_factor} "
                "lie in one folder: rename one, or add `nerfstudio-data --downscale-factor 1` at the end of the "
                "command."
            )
        seen[place] = name


def read_picture(path: Path) -> Picture | str:
    """Read an image file's header and check whether the file is complete; decode it only if it seems damaged.

    Args:
        path: An existing file.

    Returns:
        What it says about itself, or why it cannot be read.
    """
    try:
        if os.path.getsize(path) == 0:
            return "it is empty"
        with open(path, "rb") as file, Image.open(file) as picture:
            ends_well = _ends_well(file, _ENDINGS.get(picture.format or ""))
            is_sound = ends_well and (picture.format != "PNG" or is_sound_png(path))
            found = Picture(picture.size, picture.mode, is_sound)
            if not found.ends_well:
                picture.load()
            return found
    except UnidentifiedImageError:
        kind = kind_of(path)
        return UNKNOWN_FORMAT if kind is None else f"it is {kind}"
    except Image.DecompressionBombError as error:
        found_size = re.search(r"\((\d+) pixels\)", str(error))
        size = f"{int(found_size[1]) / 1e6:.0f} million pixels" if found_size else "more pixels"
        return f"it has {size}, and Pillow reads at most {_most_pixels() / 1e6:.0f} million: make it smaller"
    except PermissionError as error:
        return str(error.strerror)
    except Exception:  # Decoders raise errors of any kind on bytes that are no image.
        return "it is cut off or damaged"


def _most_pixels() -> int:
    # Above half of them Pillow only warns.
    return 2 * (Image.MAX_IMAGE_PIXELS or 0)


def _ends_well(file: BinaryIO, ending: bytes | None) -> bool:
    if ending is None:
        return False
    position = file.tell()
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - _TAIL_BYTES))
    tail = file.read()
    file.seek(position)
    return ending in tail


def _hint(path: Path, scene: Path) -> str:
    if os.path.isdir(path):
        return "; it is a folder"
    if os.path.islink(path):
        return f"; it is a link to {quote(os.readlink(path))}, which is not there"
    unixlike = Path(str(path).replace("\\", "/"))
    if unixlike != path and os.path.isfile(unixlike):
        return "; the name has Windows separators, write / instead of \\ there"
    try:
        siblings = sorted(os.listdir(path.parent))
    except (OSError, ValueError):
        siblings = []
    for name in siblings:
        if _plain(name) == _plain(path.name) or Path(name).stem == path.name or name == path.stem:
            return f"; did you mean {quote(name)}, which is there"
    pictures = (name for name in siblings if Path(name).suffix.lower() in _MAYBE_MEANT)
    other = next((name for name in pictures if Path(name).stem == path.stem), None)
    if other is not None:
        return f"; did you mean {quote(other)}, which is there"
    # As the file was called on the machine that listed it.
    for start in range(len(unixlike.parts)):
        end = Path(*unixlike.parts[start:])
        if not end.is_absolute() and os.path.isfile(scene / end):
            return f"; did you mean {quote(end)}, which is there"
    return ""


def _plain(name: str) -> str:
    """A name without what file systems and typists are at odds about: case, spaces at its ends, composed letters."""
    return unicodedata.normalize("NFC", name).strip().lower()
