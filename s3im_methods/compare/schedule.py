"""Make runs, some at a time, each in a process of its own; what is done already is left alone."""

import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from s3im_methods.compare.job import Job
from s3im_methods.compare.processes import end, end_all, start
from s3im_methods.doctor.surroundings import usable_cores
from s3im_methods.progress import spoken


@dataclass(frozen=True)
class Failure:
    """A run that could not be made, and why."""

    job: Job
    reason: str


def is_done(job: Job) -> bool:
    """Whether the run has been made; half a file, as a power failure leaves it, is no result."""
    try:
        return json.loads(job.result.read_text(encoding="utf-8"))["id"] == job.id
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return False
    except OSError:
        # It is there, and not ours to make anew.
        return True


def failure_of(job: Job, exit_code: int | None) -> Failure | None:
    """Why an ended run has no result; None if it has one.

    Args:
        job: The run.
        exit_code: Of its process; negative where a signal ended it.
    """
    if is_done(job):
        return None
    if exit_code == -signal.SIGKILL:
        return Failure(job, "It was killed, as the system does where memory runs out: free some, or give fewer --jobs.")
    if exit_code is not None and exit_code < 0:
        return Failure(job, f"It was ended by {signal.Signals(-exit_code).name}.")
    return Failure(job, last_line(job.log))


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
    threads = max(1, int(usable_cores()) // at_once)
    waiting, failures = list(jobs), []
    running: list[tuple[Job, BaseProcess, float]] = []
    progress = Progress(len(jobs), at_once, say)
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                progress.began(job)
                running.append((job, start(job, threads), time.monotonic()))
            ended = [entry for entry in running if not entry[1].is_alive()]
            for entry in ended:
                running.remove(entry)
                job, process, began = entry
                end(process)
                failure = failure_of(job, process.exitcode)
                progress.ended(job, time.monotonic() - began, failure)
                failures += [failure] if failure else []
            if not ended:
                time.sleep(0.1)
    finally:
        # Where we are interrupted; what there is of these runs does not count as a result.
        end_all()
    return failures


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
        self._began = 0

    def began(self, job: Job) -> None:
        """Say that a run begins, and where one can watch it."""
        self._began += 1
        self._say(f"[{self._began}/{self._total}] {job.title}: begins, see {job.log}.")

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
