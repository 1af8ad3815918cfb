"""The processes of runs: how one is started, and that none is left.

On Linux a run's process is copied from one that has nerfstudio loaded, which takes as long as a hundred training steps
and more. It is a new one on other systems, and where there is a GPU, which loading may have started and a copy could
not use.
"""

import multiprocessing
import multiprocessing.forkserver
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any

from s3im_methods.compare.job import Job
from s3im_methods.compare.worker import work

_LOADED = "s3im_methods.compare.libraries"
_NAME = "a run of s3im compare"
_ATTEMPTS, _PAUSE_SECONDS = 3, 0.5


def start(job: Job, threads: int) -> BaseProcess:
    """Begin a run in a new process, which ends if this one does.

    Args:
        job: The run; what an interrupted attempt left of it is removed.
        threads: How many it may use, unless the environment says otherwise; the same for all runs of this process.
    """
    shutil.rmtree(job.folder, ignore_errors=True)
    # A file server may show the folder for a while after it is removed.
    job.folder.mkdir(parents=True, exist_ok=True)
    job.log.touch()
    counts = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
    with _defaults(**counts, PYTHONWARNINGS="ignore"), _deaf_to_interrupts():
        for _ in range(_ATTEMPTS - 1):
            try:
                return _started(job)
            except (EOFError, ConnectionError):
                # The system has killed the process that runs are copied from; Python begins another when it notices.
                time.sleep(_PAUSE_SECONDS)
        return _started(job)


def end(process: BaseProcess) -> None:
    """End a run with the processes that it started; of one that has ended, those that it left."""
    assert process.pid
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        # It has no group of its own yet, or left nothing.
        process.terminate()
    except PermissionError:
        # What macOS says of a group that has ended.
        pass
    process.join()


def end_all() -> None:
    """End the runs that this process has begun, also one that it was about to."""
    for process in multiprocessing.active_children():
        if process.name == _NAME:
            end(process)


def _started(job: Job) -> BaseProcess:
    process = _new_processes().Process(target=work, args=(job.to_json(),), name=_NAME)
    process.start()
    return process


def _new_processes() -> Any:
    """What of multiprocessing makes them."""
    import torch

    if sys.platform == "linux" and not torch.cuda.is_available():
        multiprocessing.set_forkserver_preload([_LOADED])
        try:
            multiprocessing.forkserver.ensure_running()
        except OSError:
            # Its socket is a file, whose name is too long where that of the folder for temporary files is.
            pass
        else:
            return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


@contextmanager
def _defaults(**values: str) -> Iterator[None]:
    """The environment with these variables, where it has them not."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes that are started meanwhile never hear of Ctrl-C: it is for us, who end them."""
    # Which multiprocessing starts before its first process, and then lets signals through.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
