"""Photos whose EXIF data say that they are to be turned: viewers turn them, training takes the pixels as stored."""

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from s3im_methods.data.wording import quote, some, which

_TAG = 0x0112
_MEANING = {
    2: "mirrored from left to right",
    3: "turned by 180 degrees",
    4: "mirrored from top to bottom",
    5: "mirrored along its main diagonal",
    6: "turned by 90 degrees clockwise",
    7: "mirrored along its other diagonal",
    8: "turned by 90 degrees counterclockwise",
}
_SIDEWAYS = (5, 6, 7, 8)
# A PNG may have its EXIF data after the pixels, where Pillow finds them only by decoding all of it.
_PNG_TAIL = 1 << 16


def orientation_of(path: Path) -> tuple[int, bool]:
    """The EXIF orientation of an image file, from its header, without decoding it.

    Args:
        path: The file.

    Returns:
        The tag, 2 to 8, or 1 where there is none; and whether Pillow turns the pixels by itself, as it does with TIFF.
    """
    try:
        with open(path, "rb") as file, Image.open(file) as picture:
            exif = Image.Image.getexif(picture)
            if _TAG not in exif and picture.format == "PNG":
                file.seek(max(0, os.path.getsize(path) - _PNG_TAIL))
                _, found, data = file.read().rpartition(b"eXIf")
                exif = Image.Exif()
                exif.load(data if found else b"")
            tag = exif.get(_TAG, 1)
            return (tag if tag in _MEANING else 1), picture.format == "TIFF"
    except Exception:  # Decoders raise errors of any kind on damaged data; other checks refuse what is no image.
        return 1, False


def turned_hint(path: Path, size: tuple[int, int], wanted: tuple[int, int]) -> str | None:
    """What to do where an image has its camera's size only when turned, the end of a sentence, or None.

    Args:
        path: The file.
        size: Its width and height, in pixels.
        wanted: Those of its camera.
    """
    tag, by_pillow = orientation_of(path)
    if size != wanted[::-1] or tag not in _SIDEWAYS:
        return None
    remedy = "take that tag out of it" if by_pillow else "save it with the rotation applied"
    shown = "is read" if by_pillow else "is to be shown"
    return f", because its EXIF orientation {tag} says that it {shown} {_MEANING[tag]}: {remedy}"


def orientation_warnings(noun: str, paths: Sequence[Path]) -> list[str]:
    """A sentence if files of a scene are to be turned, and another if Pillow has turned them.

    Args:
        noun: What one file is, in the singular.
        paths: The files.
    """
    different = list(dict.fromkeys(paths))
    found = {path: orientation_of(path) for path in different}
    warnings = []
    for by_pillow in (False, True):
        bad = [path for path, (tag, turned) in found.items() if tag != 1 and turned == by_pillow]
        if not bad:
            continue
        tag = found[bad[0]][0]
        first = f"{which(len(bad))} {quote(bad[0])} ({tag}: {_MEANING[tag]})"
        count = f"{some(len(bad), len(different), noun)} {'has' if len(bad) == 1 else 'have'} an EXIF orientation"
        warnings.append(
            f"{count} and {'is' if len(bad) == 1 else 'are'} read as it says, {first}. Where poses, masks or depth "
            "belong to the pixels as they are stored, save the files without that tag."
            if by_pillow
            else f"{count} that viewers apply and training does not, {first}. Where poses, masks or depth belong to "
            "the turned pictures, save the files with the rotation applied."
        )
    return warnings
