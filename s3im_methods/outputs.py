"""Where results are written: looked at before the work, and nothing half-written afterwards."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

_LONGEST_NAME = 255
# More than what such a library or the file system may have kept back when a write failed.
_ROOM = 1 << 16
_PLACE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)


def check_output_folder(path: Path, flag: str) -> Path:
    """See that a folder is there or can be made, and can be written to; nothing is made yet.

    Args:
        path: As the user gave it; ``~`` stands for the home folder.
        flag: Which gives it, for the sentence.

    Returns:
        The path without ``~``.

    Raises:
        InputError: If files cannot be written there.
    """
    path = _expanded(path)
    _check_names(path, flag)
    if os.path.lexists(path) and not os.path.isdir(path):
        what = _broken_link(path) or "a file"
        raise InputError(f"{flag} is {quote(path)}, which is {what}: give a folder.")
    _check_writable(path, flag)
    return path


def check_output_file(path: Path, flag: str, suffixes: tuple[str, ...] = ()) -> Path:
    """See that a file can be written; nothing is made yet.

    Args:
        path: As the user gave it; ``~`` stands for the home folder.
        flag: Which gives it, for the sentence.
        suffixes: How its name may end, in small letters; any ending is fine by default.

    Returns:
        The path without ``~``.

    Raises:
        InputError: If it cannot be written.
    """
    path = _expanded(path)
    _check_names(path, flag)
    if os.path.isdir(path):
        example = f"{quote(path / ('output' + suffixes[0]))}" if suffixes else "a file in it"
        raise InputError(f"{flag} is {quote(path)}, which is a folder: give a file, for instance {example}.")
    if suffixes and path.suffix.lower() not in suffixes:
        example = path.with_suffix(suffixes[0]) if path.name else Path(f"output{suffixes[0]}")
        has = f"ends in {path.suffix}" if path.suffix else "has no ending"
        known = ", ".join(suffixes[:8]) + (", ..." if len(suffixes) > 8 else "")
        raise InputError(f"{flag} is {quote(path)}, which {has}: give one of {known}, for instance {quote(example)}.")
    target = _target(path, flag)
    if target.exists() and not os.access(target, os.W_OK):
        raise InputError(f"{flag} is {quote(path)}, which exists and cannot be written: give another file.")
    _check_writable(target.parent, flag)
    return path


def check_picture_file(path: Path, flag: str) -> Path:
    """:func:`check_output_file` for a picture, in any format that Pillow writes."""
    from PIL import Image

    Image.init()
    known = sorted(ending for ending, name in Image.registered_extensions().items() if name in Image.SAVE)
    usual = [ending for ending in (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff") if ending in known]
    return check_output_file(path, flag, (*usual, *(ending for ending in known if ending not in usual)))


@contextmanager
def written(path: Path, failures: tuple[type[Exception], ...] = (OSError,)) -> Iterator[Path]:
    """Write a file such that it appears whole, with whatever is written beside it, or not at all.

    Args:
        path: The file; its folder is made where it is missing.
        failures: Exceptions that mean that it could not be written.

    Yields:
        The path to write to: a file of the same name in a temporary folder beside.

    Raises:
        InputError: If it cannot be written; an earlier file of that name is then left as it was.
    """
    stage = None
    try:
        path = Path(os.path.realpath(path))
        if path.exists() and not path.is_file():
            # A device or a pipe, which cannot be replaced.
            yield path
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=".writing-", dir=path.parent))
        yield stage / path.name
        for file in stage.iterdir():
            _flush_to_disk(file)
        for file in stage.iterdir():
            os.replace(file, path.parent / file.name)
    except InputError:
        raise
    except failures as error:
        raise cannot_write(path, error) from error
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)


def refuse_cut_off(path: Path) -> None:
    """See that a file is whole that a library has written which says nothing of a full disk, such as Open3D.

    Args:
        path: The file, which nobody has changed since.

    Raises:
        OSError: If it could not be longer, so that its end may be missing.
    """
    length = path.stat().st_size
    with path.open("r+b") as file:
        try:
            file.seek(length)
            _take_room(file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        finally:
            file.truncate(length)


def cannot_write(place: Path, error: Exception) -> InputError:
    """The sentence for a write that failed.

    Args:
        place: Where.
        error: What came of it.
    """
    return InputError(f"{quote(place)} cannot be written ({reason(error)}): {_remedy(error)}.")


def is_about_the_place(error: BaseException) -> bool:
    """Whether an error says that something could not be written where it should be, for instance a full disk."""
    return isinstance(error, OSError) and error.errno in _PLACE_ERRORS


def reason(error: Exception) -> str:
    """An error in a few words.

    Example:
        >>> reason(OSError(28, "No space left on device", "a.json"))
        'No space left on device'
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]


def why_not_written(error: Exception, folder: Path) -> str:
    """Why a library could not write, in a few words, also where it says something else of a full disk, as torch does.

    Args:
        error: What it raised.
        folder: Where it wrote, with what it has left there.
    """
    if not isinstance(error, OSError):
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                _take_room(file)
        except OSError as found:
            return reason(found)
    return reason(error)


def _take_room(file: BinaryIO) -> None:
    """Write so much to a disk that a full one says so."""
    file.write(bytes(_ROOM))
    file.flush()
    os.fsync(file.fileno())


def _remedy(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return "give another place"
    return "free space there, or give another place"


def _expanded(path: Path) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _check_names(path: Path, flag: str) -> None:
    for name in path.parts:
        if len(os.fsencode(name)) > _LONGEST_NAME:
            raise InputError(
                f"{flag} contains the name {quote(name[:20] + '...')} of {len(name)} letters, which is too long for "
                "file systems: give a shorter one."
            )


def _broken_link(path: Path) -> str | None:
    if os.path.islink(path) and not os.path.exists(path):
        return f"a link to {quote(os.readlink(path))}, where nothing is"
    return None


def _target(path: Path, flag: str) -> Path:
    """The file that a link leads to, or the path itself."""
    if not os.path.islink(path):
        return path
    target = Path(os.path.realpath(path))
    if not os.path.isdir(target.parent) or os.path.islink(target):
        raise InputError(f"{flag} is {quote(path)}, which is {_broken_link(path)}: give another file.")
    return target


def _check_writable(folder: Path, flag: str) -> None:
    """Look at the folder, or at the nearest one above it that is there."""
    place = folder.absolute()
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not os.path.isdir(place):
        what = _broken_link(place) or "a file"
        raise InputError(f"{flag} leads through {quote(place)}, which is {what}, not a folder: give another place.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"{flag} leads into {quote(place)}, where you may not write: give another place.")


def _flush_to_disk(path: Path) -> None:
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())
