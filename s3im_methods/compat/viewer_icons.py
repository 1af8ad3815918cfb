"""The viewer's icons are found in one pass through viser's archive.

``viser/_icons.py`` opens a tar of thousands of icons for each of the viewer's 17 buttons and tabs, and reads the header
of every member to find one. That is half a second of each start with a viewer.
"""

import functools
import io
import tarfile
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any


def find_icons_once(module: Any) -> None:
    """Let ``viser._icons``, and no other module, keep the list of its archive's members.

    Args:
        module: ``viser._icons``.
    """
    if getattr(module, "tarfile", None) is tarfile:
        module.tarfile = SimpleNamespace(open=_listed)


@functools.cache
def _listed(path: Path) -> "_ListedArchive":
    return _ListedArchive(path)


class _ListedArchive:
    """As much of an open ``tarfile.TarFile`` as viser uses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with tarfile.open(path) as archive:
            self.places = {member.name: (member.offset_data, member.size) for member in archive if member.isfile()}

    def extractfile(self, name: str) -> io.BytesIO:
        start, size = self.places[name]
        with self.path.open("rb") as file:
            file.seek(start)
            return io.BytesIO(file.read(size))

    def __enter__(self) -> "_ListedArchive":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass
