"""``s3im`` itself: light, helpful without arguments, and quiet when nobody reads on."""

import subprocess
import sys
from pathlib import Path

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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "code",
    [
        "from s3im_methods.cli.main import main; main(['--help'])",
        # More than a buffer holds, at once.
        "from s3im_methods.cli import main as entry\n"
        "class Command:\n    def run(self): print('x' * 100000)\n"
        "entry._parse = lambda argv: Command()\n"
        "entry.main([])",
    ],
)
def test_an_output_that_cannot_be_printed_ends_with_a_sentence(code):
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("The output cannot be printed (No space left on device): ")
    assert done.stderr.count("\n") == 1


def test_an_output_that_is_closed_is_no_error():
    start = "import os, sys; os.close(1); sys.stdout = None"
    code = f"{start}\nfrom s3im_methods.cli.main import main; main(['--help'])"
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


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
