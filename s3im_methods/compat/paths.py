"""A config.yml with the paths of another system can be read.

nerfstudio writes paths into config.yml as Python objects of the system's own class. A run from Windows therefore raises
"cannot instantiate 'WindowsPath'" elsewhere. One that Python 3.13 wrote names the module ``pathlib._local``, which
other versions of Python do not have.
"""

from pathlib import Path, PureWindowsPath
from typing import Any

import yaml

_TAG = "tag:yaml.org,2002:python/object/apply:"


def read_paths_of_other_systems() -> None:
    """Let nerfstudio's YAML loader read the paths of every system and Python as paths of this one."""
    for module in ("pathlib", "pathlib._local"):
        for name, is_windows in (("WindowsPath", True), ("PureWindowsPath", True), ("PosixPath", False)):
            yaml.add_constructor(f"{_TAG}{module}.{name}", _path_of(is_windows), Loader=yaml.Loader)


def _path_of(is_windows: bool) -> Any:
    def construct(loader: yaml.Loader, node: yaml.SequenceNode) -> Path:
        parts = [str(part) for part in loader.construct_sequence(node)]
        return Path(PureWindowsPath(*parts).as_posix()) if is_windows else Path(*parts)

    return construct
