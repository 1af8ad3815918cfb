"""Kernels that hold no GIL, side by side on torch's number of threads."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

_pool: tuple[int, int, ThreadPoolExecutor] | None = None


def in_ranges(count: int, work: Callable[[int, int], None]) -> None:
    """Call ``work(first, last)`` on one range of ``range(count)`` per torch thread, side by side."""
    global _pool  # noqa: PLW0603
    threads = min(torch.get_num_threads(), count)
    if threads <= 1:
        work(0, count)
        return
    # Threads do not survive a fork, so that a pool belongs to one process.
    if _pool is None or _pool[:2] != (os.getpid(), threads):
        _pool = (os.getpid(), threads, ThreadPoolExecutor(threads - 1, thread_name_prefix="hash-grid"))
    bounds = [count * k // threads for k in range(threads + 1)]
    others = [_pool[2].submit(work, bounds[k], bounds[k + 1]) for k in range(1, threads)]
    work(0, bounds[1])
    for other in others:
        other.result()
