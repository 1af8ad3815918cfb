"""What a comparison's folder is about: the file compare.json, and that one comparison at a time works there."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s3im_methods.errors import InputError


def read_about(out: Path) -> dict[str, Any] | None:
    """What compare.json holds; None where there is none.

    Raises:
        InputError: If it cannot be read.
    """
    path = out / "compare.json"
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found["fixed"], dict):
            return found
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise InputError(
        f"'{path}' cannot be read: put the file back that s3im compare wrote, or give another --output-dir."
    )


def refuse_others(out: Path, fixed: dict[str, Any]) -> None:
    """Refuse a folder that holds something else.

    Args:
        out: The comparison's folder.
        fixed: What all its runs have in common.

    Raises:
        InputError: If the folder holds runs that were trained or judged otherwise.
    """
    earlier = read_about(out)
    if earlier is None or earlier["fixed"] == fixed:
        return
    changed = [key for key in fixed if earlier["fixed"].get(key) != fixed[key]]
    raise InputError(
        f"'{out}' holds runs with other {' and '.join(changed)}, made by: {earlier['command']}; give the same, "
        "or another --output-dir."
    )


def write_about(out: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Write compare.json; methods, scenes, seeds and axes of an earlier call for the same folder stay listed.

    Args:
        out: The comparison's folder.
        about: command, methods, scenes, seeds, axes, steps, seconds, fixed, and sources: of each scene what it is made
            of.

    Returns:
        What was written.

    Raises:
        InputError: If the folder holds runs that were trained or judged otherwise, or on another scene of that name.
    """
    refuse_others(out, about["fixed"])
    earlier = read_about(out)
    if earlier is not None:
        sources = earlier.get("sources", {})
        for scene, source in about["sources"].items():
            if sources.get(scene, source) != source:
                raise InputError(
                    f"'{out}' holds runs on another scene '{scene}', or that scene has changed since: give another "
                    "--output-dir."
                )
        about = {
            **about,
            **{key: _joined(earlier[key], about[key]) for key in ("methods", "scenes", "seeds")},
            "axes": {
                axis: _joined(earlier["axes"].get(axis, []), about["axes"].get(axis, []))
                for axis in _joined(list(earlier["axes"]), list(about["axes"]))
            },
            "sources": {**sources, **about["sources"]},
        }
    staging = out / ".compare.json"
    staging.write_text(json.dumps(about, indent=1), encoding="utf-8")
    staging.replace(out / "compare.json")
    return about


@contextlib.contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Work in a comparison's folder while no other comparison does; one that stays empty is removed again.

    Args:
        out: The comparison's folder, which is made if need be.

    Raises:
        InputError: If another one is at work there, or nothing can be written there.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = os.open(out, os.O_RDONLY)
    except OSError as error:
        raise InputError(f"Nothing can be written to '{out}' ({error.strerror}): give another --output-dir.") from None
    try:
        # It goes with our process, however that ends.
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        raise InputError(
            f"Another s3im compare is at work in '{out}': wait until it has ended, or give another --output-dir."
        ) from None
    try:
        if not os.access(out, os.W_OK | os.X_OK):
            raise InputError(f"Nothing can be written to '{out}' (permission denied): give another --output-dir.")
        yield
    finally:
        with contextlib.suppress(OSError):
            out.rmdir()
        os.close(folder)


def _joined(first: list, second: list) -> list:
    return list(dict.fromkeys([*first, *second]))
