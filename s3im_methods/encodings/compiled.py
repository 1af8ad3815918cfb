"""The decorator of all CPU kernels: Numba compiles on first use, and keeps the result where it can.

Numba keeps compiled code in the folder ``NUMBA_CACHE_DIR``, else in ``__pycache__`` beside the source, else in the
user's cache folder. Where it can write to none of them (a read-only container without a home), it raises a RuntimeError
as soon as a function is decorated.
"""

import functools
from collections.abc import Callable
from typing import Any

import numba
from nerfstudio.utils.rich_utils import CONSOLE


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a kernel, which then runs without the GIL and divides by zero as numpy does.

    Numba's cache notices changes of the kernel's own file only: after one of ``options`` in another file, or of those
    given here, clear it.

    Args:
        options: More options of ``numba.njit``, such as ``fastmath`` and ``inline``.
    """
    options = {"nogil": True, "error_model": "numpy", **options}

    def decorate(kernel: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return numba.njit(cache=True, **options)(kernel)
        except RuntimeError:
            _say_that_nothing_is_kept()
            return numba.njit(**options)(kernel)

    return decorate


@functools.cache
def _say_that_nothing_is_kept() -> None:
    CONSOLE.print(
        "[yellow]Compiled kernels cannot be kept: each start takes seconds longer. Set NUMBA_CACHE_DIR to a folder "
        "that can be written.[/yellow]"
    )
