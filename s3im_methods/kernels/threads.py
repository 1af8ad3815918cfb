"""Kernels that hold no GIL, side by side on torch's own threads.

torch's operators leave OpenMP's threads spinning for more work. Threads of our own would fight with these for the
cores; so where torch brings GNU's OpenMP, which it does for Linux, its team is asked to do our work too.
"""

import ctypes
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import torch

Work = Callable[[int, int], None]

_process = os.getpid()
_pool: tuple[int, int, ThreadPoolExecutor] | None = None
_TASK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def in_ranges(count: int, work: Work) -> None:
    """Call ``work(first, last)`` on one range of ``range(count)`` per torch thread, side by side."""
    threads = min(torch.get_num_threads(), count)
    if threads <= 1:
        work(0, count)
        return
    bounds = [count * k // threads for k in range(threads + 1)]
    ranges = list(itertools.pairwise(bounds))
    openmp = _torchs_openmp()
    # OpenMP's threads do not survive a fork.
    if openmp is None or os.getpid() != _process:
        _on_own_threads(ranges, work)
    else:
        _on_torchs_threads(openmp, ranges, work)


@cache
def _torchs_openmp() -> ctypes.CDLL | None:
    """The library whose threads torch uses; None where that is not GNU's."""
    for file in sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*")):
        return ctypes.CDLL(str(file))
    return None


def _on_torchs_threads(openmp: ctypes.CDLL, ranges: list[tuple[int, int]], work: Work) -> None:
    errors: list[BaseException] = []

    @_TASK
    def task(_: int | None) -> None:
        # The team may be smaller than was asked for.
        for part in range(openmp.omp_get_thread_num(), len(ranges), openmp.omp_get_num_threads()):
            try:
                work(*ranges[part])
            # C could not pass it on.
            except BaseException as error:
                errors.append(error)

    openmp.GOMP_parallel(task, None, len(ranges), 0)
    if errors:
        raise errors[0]


def _on_own_threads(ranges: list[tuple[int, int]], work: Work) -> None:
    global _pool  # noqa: PLW0603
    # Threads do not survive a fork, so that a pool belongs to one process.
    if _pool is None or _pool[:2] != (os.getpid(), len(ranges)):
        _pool = (os.getpid(), len(ranges), ThreadPoolExecutor(len(ranges) - 1, thread_name_prefix="kernels"))
    others = [_pool[2].submit(work, *others) for others in ranges[1:]]
    work(*ranges[0])
    for other in others:
        other.result()
