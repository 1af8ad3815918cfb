"""Memory that is freed stays with the process, so that the next step finds it again.

A training step on a CPU frees and asks for the same arrays over and over. glibc hands large ones back to the system,
which then has to fill every page with zeros again: 13,000 page faults, a sixth of a step of s3im-neus-facto-lite.
"""

import ctypes
import platform

# Numbers from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST = 1 << 30


def keep_freed_memory() -> bool:
    """Tell glibc to keep memory that was freed, for arrays of up to 1 GiB.

    Returns:
        Whether the C library is glibc and took the settings. On others nothing happens.
    """
    if not _is_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST) and mallopt(_M_TRIM_THRESHOLD, _LARGEST))


def hand_back_freed_memory() -> bool:
    """Give what was freed so far back to the system, for once.

    Returns:
        Whether the C library is glibc and gave something back.
    """
    return _is_glibc() and bool(ctypes.CDLL(None).malloc_trim(0))


def _is_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"
