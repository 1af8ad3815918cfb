"""A quick start of the commands that import nerfstudio."""

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def imports_that_stay() -> Iterator[None]:
    """While it is open, the garbage collector waits; afterwards it leaves alone all that is there.

    Imports make a million objects that live as long as the process. The collector went through them dozens of times
    during a start, once more at the process's end, and now and then while a method trained. Where nerfstudio has been
    imported before, nothing is done: by then there may be models too, which are to go.
    """
    if "nerfstudio" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        atexit.register(_leave)


def _leave() -> None:
    # nanobind, with which triton is bound, complains of whatever of it is left at the end.
    if "triton._C.libtriton" in sys.modules:
        gc.unfreeze()
