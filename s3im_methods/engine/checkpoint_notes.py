"""A checkpoint carries the settings that it was trained with, so that files of two runs that got mixed are told apart.

Names and shapes of parameters do not tell: NeuS's and VolSDF's are the same, and mean something else. The notes are a
small JSON file in the zip file that a checkpoint is, which torch and nerfstudio leave alone.
"""

import json
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3im_methods.data.wording import quote
from s3im_methods.engine.leaves import equal, flag, leaves

_FILE = "s3im_methods.json"
# What may differ from one part of a run to the next, and what a trainer writes into its configuration.
_FREE = ("eval_num_", "eval_image_indices", "_target", "seed", "num_processes", "queue_size", "max_thread_workers")
_MOST_NAMED = 6


@dataclass(frozen=True)
class Notes:
    """What a run's configuration says of its data, its model and how that learns.

    Args:
        method: The method's name.
        model: Its model's class.
        settings: Of pipeline and optimizers, by their paths; those that are numbers, words, paths or lists of them.
    """

    method: str
    model: str
    settings: dict[str, Any]


def notes_of(config: Any) -> Notes:
    """What a checkpoint of this run carries.

    Args:
        config: The run's.
    """
    settings = (*leaves(config.pipeline, "pipeline"), *leaves(config.optimizers, "optimizers"))
    plain = {name: _plain(value) for name, value in settings if _is_plain(value)}
    return Notes(str(config.method_name), config.pipeline.model._target.__qualname__, plain)


def write_notes(checkpoint: Path, notes: Notes) -> None:
    """Put notes into a checkpoint that torch has just written."""
    with zipfile.ZipFile(checkpoint, "a") as archive:
        # torch reads the files of one folder.
        folder = archive.namelist()[0].partition("/")[0]
        archive.writestr(f"{folder}/{_FILE}", json.dumps(vars(notes)))


def read_notes(checkpoint: Path) -> Notes | None:
    """The notes in a checkpoint; None for one of nerfstudio's or of an older version, and for a damaged one."""
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            folder = archive.namelist()[0].partition("/")[0]
            found = json.loads(archive.read(f"{folder}/{_FILE}"))
        return Notes(str(found["method"]), str(found["model"]), dict(found["settings"]))
    except (OSError, zipfile.BadZipFile, LookupError, TypeError, ValueError):
        return None


def differences(then: Notes, now: Notes, part: str = "") -> str | None:
    """The settings that differ, for a sentence; None where all are equal.

    Args:
        then: With which a checkpoint was trained.
        now: With which it is loaded.
        part: The beginning of the paths that count.
    """
    found = sorted(
        f"{flag(name)} (was {quote(then.settings[name])}, is {quote(now.settings[name])})"
        for name in then.settings.keys() & now.settings.keys()
        if name.startswith(part) and not _is_free(name) and not _is_same(name, then.settings[name], now.settings[name])
    )
    more = f", and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return f"{', '.join(found[:_MOST_NAMED])}{more}" if found else None


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | Path)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _is_free(name: str) -> bool:
    return any(part.startswith(_FREE) for part in name.split("."))


def _is_same(name: str, one: Any, other: Any) -> bool:
    if name.endswith(".data") and isinstance(one, str) and isinstance(other, str):
        # A scene may be moved.
        return Path(one).absolute().name == Path(other).absolute().name
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6) or (one != one and other != other)
    return equal(one, other)
