"""The same runs as tasks of a Ray cluster with two workers on this machine.

Two of them train for real; the others follow the words in their job's arguments.
"""

import json
import math
import sys

import pytest

from s3im_methods.compare import cluster
from s3im_methods.compare.axes import parse_axis, parse_setting
from s3im_methods.compare.cluster import cpus_per_run, make_runs_on_cluster
from s3im_methods.compare.job import Job, Judging
from s3im_methods.compare.plan import Request, plan
from s3im_methods.compare.schedule import Failure, is_done
from s3im_methods.errors import InputError


def job(out, name: str, *words: str) -> Job:
    return Job(name, "m", "fox", "fox", 0, {"loss": name}, list(words), None, str(out), Judging())


@pytest.fixture()
def fake_worker(tmp_path, monkeypatch):
    """A hook into the tasks' processes: jobs whose arguments are one word do not train."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text("""
from s3im_methods.compare import worker

train = worker.make_run

def make_run(job):
    if len(job.arguments) > 1:
        return train(job)
    import fake_work
    return fake_work.make_run(job)

worker.make_run = make_run
""")
    # Python looks for modules in PYTHONPATH's order.
    before = [path for path in (str(hook), *sys.path) if path]
    monkeypatch.setenv("PYTHONPATH", ":".join(before))


def real_jobs(room, out) -> list[Job]:
    """Two trainings of two steps."""
    settings = ("pipeline.datamanager.train-num-rays-per-batch=64", "machine.device-type=cpu")
    request = Request(
        ("s3im-nerfacto-lite",),
        (room,),
        (5,),
        (parse_axis("loss=none,s3im"),),
        settings=tuple(parse_setting(text) for text in settings),
        steps=2,
        judging=Judging(held_out_views=1, curve_points=1, meshes=False),
    )
    return list(plan(request, out))


def make_runs_patiently(jobs, say, tries: int = 3) -> list[Failure]:
    """Again where need be: Ray gives up where its own processes take more than 30 seconds, as on a busy machine."""
    try:
        return make_runs_on_cluster(jobs, 2, "local", say)
    except Exception as error:
        if tries == 1 or "timed out during startup" not in str(error):
            raise
        return make_runs_patiently(jobs, say, tries - 1)


def test_runs_are_side_by_side_train_and_failures_stop_nothing(fake_worker, room, tmp_path):
    # One test, because Ray's start takes as long as the trainings.
    ray = pytest.importorskip("ray")
    lines: list[str] = []
    real = real_jobs(room, tmp_path)
    jobs = [
        job(tmp_path, "a", "meet"),
        job(tmp_path, "b", "meet"),
        job(tmp_path, "c", "fail"),
        job(tmp_path / "file", "d", "go"),
        job(tmp_path, "e", "go"),
        *real,
    ]
    (tmp_path / "file").touch()
    failed, not_begun = sorted(make_runs_patiently(jobs, lines.append), key=lambda failure: failure.job.id)
    assert failed.job.id == "c" and failed.reason == "The reason."
    assert not_begun.job.id == "d"
    assert not_begun.reason.startswith("Its machine could not begin it: NotADirectoryError: ")
    assert [is_done(one) for one in jobs] == [True, True, False, False, True, True, True]
    assert len(lines) == 7 and all(line.startswith(f"[{k}/7] ") for k, line in enumerate(lines, start=1))
    assert lines[0].startswith("[1/7] fox, m, loss=")
    assert not ray.is_initialized()

    none, s3im = (json.loads(one.result.read_text()) for one in real)
    assert [run["variant"] for run in (none, s3im)] == [{"loss": "none"}, {"loss": "s3im"}]
    for run in (none, s3im):
        assert run["steps"] == 2 and run["device"].startswith("cpu, ") and math.isfinite(run["metrics"]["psnr"])
    assert none["metrics"]["psnr"] != s3im["metrics"]["psnr"]


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
