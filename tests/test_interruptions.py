"""Signals are answered by the process that asked for it, and by nobody where they are ignored."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from s3im_methods.interruptions import NO_READER, answering, interrupted_in_a_word


@pytest.fixture(autouse=True)
def signals():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_kill_cleans_up(number, capsys):
    cleaned = []
    with pytest.raises(SystemExit) as ended, interrupted_in_a_word():
        try:
            os.kill(os.getpid(), number)
        finally:
            cleaned.append(True)
    assert ended.value.code == 130 and cleaned
    assert capsys.readouterr().err == "Interrupted.\n"
    assert signal.getsignal(number) is signal.SIG_DFL


def test_what_is_ignored_stays_so():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with interrupted_in_a_word():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_copies_of_the_process_end_as_they_would():
    """As those that load images, which multiprocessing ends by SIGTERM."""
    told: list[int] = []
    with answering(lambda number, frame: told.append(number), signal.SIGTERM):
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(1)
        _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM
    assert told == []


def test_output_that_nobody_reads():
    code = textwrap.dedent(f"""
        import sys
        from s3im_methods.interruptions import drop_output, output_fails
        assert not output_fails()
        sys.stdin.readline()
        assert output_fails()
        drop_output()
        print("nobody sees this")
        sys.exit({NO_READER})
    """)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as ours:
        assert ours.stdin is not None and ours.stdout is not None and ours.stderr is not None
        ours.stdout.readline()
        ours.stdout.close()
        ours.stdin.write("\n")
        ours.stdin.flush()
        assert ours.wait(timeout=60) == NO_READER == 141
        assert ours.stderr.read() == ""
