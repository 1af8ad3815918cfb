"""The runs of a comparison as tasks of Ray, on this machine or on a cluster.

Every machine must have this package and see the scenes and the output folder at the same paths. A task starts the
same process as without Ray, and ends with it.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from s3im_methods.compare.job import Job
from s3im_methods.compare.processes import end, start
from s3im_methods.compare.schedule import Failure, Progress, failure_of, is_done
from s3im_methods.doctor.surroundings import usable_cores
from s3im_methods.errors import InputError


def make_runs_on_cluster(
    jobs: Sequence[Job], at_once: int, address: str, say: Callable[[str], None] = print
) -> list[Failure]:
    """Make the runs.

    Args:
        jobs: Which; in this order.
        at_once: How many at a time, on all machines together.
        address: Of a Ray cluster, or "local" to start one on this machine that ends with the comparison.
        say: Takes lines about the progress.

    Returns:
        Those that failed; they stop no other.

    Raises:
        InputError: If Ray is not installed, or there is no cluster at the address.
    """
    if not jobs:
        return []
    ray = _connected(address, at_once)
    try:
        return _make(ray, jobs, at_once, say)
    finally:
        # Tasks that are under way end, and their runs with them.
        ray.shutdown()


def cpus_per_run(machines: Sequence[float], at_once: int) -> int:
    """How many cores each run gets, such that it fits into one machine.

    Args:
        machines: Cores of each machine.
        at_once: How many runs are made at a time.

    Example:
        >>> cpus_per_run([8.0, 4.0], 3), cpus_per_run([8.0, 8.0], 1), cpus_per_run([2.0], 4)
        (4, 8, 1)
    """
    return max(1, int(min(max(machines), sum(machines) // at_once)))


def _connected(address: str, at_once: int) -> Any:
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        raise InputError(
            "--cluster needs Ray, which is not installed: install it with pip install 's3im-methods[cluster]', or "
            "leave out --cluster."
        ) from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet = {"log_to_driver": False, "logging_level": "warning"}
    on_kill = signal.getsignal(signal.SIGTERM)
    if address == "local":
        ray.init("local", num_cpus=max(at_once, int(usable_cores())), include_dashboard=False, **quiet)
    else:
        try:
            _knock(address)
            ray.init(address, **quiet)
        except (OSError, ValueError) as error:
            raise InputError(
                f"No Ray cluster answers at --cluster {address}: give the address that `ray start --head` printed, or "
                "local."
            ) from error
        except RuntimeError as error:
            # Above all of other versions of Ray or Python there.
            raise InputError(f"The Ray cluster at --cluster {address} cannot be used: {error}") from error
    # Ray puts its own handler there, which ends us without a word.
    signal.signal(signal.SIGTERM, on_kill)
    return ray


def _knock(address: str) -> None:
    """Raise an OSError at once where nobody listens; Ray itself tries for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), timeout=20).close()


def _make(ray: Any, jobs: Sequence[Job], at_once: int, say: Callable[[str], None]) -> list[Failure]:
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    # A run has a GPU where there is one, and then no more cores than the machines with GPUs have.
    with_gpu = [resources for resources in machines if resources.get("GPU", 0.0)]
    gpus = 1 if with_gpu else 0
    cpus = cpus_per_run([resources.get("CPU", 0.0) for resources in with_gpu or machines], at_once)
    # A run that failed would fail again.
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(_run_here)
    progress, failures = Progress(len(jobs), at_once, say), []
    waiting, under_way = list(jobs), {}
    while waiting or under_way:
        while waiting and len(under_way) < at_once:
            job = waiting.pop(0)
            under_way[task.remote(job.to_json(), cpus, os.getcwd())] = job
        (ended, *_), _ = ray.wait(list(under_way))
        job = under_way.pop(ended)
        failure, seconds = _outcome(ray, job, ended)
        progress.ended(job, seconds, failure)
        failures += [failure] if failure else []
    return failures


def _outcome(ray: Any, job: Job, ended: Any) -> tuple[Failure | None, float]:
    try:
        reason, seconds = ray.get(ended)
    except ray.exceptions.RayTaskError as error:
        # Its text begins with where it was and ends with what it was.
        return Failure(job, f"Its machine could not begin it: {str(error).strip().splitlines()[-1]}"), 0.0
    except ray.exceptions.RayError as error:
        return Failure(job, f"Ray lost it: {str(error).strip().splitlines()[0]}"), 0.0
    if reason is None and not is_done(job):
        reason = f"its machine wrote {job.result} where this one cannot see it: use a folder that all machines share"
    return (None if reason is None else Failure(job, reason)), seconds


def _run_here(job_text: str, threads: int, folder: str) -> tuple[str | None, float]:
    """Make a run on the machine that has the task: why it failed, or None, and how many seconds it took."""
    began = time.monotonic()
    # Paths are seen from where the comparison was called.
    os.chdir(folder)
    job = Job.from_json(job_text)
    process = start(job, threads)
    process.join()
    end(process)
    failure = failure_of(job, process.exitcode)
    return (None if failure is None else failure.reason), time.monotonic() - began
