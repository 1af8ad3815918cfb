"""Freed memory is found again without the system's help."""

import platform
import subprocess
import sys

import pytest

# In a process of its own, because the settings stay.
COUNT = """
import resource, sys, torch
from s3im_methods.engine.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def use():
    kept = [torch.ones(2**23) for _ in range(3)]  # 32 MiB each
for _ in range(8):
    use()  # The first rounds find places that fit.
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(mode: str) -> int:
    done = subprocess.run([sys.executable, "-c", COUNT, mode], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc, whose settings these are")
def test_arrays_of_the_same_size_cost_no_page_faults_again():
    assert page_faults("keep") < 100 < 10_000 < page_faults("as usual")


HAND_BACK = """
import psutil, torch
from s3im_methods.engine.allocator import hand_back_freed_memory, keep_freed_memory
assert keep_freed_memory()
memory = lambda: psutil.Process().memory_info().rss >> 20
arrays = [torch.ones(2**21) for _ in range(40)]  # 8 MiB each; the last stays, so that the heap cannot end before it
full = memory()
del arrays[:-1]
kept = memory()
hand_back_freed_memory()
print(full - kept, kept - memory())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc, whose settings these are")
def test_freed_memory_goes_back_when_it_is_handed_back():
    done = subprocess.run([sys.executable, "-c", HAND_BACK], capture_output=True, text=True, check=True)
    freed_by_itself, handed_back = map(int, done.stdout.split())
    assert freed_by_itself < 20 and handed_back > 250


def test_nothing_happens_with_another_c_library(monkeypatch):
    from s3im_methods.engine.allocator import hand_back_freed_memory, keep_freed_memory

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_freed_memory() and not hand_back_freed_memory()
