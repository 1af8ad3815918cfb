"""``s3im`` itself: light, helpful without arguments, and quiet when nobody reads on."""

import subprocess
import sys

import pytest

from s3im_methods.cli import main as entry
from s3im_methods.cli.main import COMMANDS, main

HEAVY = ["torch", "nerfstudio", "cv2", "scipy", "numpy", "numba", "PIL", "matplotlib", "open3d", "trimesh", "skimage"]

LOADED = f"""
import sys
from s3im_methods.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print("LOADED", sorted(set({HEAVY}) & set(sys.modules)))
"""


def loaded(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_help_imports_nothing_heavy():
    """So that it takes a fraction of a second; a subcommand's help parses what the help of all parses."""
    assert loaded() == "LOADED []"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_subcommand_has_a_help_of_its_own(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    assert f"usage: s3im {name}" in capsys.readouterr().out


def test_without_arguments_the_help_is_printed(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert all(name in said.out for name in COMMANDS)


def run_into_a_closed_pipe(code: str) -> "subprocess.CompletedProcess[str]":
    # The reader is gone before the first line is written.
    start = f"import os; reading, writing = os.pipe(); os.close(reading); os.dup2(writing, 1)\n{code}"
    return subprocess.run([sys.executable, "-c", start], stderr=subprocess.PIPE, text=True, check=False)


def test_a_reader_that_has_seen_enough_is_no_error():
    done = run_into_a_closed_pipe("from s3im_methods.cli.main import main; main(['--help'])")
    assert (done.returncode, done.stderr) == (141, "")


def test_another_broken_pipe_is_an_error(monkeypatch):
    class Command:
        def run(self) -> None:
            raise BrokenPipeError("to a worker")

    monkeypatch.setattr(entry, "_parse", lambda argv: Command())
    with pytest.raises(BrokenPipeError, match="to a worker"):
        main([])


def test_an_interruption_ends_with_its_status(monkeypatch, capsys):
    class Command:
        def run(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(entry, "_parse", lambda argv: Command())
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 130
    assert capsys.readouterr().err == "Interrupted.\n"
