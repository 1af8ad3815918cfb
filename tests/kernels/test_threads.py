"""Work in ranges: all of it once, side by side, on torch's threads or our own, errors and forks included."""

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
import torch

from s3im_methods.kernels import threads
from s3im_methods.kernels.threads import in_ranges


@pytest.fixture(params=["torch's", "own"])
def whose(request, monkeypatch):
    if request.param == "own":
        monkeypatch.setattr(threads, "_torchs_openmp", lambda: None)
    elif threads._torchs_openmp() is None:
        pytest.skip("torch brings no GNU OpenMP here")
    return request.param


@pytest.fixture()
def set_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_everything_is_done_once(whose, set_threads, number, count):
    set_threads(number)
    done: list[int] = []
    in_ranges(count, lambda first, last: done.extend(range(first, last)))
    assert sorted(done) == list(range(count))


def test_ranges_are_side_by_side(whose, set_threads):
    set_threads(3)
    meeting = threading.Barrier(3)

    def work(first: int, last: int) -> None:
        # Each waits for the others.
        meeting.wait(timeout=60)

    in_ranges(3, work)


def test_work_is_done_on_the_threads_that_torch_uses(set_threads, monkeypatch):
    """None of our own is started, and the second range is not done by the thread that asks."""
    if threads._torchs_openmp() is None:
        pytest.skip("torch brings no GNU OpenMP here")
    monkeypatch.setattr(threads, "_pool", None)
    set_threads(2)
    torch.ones(1_000_000).sum()
    before = len(list(Path("/proc/self/task").iterdir()))
    meeting, names = threading.Barrier(2), set()

    def work(first: int, last: int) -> None:
        meeting.wait(timeout=60)
        names.add(threading.current_thread().name)

    in_ranges(2, work)
    assert len(list(Path("/proc/self/task").iterdir())) <= before
    assert threads._pool is None and len(names) == 2 and not any(name.startswith("kernels") for name in names)


@pytest.mark.parametrize("failing", [0, 1])
def test_errors_arrive(whose, set_threads, failing):
    set_threads(2)

    def work(first: int, last: int) -> None:
        if first == failing:
            raise ValueError(f"range {first}")

    with pytest.raises(ValueError, match=f"range {failing}"):
        in_ranges(2, work)


def test_a_forked_process_works_on():
    """OpenMP's threads stay behind in the parent; asking for them there would never end."""
    code = """
        import os, warnings
        warnings.filterwarnings("ignore")
        import torch
        from s3im_methods.kernels.threads import in_ranges
        torch.set_num_threads(2)
        in_ranges(2, lambda first, last: None)
        child = os.fork()
        if child == 0:
            done = []
            in_ranges(2, lambda first, last: done.append(first))
            os._exit(0 if sorted(done) == [0, 1] else 1)
        assert os.waitpid(child, 0)[1] == 0
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=120)
