"""Many runs: some at a time, failures that stop nothing, and interruptions that leave only whole results.

The runs' process is replaced by a small program that follows the words in the job's arguments.
"""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from s3im_methods.compare.job import Job, Judging
from s3im_methods.compare.schedule import is_done, make_runs, spoken, time_left

WORKER = """
import json, os, sys, time
from pathlib import Path
job = json.loads(Path(sys.argv[3]).read_text())
folder, what = Path(sys.argv[3]).parent, job["arguments"][0]
meeting = Path(job["out"]) / "meeting"
meeting.mkdir(exist_ok=True)
(meeting / job["id"]).touch()
print("threads", os.environ["OMP_NUM_THREADS"])
if what == "meet":
    while len(list(meeting.iterdir())) < 2:
        time.sleep(0.01)
if what == "sleep":
    time.sleep(1000)
if what == "fail":
    print("The reason.\\n\\n")
    raise SystemExit(1)
(folder / "run.json").write_text(json.dumps({"id": job["id"]}))
"""


@pytest.fixture()
def fake_worker(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable}\n{WORKER}")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return program


def job(out, name: str, *words: str) -> Job:
    return Job(name, "m", "fox", "fox", 0, {"loss": name}, list(words), None, str(out), Judging())


def test_failures_stop_nothing_and_name_their_reason(fake_worker, tmp_path):
    lines: list[str] = []
    jobs = [job(tmp_path, "a", "work"), job(tmp_path, "b", "fail"), job(tmp_path, "c", "work")]
    (failure,) = make_runs(jobs, 1, lines.append)
    assert failure.job.id == "b" and failure.reason == "The reason."
    assert [is_done(one) for one in jobs] == [True, False, True]
    assert re.fullmatch(r"\[1/3\] fox, m, loss=a, seed 0: done in \d+ s; about \d+ s left\.", lines[0])
    assert re.fullmatch(r"\[2/3\] fox, m, loss=b, seed 0: failed: The reason; about \d+ s left\.", lines[1])
    assert re.fullmatch(r"\[3/3\] fox, m, loss=c, seed 0: done in \d+ s\.", lines[2])


def test_runs_are_side_by_side_and_share_the_cores(fake_worker, tmp_path):
    jobs = [job(tmp_path, name, "meet") for name in "ab"]
    # Each waits for the other.
    assert make_runs(jobs, 2, lambda line: None) == []
    threads = max(1, (os.cpu_count() or 1) // 2)
    assert (jobs[0].folder / "log.txt").read_text().strip() == f"threads {threads}"


def test_what_an_interrupted_attempt_left_is_removed(fake_worker, tmp_path):
    one = job(tmp_path, "a", "work")
    one.folder.mkdir(parents=True)
    (one.folder / "view_000.png").touch()
    make_runs([one], 1, lambda line: None)
    assert is_done(one) and not (one.folder / "view_000.png").exists()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_runs_end_with_us(tmp_path, sent):
    """A comparison that is stopped, even without a chance to tidy up, leaves no process behind, nor theirs."""
    # Whoever started the tests in the background had SIGINT ignored, which processes inherit.
    code = textwrap.dedent(f"""
        import signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from s3im_methods.compare import schedule, worker
        from s3im_methods.compare.job import Job, Judging
        inner = "import time, sys; sys.argv = ['x']; from s3im_methods.compare import worker as w;" \\
            "w._end_with_parent(); import subprocess as s; other = s.Popen(['sleep', '1000'], stdin=s.DEVNULL);" \\
            "print('begun', other.pid, flush=True); time.sleep(1000)"
        real = schedule.subprocess.Popen
        def popen(command, **settings):
            return real([sys.executable, "-c", inner], **settings)
        schedule.subprocess.Popen = popen
        job = Job("a", "m", "fox", "fox", 0, {{}}, [], None, {str(tmp_path)!r}, Judging())
        popen_real = schedule.start
        def start(job, threads):
            process = popen_real(job, threads)
            print(process.pid, flush=True)
            return process
        schedule.start = start
        schedule.make_runs([job], 1)
    """)
    ours = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert ours.stdout is not None
    child = int(ours.stdout.readline())
    log = tmp_path / "runs" / "a" / "log.txt"
    wait_for(lambda: log.read_text().endswith("\n"))
    theirs = int(log.read_text().removeprefix("begun "))
    ours.send_signal(sent)
    assert ours.wait(timeout=60) != 0
    wait_for(lambda: not runs(child) and not runs(theirs))
    assert not (tmp_path / "runs" / "a" / "run.json").exists()


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
    assert [spoken(seconds) for seconds in (0.4, 99.4, 100, 6000)] == ["0 s", "99 s", "2 min", "1.7 h"]
