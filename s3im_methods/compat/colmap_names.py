"""COLMAP's images.txt has one name a line, which may hold spaces; nerfstudio reads it up to the first of them.

``colmap_parsing_utils.read_images_text`` splits the whole line: ``image_name = elems[9]``. COLMAP writes names as they
are, and its binary files, whose names end in a zero, are read right. We found no issue of nerfstudio's that reports it.
"""

import functools
from pathlib import Path
from typing import Any

from nerfstudio.data.utils import colmap_parsing_utils

_FIELDS_BEFORE = 9


def read_whole_names() -> None:
    """Let nerfstudio read names with spaces from COLMAP's text files."""
    read = colmap_parsing_utils.read_images_text
    if hasattr(read, "__wrapped__"):
        return

    @functools.wraps(read)
    def with_whole_names(path: str | Path) -> dict[int, Any]:
        names = _names(Path(path))
        return {number: image._replace(name=names[number]) for number, image in read(path).items()}

    colmap_parsing_utils.read_images_text = with_whole_names


def _names(path: Path) -> dict[int, str]:
    found = {}
    # As nerfstudio opens it.
    with open(path) as lines:
        for line in lines:
            if line.strip() and not line.strip().startswith("#"):
                parts = line.strip().split(maxsplit=_FIELDS_BEFORE)
                # A line that lacks a name is left for nerfstudio to stumble over.
                if len(parts) > _FIELDS_BEFORE:
                    found[int(parts[0])] = parts[_FIELDS_BEFORE]
                next(lines, None)
    return found
