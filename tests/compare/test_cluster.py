"""The same runs as tasks of a Ray cluster with two workers on this machine; the runs' process is a small program."""

import sys

import pytest

from s3im_methods.compare import cluster
from s3im_methods.compare.cluster import cpus_per_run, make_runs_on_cluster
from s3im_methods.compare.job import Job, Judging
from s3im_methods.compare.schedule import is_done
from s3im_methods.errors import InputError


def job(out, name: str, *words: str) -> Job:
    return Job(name, "m", "fox", "fox", 0, {"loss": name}, list(words), None, str(out), Judging())


@pytest.fixture()
def fake_worker(tmp_path, monkeypatch):
    """A package that the tasks import in place of this one, whose worker waits for the other run."""
    program = """
import json, os, sys, time
from pathlib import Path
file = Path(sys.argv[1])
job = json.loads(file.read_text())
meeting = Path(job["out"]) / "meeting"
meeting.mkdir(exist_ok=True)
(meeting / job["id"]).touch()
if job["arguments"][0] == "meet":
    while len(list(meeting.iterdir())) < 2:
        time.sleep(0.05)
if job["arguments"][0] == "fail":
    print("The reason.", flush=True)
    os._exit(1)
(file.parent / "run.json").write_text("{}")
"""
    # -m finds this before the package's own, because Python looks for modules in PYTHONPATH's order.
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import sys\n"
        "if sys.orig_argv[1:3] == ['-m', 's3im_methods.compare.worker']:\n"
        f"    sys.argv = ['worker', sys.orig_argv[3]]\n    exec({program!r})\n    os._exit(0)\n"
    )
    before = [path for path in (str(hook), *sys.path) if path]
    monkeypatch.setenv("PYTHONPATH", ":".join(before))


def test_runs_are_side_by_side_and_failures_stop_nothing(fake_worker, tmp_path):
    pytest.importorskip("ray")
    lines: list[str] = []
    jobs = [
        job(tmp_path, "a", "meet"),
        job(tmp_path, "b", "meet"),
        job(tmp_path, "c", "fail"),
        job(tmp_path, "d", "go"),
    ]
    (failure,) = make_runs_on_cluster(jobs, 2, "local", lines.append)
    assert failure.job.id == "c" and failure.reason == "The reason."
    assert [is_done(one) for one in jobs] == [True, True, False, True]
    assert len(lines) == 4 and all(line.startswith(f"[{k}/4] fox, m, loss=") for k, line in enumerate(lines, start=1))
    import ray  # pyright: ignore[reportMissingImports]

    assert not ray.is_initialized()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nonsense:port"])
def test_no_cluster_there(address):
    pytest.importorskip("ray")
    with pytest.raises(InputError) as error:
        make_runs_on_cluster([job("out", "a")], 1, address)
    assert str(error.value) == (
        f"No Ray cluster answers at --cluster {address}: give the address that `ray start --head` printed, or local."
    )


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError) as error:
        make_runs_on_cluster([job("out", "a")], 1, "local")
    assert str(error.value) == (
        "--cluster needs Ray, which is not installed: install it with pip install 's3im-methods[cluster]', or "
        "leave out --cluster."
    )


def test_nothing_to_do_needs_no_cluster(monkeypatch):
    monkeypatch.setattr(cluster, "_connected", None)
    assert make_runs_on_cluster([], 1, "local") == []


def test_a_run_fits_into_one_machine():
    assert cpus_per_run([16.0, 16.0], 1) == 16
    assert cpus_per_run([16.0, 16.0], 8) == 4
    assert cpus_per_run([2.0], 3) == 1
