"""Many runs: some at a time, failures that stop nothing, and interruptions that leave only whole results.

The runs do not train: they follow the words in the job's arguments.
"""

import multiprocessing.forkserver
import multiprocessing.process
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from fake_work import work

from s3im_methods.compare import processes
from s3im_methods.compare.job import Job, Judging
from s3im_methods.compare.schedule import is_done, make_runs, time_left


@pytest.fixture()
def fresh_forkserver():
    """An earlier test's has other libraries loaded, and other threads."""
    stop: Callable[[], None] = multiprocessing.forkserver._forkserver._stop  # pyright: ignore[reportAttributeAccessIssue]
    stop()
    yield
    stop()


@pytest.fixture(params=["copied", "new"])
def fake_worker(request, monkeypatch, fresh_forkserver):
    """Without training, in processes that are copied from one or, as on a machine with a GPU, new."""
    monkeypatch.setattr(processes, "work", work)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param == "new")
    monkeypatch.setattr(processes, "_LOADED", "s3im_methods.compare.worker")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def job(out, name: str, *words: str) -> Job:
    return Job(name, "m", "fox", "fox", 0, {"loss": name}, list(words), None, str(out), Judging())


def test_failures_stop_nothing_and_name_their_reason(fake_worker, tmp_path):
    lines: list[str] = []
    jobs = [job(tmp_path, "a", "work"), job(tmp_path, "b", "fail"), job(tmp_path, "c", "work")]
    (failure,) = make_runs(jobs, 1, lines.append)
    assert failure.job.id == "b" and failure.reason == "The reason."
    assert [is_done(one) for one in jobs] == [True, False, True]
    begun = [f"[{k}/3] {job.title}: begins, see {job.log}." for k, job in enumerate(jobs, start=1)]
    assert [lines.pop(place) for place in (0, 1, 2)] == begun
    assert re.fullmatch(r"\[1/3\] fox, m, loss=a, seed 0: done in \d+ s; about \d+ s left\.", lines[0])
    assert re.fullmatch(r"\[2/3\] fox, m, loss=b, seed 0: failed: The reason; about \d+ s left\.", lines[1])
    assert re.fullmatch(r"\[3/3\] fox, m, loss=c, seed 0: done in \d+ s\.", lines[2])


def test_a_run_that_is_killed_says_so(fake_worker, tmp_path):
    """The system does so where memory runs out; the last line of its log is not the reason."""
    jobs = [job(tmp_path, "a", "killed"), job(tmp_path, "b", "ended")]
    kill, end = (failure.reason for failure in make_runs(jobs, 1, lambda line: None))
    assert kill == "It was killed, as the system does where memory runs out: free some, or give fewer --jobs."
    assert end == "It was ended by SIGTERM."


def test_a_result_that_cannot_be_read_is_none(tmp_path):
    one = job(tmp_path, "a")
    one.folder.mkdir(parents=True)
    for content in ("", '{"id": "a', "[]", "{}", '{"id": "b"}'):
        one.result.write_text(content)
        assert not is_done(one)
    one.result.write_text('{"id": "a"}')
    assert is_done(one)


def test_runs_are_side_by_side_and_share_the_cores(fake_worker, tmp_path):
    jobs = [job(tmp_path, name, "meet") for name in "ab"]
    # Each waits for the other.
    assert make_runs(jobs, 2, lambda line: None) == []
    threads = max(1, (os.cpu_count() or 1) // 2)
    assert jobs[0].log.read_text().strip() == f"threads {threads}"
    assert "OMP_NUM_THREADS" not in os.environ


def test_what_an_interrupted_attempt_left_is_removed(fake_worker, tmp_path):
    one = job(tmp_path, "a", "work")
    one.folder.mkdir(parents=True)
    (one.folder / "view_000.png").touch()
    make_runs([one], 1, lambda line: None)
    assert is_done(one) and not (one.folder / "view_000.png").exists()


def test_what_a_run_leaves_running_ends_with_it(fake_worker, tmp_path):
    """As nerfstudio's own methods leave the processes that draw their rays."""
    one = job(tmp_path, "a", "leave")
    assert make_runs([one], 1, lambda line: None) == []
    left = int(one.log.read_text().split()[-1])
    wait_for(lambda: not runs(left))


def test_a_copy_has_the_libraries(monkeypatch, fresh_forkserver, tmp_path):
    monkeypatch.setattr(processes, "work", work)
    one = job(tmp_path, "a", "libraries")
    assert make_runs([one], 1, lambda line: None) == []
    assert one.log.read_text().splitlines()[-1] == "True"


def test_the_process_that_is_copied_may_be_killed(monkeypatch, fresh_forkserver, tmp_path):
    """As the system does where memory runs out; it is the one with the libraries."""
    monkeypatch.setattr(processes, "work", work)
    monkeypatch.setattr(processes, "_LOADED", "killed_once")
    code = "import os, pathlib, signal\nmark = pathlib.Path(__file__).with_name('mark')\n"
    code += "if not mark.exists():\n    mark.touch()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    (tmp_path / "killed_once.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    one = job(tmp_path, "a", "work")
    assert make_runs([one], 1, lambda line: None) == [] and is_done(one)
    assert (tmp_path / "mark").exists()


def test_where_no_copies_can_be_made_runs_are_new_processes(monkeypatch, fresh_forkserver, tmp_path):
    """A socket's file has a name of 107 letters at most."""
    monkeypatch.setattr(processes, "work", work)
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    monkeypatch.setitem(vars(multiprocessing.process.current_process())["_config"], "tempdir", str(folder))
    one = job(tmp_path, "a", "work")
    assert make_runs([one], 1, lambda line: None) == [] and is_done(one)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_runs_end_with_us(tmp_path, sent):
    """A comparison that is stopped, even without a chance to tidy up, leaves no process behind, nor theirs."""
    # Whoever started the tests in the background had SIGINT ignored, which processes inherit.
    code = textwrap.dedent(f"""
        import signal, sys
        for sent in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sent, signal.default_int_handler)
        sys.path.append({str(Path(__file__).parent)!r})
        from fake_work import work
        from s3im_methods.compare import processes, schedule
        from s3im_methods.compare.job import Job, Judging
        processes.work, processes._LOADED = work, "fake_work"
        schedule.make_runs([Job("a", "m", "fox", "fox", 0, {{}}, ["sleep"], None, {str(tmp_path)!r}, Judging())], 1)
    """)
    ours = subprocess.Popen([sys.executable, "-c", code])
    log = tmp_path / "runs" / "a" / "log.txt"
    wait_for(lambda: log.is_file() and re.search(r"begun \d+ \d+\n", log.read_text()))
    child, theirs = map(int, log.read_text().split()[-2:])
    assert runs(child) and runs(theirs)
    ours.send_signal(sent)
    assert ours.wait(timeout=60) != 0
    wait_for(lambda: not runs(child) and not runs(theirs))
    assert not (tmp_path / "runs" / "a" / "run.json").exists()


@pytest.mark.parametrize("threads", ["1", "2"])
def test_ctrl_c_while_libraries_are_loaded(tmp_path, threads):
    """It ends all without a traceback. A terminal sends it to all processes of the command."""
    (tmp_path / "slow_library.py").write_text(f"open({str(tmp_path / 'begun')!r}, 'w'); import time; time.sleep(5)")
    code = textwrap.dedent(f"""
        import signal, sys, torch
        signal.signal(signal.SIGINT, signal.default_int_handler)
        torch.cuda.is_available = lambda: False
        from fake_work import work
        from s3im_methods.compare import processes, schedule
        from s3im_methods.compare.job import Job, Judging
        processes.work, processes._LOADED = work, "slow_library"
        try:
            schedule.make_runs([Job("a", "m", "fox", "fox", 0, {{}}, ["sleep"], None, {str(tmp_path)!r}, Judging())], 1)
        except KeyboardInterrupt:
            sys.exit(130)
    """)
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parent), *filter(None, sys.path)])
    # With one thread, Python itself takes the signal, and later.
    counts: dict[str, str] = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    ours = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **counts, "PYTHONPATH": path, "PYTHONWARNINGS": "ignore"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for((tmp_path / "begun").exists)
    os.killpg(ours.pid, signal.SIGINT)
    _, said = ours.communicate(timeout=60)
    assert ours.returncode == 130 and said == ""
    begun = re.search(r"begun (\d+) (\d+)\n", (tmp_path / "runs" / "a" / "log.txt").read_text())
    wait_for(lambda: not begun or not any(map(runs, map(int, begun.groups()))))


def wait_for(condition, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def runs(process: int) -> bool:
    """Whether it runs still; one that nobody has asked about has ended too."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_time_left_and_times_for_readers():
    assert time_left([10.0], 1, 4) == 10.0
    assert time_left([10.0, 20.0], 5, 2) == 45.0
    assert time_left([10.0], 0, 2) == 0.0
