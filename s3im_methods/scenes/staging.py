"""A folder that appears complete or not at all."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from s3im_methods.errors import InputError

GENERATOR = "s3im scene"
"""Value of the key "generator" in transforms.json that marks a folder as ours, hence as safe to replace."""

MARKER = "scene.json"
"""File that marks a folder in whose layout there is no transforms.json."""


def check_target(out: Path, overwrite: bool) -> None:
    """Refuse a target that holds something we may not replace.

    Raises:
        InputError: If ``out`` is a file, or a non-empty folder that may not or must not be overwritten.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"'{out}' is a file: give a folder for the scene.")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not overwrite:
        raise InputError(f"The folder '{out}' is not empty: give another one, or --overwrite to replace it.")
    if not _is_ours(out):
        raise InputError(f"The folder '{out}' was not written by `{GENERATOR}` and is not replaced: give another one.")


def _is_ours(folder: Path) -> bool:
    return any(_names_us(folder / name) for name in ("transforms.json", MARKER))


def _names_us(path: Path) -> bool:
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(meta, dict) and meta.get("generator") == GENERATOR


@contextmanager
def staged_folder(out: Path, overwrite: bool) -> Iterator[Path]:
    """Give a temporary folder beside ``out`` that takes its place at the end, and vanishes on any exception.

    Raises:
        InputError: If the target may not be replaced (see :func:`check_target`) or the disk refuses.
    """
    out = out.expanduser().resolve()
    stage = out.parent / f".{out.name}.partial-{os.getpid()}"
    try:
        check_target(out, overwrite)
        stage.mkdir(parents=True)
        yield stage
        _replace(stage, out)
    except OSError as error:
        raise InputError(f"The scene cannot be written to '{out}' ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _replace(stage: Path, out: Path) -> None:
    old = out.parent / f".{out.name}.old-{os.getpid()}"
    if out.exists():
        out.rename(old)
    try:
        stage.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
