"""The decorator of all CPU kernels: Numba compiles on first use, and keeps the result where it can.

Numba keeps compiled code in the folder ``NUMBA_CACHE_DIR``, else in ``__pycache__`` beside the source, else in the
user's cache folder. Where it can write to none of them (a read-only container without a home), it raises a RuntimeError
as soon as a function is decorated. Where that disk is full or a quota used up, it raises an OSError in the midst of the
first call.

Numba compiles what a kernel calls into the kernel, and compiles it again only if the kernel's own file has changed
(numba/numba#1833). So after an update of a file that it imports, the old code would run without a word. Here what is
kept counts only while all files are the same that the kernel's file imports from its package, and those that they
import.
"""

import functools
import hashlib
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from s3im_methods.console import warn


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a kernel, which then runs without the GIL and divides by zero as numpy does.

    Args:
        options: More options of ``numba.njit``, such as ``fastmath`` and ``inline``.
    """
    options = {"nogil": True, "error_model": "numpy", **options}

    def decorate(kernel: Callable[..., Any]) -> Callable[..., Any]:
        try:
            dispatcher = numba.njit(cache=True, **options)(kernel)
        except RuntimeError:
            _say_that_nothing_is_kept()
            return numba.njit(**options)(kernel)
        stamp = _stamp(Path(kernel.__code__.co_filename), kernel.__module__)
        dispatcher._cache._cache_file._source_stamp = stamp  # type: ignore[attr-defined]
        _keep_what_can_be_kept(dispatcher._cache)  # type: ignore[attr-defined]
        return dispatcher

    return decorate


@functools.cache
def _stamp(source: Path, module: str) -> str:
    """Hash of ``source``, of this file, and of all that ``source`` imports from its own package, directly or not.

    Args:
        source: File of kernels.
        module: Its name, whose first part is the package.
    """
    package = re.escape(module.partition(".")[0])
    imported = re.compile(rf"^(?:from|import) ({package}\.[\w.]+)", re.MULTILINE)
    files, waiting = set[Path](), [source, Path(__file__)]
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.add(file)
            found = map(importlib.util.find_spec, imported.findall(file.read_text(encoding="utf-8")))
            waiting += [Path(spec.origin) for spec in found if spec and spec.origin]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in sorted(files))).hexdigest()


def _keep_what_can_be_kept(cache: Any) -> None:
    """Let a kernel run that cannot be read from the disk or written to it, and say why a start takes long.

    Args:
        cache: Numba's, of one kernel.
    """
    load, save = cache.load_overload, cache.save_overload

    def load_or_compile(*args: Any) -> Any:
        found = None
        try:
            found = load(*args)
        except OSError as error:
            _say_that_nothing_is_kept(error.strerror)
        if found is None:
            _say_that_kernels_are_compiled()
        return found

    def save_if_possible(*args: Any) -> None:
        try:
            save(*args)
        except OSError as error:
            _say_that_nothing_is_kept(error.strerror)

    cache.load_overload, cache.save_overload = load_or_compile, save_if_possible


@functools.cache
def _say_that_nothing_is_kept(reason: str | None = None) -> None:
    why = f" ({reason})" if reason else ""
    warn(
        f"Compiled kernels cannot be kept{why}: each start takes seconds longer. Set NUMBA_CACHE_DIR to a folder "
        "that can be written."
    )


@functools.cache
def _say_that_kernels_are_compiled() -> None:
    # Some commands print JSON to stdout.
    print("Kernels are compiled for this machine, which takes some seconds.", file=sys.stderr, flush=True)
