"""``s3im`` itself: light, helpful without arguments, and quiet when nobody reads on."""

import os
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import s3im_methods
from s3im_methods.cli import main as entry
from s3im_methods.cli.commands import COMMANDS, TASKS, command_class, list_of_commands
from s3im_methods.cli.main import main
from s3im_methods.compare.axes import NAMED_AXES
from s3im_methods.errors import InputError

HEAVY = ["torch", "nerfstudio", "cv2", "scipy", "numpy", "numba", "PIL", "matplotlib", "open3d", "trimesh", "skimage"]

LOADED = f"""
import sys
from s3im_methods.cli.main import main
from s3im_methods.errors import InputError
try:
    main(sys.argv[1:])
finally:
    print("LOADED", sorted(set({HEAVY}) & set(sys.modules)))
"""


@pytest.fixture(autouse=True)
def a_terminal_of_100_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def loaded(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_help_imports_nothing_heavy():
    """So that it takes a fraction of a second; a subcommand's help parses what the help of all parses."""
    assert loaded() == "LOADED []"


@pytest.mark.parametrize("second", ["--set=pipeline.model.s3im.denominators=free", "--set"])
def test_a_flag_that_is_typed_twice_is_refused(second):
    words = ["compare", "--methods", "a", "--scenes", "b", "--output-dir", "c", "--set", "x=1", second]
    with pytest.raises(InputError, match="--set is given twice: give it once"):
        entry._parse(words)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_begins_with_an_example(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"Example: s3im {name}")
    assert lines[2] and any(line.startswith(f"usage: s3im {name}") for line in lines)
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_parsed(name):
    command = entry._parse(shlex.split(command_class(name).example)[1:])
    assert type(command) is command_class(name)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_the_commands_are_listed_by_task(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert all(f"  {task}" in said.out for task in TASKS) and all(f" {name} " in said.out for name in COMMANDS)
    assert "Example: s3im demo" in said.out


def test_each_command_is_listed_once_on_one_line():
    listed = [name for names in TASKS.values() for name in names]
    assert sorted(name for name in listed if not name.startswith("ns-")) == sorted(COMMANDS)
    lines = list_of_commands(100).splitlines()
    assert [line[10:23].strip() for line in lines if line.startswith("  ")] == listed
    # Title, one empty line, a line for each command, an empty line after each task, two lines at the end.
    assert len(lines) == 2 + len(listed) + len(TASKS) + 2


def test_the_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"s3im {s3im_methods.__version__}, nerfstudio 1.")
    assert loaded("--version") == "LOADED []"


def test_an_unknown_command_gives_one_sentence():
    with pytest.raises(SystemExit) as refusal:
        main(["ovrview"])
    assert str(refusal.value) == (
        "s3im has no command 'ovrview': did you mean s3im overview? s3im alone lists the commands."
    )


def test_piped_help_fits_100_columns():
    done = subprocess.run(
        [sys.executable, "-c", LOADED, "compare", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"},
    )
    assert max(map(len, done.stdout.splitlines())) == 100


@pytest.mark.skipif(version("tyro").startswith("0."), reason="tyro before 1 has one box for all options")
def test_options_of_one_subject_stand_together(capsys):
    for name, groups in {
        "compare": ("evaluation", "machine"),
        "export-mesh": ("box", "texturing", "depth-fusion"),
    }.items():
        with pytest.raises(SystemExit):
            main([name, "--help"])
        said = capsys.readouterr().out
        assert all(f" {group} options " in said for group in groups)


def test_the_axes_of_a_comparison_are_listed_one_a_line(capsys):
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    lines = [line.strip("│ ") for line in capsys.readouterr().out.splitlines()]
    for axis in NAMED_AXES:
        assert any(line.startswith(f"- {axis}: ") for line in lines), axis


def test_the_shell_completes_commands_and_flags(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--tyro-print-completion", "bash"])
    assert not end.value.code
    script = capsys.readouterr().out
    assert "complete " in script and "--fusion-views" in script and "eval-mesh" in script


def test_the_completion_is_written_where_there_is_no_folder_yet(tmp_path, capsys):
    script = tmp_path / "completions" / "s3im"
    with pytest.raises(SystemExit) as end:
        main(["--tyro-write-completion", "bash", str(script)])
    assert not end.value.code
    assert f"goes to {script}: open a new shell to use it." in capsys.readouterr().out
    # Its function has another name in tyro before 1.
    asked = "COMP_WORDS=(s3im turn); COMP_CWORD=1; $(complete -p s3im | sed 's/.*-F *//; s/ .*//')"
    typed = f"source {script}; {asked}; echo ${{COMPREPLY[@]}}"
    if shutil.which("bash"):
        done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=False)
        assert done.stdout.split() == ["turntable"], done.stderr


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
