"""What a comparison's folder is about: the file compare.json, and that one comparison at a time works there."""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from s3im_methods.errors import InputError

_KINDS = {"command": str, "methods": list, "scenes": list, "seeds": list, "axes": dict, "fixed": dict}


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
        if isinstance(found, dict) and all(isinstance(found.get(key), kind) for key, kind in _KINDS.items()):
            return found
    except (OSError, ValueError):
        pass
    raise InputError(
        f"'{path}' cannot be read: put the file back that s3im compare wrote, or give another --output-dir."
    )


def refuse_others(
    out: Path, fixed: dict[str, Any], sources: dict[str, str], judged: dict[str, dict[str, list]]
) -> None:
    """Refuse a folder that holds something else.

    Args:
        out: The comparison's folder.
        fixed: What all its runs have in common.
        sources: Of each scene what it is made of.
        judged: Of each scene the views and the scales by which its runs are judged.

    Raises:
        InputError: If the folder holds runs that were trained or judged otherwise, or on another scene of that name.
    """
    earlier = read_about(out)
    if earlier is None:
        return
    if earlier["fixed"] != fixed:
        changed = [key for key in fixed if earlier["fixed"].get(key) != fixed[key]]
        raise InputError(
            f"'{out}' holds runs with other {' and '.join(changed)}, made by: {earlier['command']}; give the same, "
            "or another --output-dir."
        )
    for scene, source in sources.items():
        if earlier.get("sources", {}).get(scene, source) != source:
            raise InputError(
                f"'{out}' holds runs on another scene '{scene}', or that scene, its split or its scale has changed: "
                "give another --output-dir."
            )
    for scene, now in judged.items():
        # Older folders do not record it.
        then = earlier.get("judged", {}).get(scene, now)
        changed = [key for key in now if then.get(key, now[key]) != now[key]]
        if changed:
            raise InputError(
                f"'{out}' holds runs that were evaluated with other {' and '.join(changed)} of the scene '{scene}', "
                f"made by: {earlier['command']}; give the same, or another --output-dir."
            )


def write_about(out: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Write compare.json; methods, scenes, seeds and axes of an earlier call for the same folder stay listed.

    Args:
        out: The comparison's folder.
        about: command, methods, scenes, seeds, axes, steps, seconds, fixed; and by scene: sources, what it is made of;
            judged, the views and scales that its runs are evaluated with; trained_on, how many of these views are
            trained on too.

    Returns:
        What was written.

    Raises:
        InputError: If the folder holds runs that were trained or judged otherwise, or on another scene of that name.
    """
    refuse_others(out, about["fixed"], about["sources"], about["judged"])
    earlier = read_about(out)
    if earlier is not None:
        about = {
            **about,
            **{key: _joined(earlier[key], about[key]) for key in ("methods", "scenes", "seeds")},
            "axes": {
                axis: _joined(earlier["axes"].get(axis, []), about["axes"].get(axis, []))
                for axis in _joined(list(earlier["axes"]), list(about["axes"]))
            },
            **{key: {**earlier.get(key, {}), **about[key]} for key in ("sources", "judged", "trained_on")},
        }
    staging = out / ".compare.json"
    staging.write_text(json.dumps(about, indent=1), encoding="utf-8")
    staging.replace(out / "compare.json")
    return about


@contextlib.contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Work in a comparison's folder while no other comparison does.

    Args:
        out: The comparison's folder, which is made if need be, and removed again where nothing came into it.

    Raises:
        InputError: If another one is at work there, or nothing can be written there.
    """
    is_new = not out.exists()
    path = out / ".lock"
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as error:
        raise InputError(f"Nothing can be written to '{out}' ({error.strerror}): give another --output-dir.") from None
    with lock:
        try:
            # The lock goes with our process, however that ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"Another s3im compare is at work in '{out}': wait until it has ended, or give another --output-dir."
            ) from None
        except OSError:
            # Not every file server has locks; there, nobody watches.
            pass
        try:
            yield
        finally:
            if is_new and list(out.iterdir()) == [path]:
                path.unlink()
                out.rmdir()


def _joined(first: list, second: list) -> list:
    return list(dict.fromkeys([*first, *second]))
