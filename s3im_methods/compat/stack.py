"""nerfstudio lists the methods that could be installed without reading the source of every caller.

``configs/external_methods.py`` asks 26 times who made an object, with ``inspect.stack()``. Each call searches thousands
of modules for the source of each frame, which takes a second of every ns-* command's start. The frames themselves hold
the names of the functions.
"""

import inspect
import sys
from types import ModuleType
from typing import Any


def stack(context: int = 1) -> list[inspect.FrameInfo]:
    """The callers as ``inspect.stack`` lists them, without lines of source.

    Args:
        context: Not used: no source is read.

    Example:
        >>> def who():
        ...     return stack()[0].function
        >>> who()
        'who'
    """
    frames, frame = [], sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        frames.append(inspect.FrameInfo(frame, code.co_filename, frame.f_lineno, code.co_name, None, None))
        frame = frame.f_back
    return frames


def read_no_source(module: Any) -> None:
    """Let ``nerfstudio.configs.external_methods``, and no other module, use :func:`stack`.

    Args:
        module: That module.
    """
    if getattr(module, "inspect", None) is inspect:
        substitute = ModuleType("inspect", inspect.__doc__)
        vars(substitute).update({**vars(inspect), "stack": stack})
        module.inspect = substitute
