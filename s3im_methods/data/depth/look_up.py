"""Pair images with what lies elsewhere under their names: by the path below their folder, not by the bare name."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path, PurePath

from s3im_methods.data.depth.depth_files import ENDINGS
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

Find = Callable[[tuple[str, ...], str], list[str]]


def pair_by_path(names: Sequence[str], find: Find, noun: str, remedy: str) -> dict[str, str]:
    """Find one thing for each name, by as many of the name's folders as possible.

    A thing under fewer folders than tell the names apart is taken only where no other name could mean it.

    Args:
        names: Paths of images or depth maps, all different.
        find: What is there under some folders and a file's name.
        noun: What is looked for, for sentences.
        remedy: What to do where it is ambiguous.

    Returns:
        What was found, by the name.

    Raises:
        InputError: If several things answer for one name, or one thing for several names.
    """
    split = {name: _parts(name) for name in names}
    folders = [parts[:-1] for parts in split.values()]
    same = [len(set(level)) == 1 for level in zip(*folders, strict=False)]
    common = [*same, False].index(False)
    found: dict[str, str] = {}
    claims: dict[str, list[str]] = defaultdict(list)
    complete: set[str] = set()
    for name, parts in split.items():
        for start in range(len(parts)):
            things = find(parts[start:-1], parts[-1])
            if len(things) > 1 and name not in found:
                raise InputError(
                    f"Both {quote(things[0])} and {quote(things[1])} could be the {noun} of {quote(name)}: {remedy}."
                )
            for thing in things:
                claims[thing].append(name)
            if things and name not in found:
                found[name] = things[0]
                if start <= common:
                    complete.add(name)
    for name, thing in list(found.items()):
        claimants = [other for other in claims[thing] if other != name]
        owners = [other for other in claimants if other in complete and found[other] == thing]
        if owners and name not in complete:
            del found[name]
        elif rivals := owners if name in complete else claimants:
            one, other = sorted((name, rivals[0]), key=names.index)
            raise InputError(f"{quote(thing)} could be the {noun} of {quote(one)} and of {quote(other)}: {remedy}.")
    return found


def files_in(folder: Path) -> Find:
    """What :func:`pair_by_path` finds in a folder: maps of the same path but for the ending.

    The ending may replace the image's or follow it, letters may differ in case where nothing fits exactly, and folders
    may be joined to the name by underscores, as ``s3im render-depth`` writes them.

    Args:
        folder: Where the files are, in folders as the images or all in one.
    """

    @cache
    def listed(place: Path) -> dict[str, list[str]]:
        bases: dict[str, list[str]] = defaultdict(list)
        for name in _names(place):
            base, ending = os.path.splitext(name)
            if ending.lower() in ENDINGS and (place / name).is_file():
                bases[_key(base)].append(str(place / name))
        return bases

    @cache
    def in_any_case(place: Path) -> dict[str, list[str]]:
        bases: dict[str, list[str]] = defaultdict(list)
        for base, paths in listed(place).items():
            bases[base.casefold()] += paths
        return bases

    @cache
    def inside(folders: tuple[str, ...]) -> Path:
        if not folders:
            return folder
        above = inside(folders[:-1])
        return above / next((name for name in _names(above) if _key(name) == folders[-1]), folders[-1])

    def find(folders: tuple[str, ...], name: str) -> list[str]:
        place = inside(folders)
        wanted = [_key(base) for base in dict.fromkeys((name, os.path.splitext(name)[0]))]
        joined = [_key("_".join((*folders, base))) for base in wanted] if folders else []
        for table, fold in ((listed, str), (in_any_case, str.casefold)):
            exact = [path for base in wanted for path in table(place).get(fold(base), [])]
            exact += [path for base in joined for path in table(folder).get(fold(base), [])]
            if exact:
                return exact
        return []

    return find


def names_among(known: Sequence[str]) -> Find:
    """What :func:`pair_by_path` finds among other paths of images: those that end in the folders and the name.

    Args:
        known: For instance the names of the images in a COLMAP model.
    """
    by_ending: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for other in known:
        parts = _parts(other)
        for start in range(len(parts)):
            by_ending[parts[start:]].append(other)
    return lambda folders, name: by_ending.get((*folders, name), [])


def _parts(name: str) -> tuple[str, ...]:
    path = PurePath(name)
    return tuple(_key(part) for part in path.parts if part not in ("..", path.anchor))


def _key(text: str) -> str:
    # File systems differ in how they write an accented letter.
    return unicodedata.normalize("NFC", text)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
