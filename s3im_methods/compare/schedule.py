"""Make runs, some at a time, each in a process of its own; what is done already is left alone.

A run's process is copied from one that has nerfstudio loaded, which takes longer than a hundred training steps.
"""

import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from s3im_methods.compare.job import Job
from s3im_methods.compare.worker import work

_LOADED = ["nerfstudio.configs.method_configs", *(f"s3im_methods.compare.{name}" for name in ("judge", "surfaces"))]


@dataclass(frozen=True)
class Failure:
    """A run that could not be made, and why."""

    job: Job
    reason: str


def is_done(job: Job) -> bool:
    """Whether the run has been made."""
    return job.result.is_file()


def start(job: Job, threads: int) -> BaseProcess:
    """Begin a run in a new process, which ends if this one does.

    Args:
        job: The run; what an interrupted attempt left of it is removed.
        threads: How many it may use, unless the environment says otherwise; the same for all runs of this process.
    """
    shutil.rmtree(job.folder, ignore_errors=True)
    job.folder.mkdir(parents=True)
    job.log.touch()
    process = _new_processes().Process(target=work, args=(job.to_json(),))
    counts = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
    with _defaults(**counts, PYTHONWARNINGS="ignore"), _interrupts_held_back():
        process.start()
    return process


def _new_processes() -> Any:
    """Of multiprocessing; no copies where loading libraries may have started a GPU, which a copy cannot use."""
    import torch

    if sys.platform != "linux" or torch.cuda.is_available():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    return context


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
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C waits, and processes that are started meanwhile never hear of it: it is for us, who end them."""
    # Which multiprocessing starts before its first process, and then lets signals through.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def failure_of(job: Job) -> Failure | None:
    """Why an ended run has no result; None if it has one."""
    return None if is_done(job) else Failure(job, last_line(job.log))


def last_line(log: Path) -> str:
    """The last line of a log that says something."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it printed nothing")


def make_runs(jobs: Sequence[Job], at_once: int, say: Callable[[str], None] = print) -> list[Failure]:
    """Make the runs on this machine.

    Args:
        jobs: Which; in this order.
        at_once: How many at a time.
        say: Takes lines about the progress.

    Returns:
        Those that failed; they stop no other.
    """
    threads = max(1, (os.cpu_count() or 1) // at_once)
    waiting, failures = list(jobs), []
    progress = Progress(len(jobs), at_once, say)
    with _running() as running:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                running.append((job, start(job, threads), time.monotonic()))
            ended = [entry for entry in running if not entry[1].is_alive()]
            for entry in ended:
                running.remove(entry)
                job, _, began = entry
                failure = failure_of(job)
                progress.ended(job, time.monotonic() - began, failure)
                failures += [failure] if failure else []
            if not ended:
                time.sleep(0.1)
    return failures


Running = list[tuple[Job, BaseProcess, float]]


@contextmanager
def _running() -> Iterator[Running]:
    """The runs under way; where we are interrupted they end, and what there is of them does not count as a result."""
    running: Running = []
    try:
        yield running
    finally:
        for _, process, _ in running:
            # Before the run has a group of its own, and after.
            process.terminate()
            assert process.pid
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for _, process, _ in running:
            process.join()


class Progress:
    """Says how many runs are made, and how long the others will take.

    Args:
        total: How many there are to make.
        at_once: How many at a time.
        say: Takes the lines.
    """

    def __init__(self, total: int, at_once: int, say: Callable[[str], None]) -> None:
        self._total, self._at_once, self._say = total, at_once, say
        self._seconds: list[float] = []

    def ended(self, job: Job, seconds: float, failure: Failure | None) -> None:
        """Note a run that took so long, from its start to its results."""
        self._seconds.append(seconds)
        left = time_left(self._seconds, self._total - len(self._seconds), self._at_once)
        what = f"failed: {failure.reason.rstrip('.')}" if failure else f"done in {spoken(seconds)}"
        after = f"; about {spoken(left)} left" if left else ""
        self._say(f"[{len(self._seconds)}/{self._total}] {job.title}: {what}{after}.")


def time_left(finished: Sequence[float], runs: int, at_once: int) -> float:
    """How long some more runs will take.

    Args:
        finished: Seconds that each finished run took; at least one.
        runs: How many are still to be made or under way.
        at_once: How many are made at a time.

    Example:
        >>> time_left([60.0, 80.0], 4, 2)
        140.0
    """
    return sum(finished) / len(finished) * -(-runs // at_once)


def spoken(seconds: float) -> str:
    """A time for the reader.

    Example:
        >>> spoken(42.4), spoken(600.0), spoken(7300.0)
        ('42 s', '10 min', '2.0 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
