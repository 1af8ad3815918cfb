"""Warn about colours that training misreads: a PNG's transparent colour, and 16-bit images that are almost black.

Training reads three or four channels of 8 bits: Pillow gives the upper half of 16-bit colours, and leaves a PNG's
transparent colour (its tRNS chunk) opaque.
"""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from s3im_methods.data.checks.files import IMAGE_MODES
from s3im_methods.data.few_views import spread_evenly
from s3im_methods.data.wording import has, quote, some

# A sample of this size is enough.
_LOOKED_AT = 8
# Out of 255; the white of 12 bits, stored in 16, reads as 15.
_DARK = 25


def misread_colour_warnings(images: Sequence[Path]) -> list[str]:
    """What of the images' colours comes out otherwise than a viewer shows it, a sentence each.

    Args:
        images: The images of all views; those that are gone say nothing.
    """
    # Both of one look at each file: to open thousands takes seconds.
    seen = [(path, *_look_at(path)) for path in images]
    return [
        *_transparent_colour(images, [path for path, is_transparent, _ in seen if is_transparent]),
        *_dark([path for path, _, is_deep in seen if is_deep]),
    ]


def _look_at(path: Path) -> tuple[bool, bool]:
    """Whether an image has a transparent colour, and whether it has 16 bits that training reads as eight."""
    try:
        with Image.open(path) as file:
            is_transparent = file.mode in ("L", "RGB") and "transparency" in file.info
            # How the decoder is told to read the file's pixels, such as "RGB;16B".
            is_deep = file.mode in IMAGE_MODES and any(";16" in str(tile) for tile in getattr(file, "tile", ()))
            return is_transparent, is_deep
    except Exception:  # Decoders raise errors of any kind on damaged data; other checks refuse what is no image.
        return False, False


def _transparent_colour(images: Sequence[Path], found: Sequence[Path]) -> list[str]:
    # A colour that no pixel has does no harm.
    clear = [path for path in _a_few(found) if _is_somewhere_clear(path)]
    if not clear:
        return []
    return [
        f"{some(len(found), len(images), 'image')} {has(len(found))} a transparent colour (tRNS), for instance "
        f"{quote(clear[0])}. Training treats it as opaque: save such images as RGBA."
    ]


def _dark(found: Sequence[Path]) -> list[str]:
    deep = _a_few(found)
    brightest = max(map(_brightest, deep), default=255)
    if brightest > _DARK:
        return []
    return [
        f"16-bit images such as {quote(deep[0])} are almost black: no pixel exceeds {brightest / 255:.0%} of white in "
        f"the {len(deep)} of {len(found)} that were looked at. If they hold values of 12 bits, scale these to 65535, "
        "or save them as 8-bit RGB."
    ]


def _a_few(images: Sequence[Path]) -> list[Path]:
    return [images[place] for place in spread_evenly(min(_LOOKED_AT, len(images)), len(images))]


def _is_somewhere_clear(path: Path) -> bool:
    try:
        with Image.open(path) as file:
            return file.convert("RGBA").getchannel("A").getextrema()[0] == 0
    except Exception:  # As above.
        return False


def _brightest(path: Path) -> int:
    """Of all channels but alpha, from 0 to 255; 255 where the file cannot be read."""
    try:
        with Image.open(path) as file:
            return max(high for _, high in file.convert("RGB").getextrema())  # type: ignore[misc]
    except Exception:  # As above.
        return 255
