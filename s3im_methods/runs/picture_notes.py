"""A note inside a PNG file that says which run it shows, so that the picture is found again under any name."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

_KEY = "s3im"


def save_with_note(picture: "Image.Image", path: Path, note: dict[str, Any]) -> None:
    """Save a picture; in PNG files, the only ones that can hold it, with a note.

    Args:
        picture: The picture.
        path: Where.
        note: Plain values.
    """
    if path.suffix.lower() != ".png":
        picture.save(path)
        return
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text(_KEY, json.dumps(note))
    picture.save(path, pnginfo=info)


def read_note(path: Path) -> dict[str, Any] | None:
    """The note of a picture, or None if it has none."""
    from PIL import Image

    try:
        with Image.open(path) as picture:
            found = json.loads(picture.info.get(_KEY, "null"))
    except (OSError, ValueError, TypeError, SyntaxError, Image.DecompressionBombError):
        return None
    return found if isinstance(found, dict) else None
