"""The ``ns-export`` command that is running, with its flags.

nerfstudio's commands load their pipeline in the middle of ``main``, and hand it nothing of their flags. What they ask
for is therefore looked up in the frame that loads the pipeline, so that it can be refused before any work.
"""

import dataclasses
import inspect
import sys
from typing import Any

_MODULES = ("nerfstudio.scripts.exporter", "__main__")


def running_export() -> Any | None:
    """The instance of nerfstudio's ``Exporter`` whose ``main`` is calling, or None."""
    classes = tuple(
        module.Exporter for name in _MODULES if (module := sys.modules.get(name)) and hasattr(module, "Exporter")
    )
    frame = inspect.currentframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if frame.f_code.co_name == "main" and isinstance(owner, classes):
            return owner
        frame = frame.f_back
    return None


def flag(name: str) -> str:
    """A field's name as the user types it: ``num_points`` is ``--num-points``."""
    return "--" + name.replace("_", "-")


def is_given(command: Any, name: str) -> bool:
    """Whether the user asks for a field's value: it is another than the default, or stands in the command line.

    Args:
        command: A dataclass.
        name: One of its fields.
    """
    field = next(field for field in dataclasses.fields(command) if field.name == name)
    made = field.default_factory
    default = field.default if made is dataclasses.MISSING else made()
    words = (word.split("=")[0].replace("_", "-") for word in sys.argv[1:])
    return getattr(command, name) != default or flag(name) in words
