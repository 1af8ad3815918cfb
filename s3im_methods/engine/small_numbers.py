"""Numbers too small for full precision count as 0 while a training runs on a CPU.

Below 1e-38 float32 has subnormal numbers, for which a CPU's arithmetic takes tens of times as long. A training meets
many: what is left of light behind an opaque sample, and moments of what has not been seen for long.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from s3im_methods.kernels.threads import in_ranges


@contextmanager
def small_numbers_are_0() -> Iterator[None]:
    """Let torch's threads, this one among them, count subnormal numbers as 0, and no longer at the end.

    Where a CPU cannot do that, or does it already, nothing changes.
    """
    if _are_0():
        yield
        return
    _set(True)
    try:
        yield
    finally:
        _set(False)


def _are_0() -> bool:
    return (torch.tensor(2e-39) * 1.5).item() == 0


def _set(mode: bool) -> None:
    def in_one_thread(first: int, last: int) -> None:
        torch.set_flush_denormal(mode)

    # It is a property of each thread.
    in_ranges(torch.get_num_threads(), in_one_thread)
