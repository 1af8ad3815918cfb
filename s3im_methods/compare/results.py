"""What a comparison's folder is about: the file compare.json."""

import json
from pathlib import Path
from typing import Any

from s3im_methods.errors import InputError


def read_about(out: Path) -> dict[str, Any] | None:
    """What compare.json holds; None where there is none."""
    path = out / "compare.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def write_about(out: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Write compare.json; methods, scenes, seeds and axes of an earlier call for the same folder stay listed.

    Args:
        out: The comparison's folder.
        about: command, methods, scenes, seeds, axes, steps, seconds and fixed.

    Returns:
        What was written.

    Raises:
        InputError: If the folder holds runs that were trained or judged otherwise.
    """
    earlier = read_about(out)
    if earlier is not None:
        if earlier["fixed"] != about["fixed"]:
            changed = [key for key in about["fixed"] if earlier["fixed"].get(key) != about["fixed"][key]]
            raise InputError(
                f"'{out}' holds runs with other {' and '.join(changed)}, made by: {earlier['command']}; give the same, "
                "or another --output-dir."
            )
        about = {
            **about,
            **{key: _joined(earlier[key], about[key]) for key in ("methods", "scenes", "seeds")},
            "axes": {
                axis: _joined(earlier["axes"].get(axis, []), about["axes"].get(axis, []))
                for axis in _joined(list(earlier["axes"]), list(about["axes"]))
            },
        }
    out.mkdir(parents=True, exist_ok=True)
    staging = out / ".compare.json"
    staging.write_text(json.dumps(about, indent=1), encoding="utf-8")
    staging.replace(out / "compare.json")
    return about


def _joined(first: list, second: list) -> list:
    return list(dict.fromkeys([*first, *second]))
