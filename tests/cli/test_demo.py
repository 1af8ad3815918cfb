"""The demo's bookkeeping: what is done is not done again, what was interrupted is."""

import shlex
import sys
from pathlib import Path

import pytest

from s3im_methods.cli.demo import DemoCommand, Step, _is_done, _run


def step(folder: Path, code: str = "open('a', 'w').write('x')") -> Step:
    path = folder / "a"
    return Step("Make a file", [sys.executable, "-c", code.replace("'a'", repr(str(path)))], path)


def test_a_finished_step_is_done(tmp_path):
    assert not _is_done(step(tmp_path))
    _run(step(tmp_path))
    assert _is_done(step(tmp_path))


def test_a_result_without_a_mark_is_not_done(tmp_path):
    (tmp_path / "a").write_text("half of it")
    assert not _is_done(step(tmp_path))


def test_another_command_is_not_done(tmp_path):
    _run(step(tmp_path))
    assert not _is_done(step(tmp_path, "open('a', 'w').write('other')"))


def test_a_failure_says_which_step_and_leaves_no_mark(tmp_path):
    _run(step(tmp_path))
    with pytest.raises(SystemExit, match="'Make a file' failed with status 3"):
        _run(step(tmp_path, "raise SystemExit(3)"))
    assert not _is_done(step(tmp_path))


def test_a_command_without_a_result_is_a_failure(tmp_path):
    with pytest.raises(SystemExit, match="ended without making"):
        _run(step(tmp_path, "pass"))


def test_every_command_can_be_typed_and_names_its_result(tmp_path):
    steps = DemoCommand(output_dir=tmp_path, method="s3im-nerfacto-lite").steps()
    assert [step.command[0] for step in steps] == [
        "s3im",
        "ns-train",
        "ns-eval",
        "ns-render",
        "ns-export",
        "ns-export",
        "s3im",
    ]
    for one in steps:
        assert shlex.split(one.line) == one.command
        assert one.result.is_relative_to(tmp_path)
