"""The demo's bookkeeping: what is done is not done again, what was interrupted is."""

import shlex
import signal
import sys
from pathlib import Path

import pytest

from s3im_methods.cli import demo
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
        assert shlex.split(one.line) == list(map(str, one.command))
        assert one.result.is_relative_to(tmp_path)


def test_a_folder_may_begin_with_a_dash(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = [word for one in DemoCommand(output_dir=Path("-runs [v2]")).steps() for word in shlex.split(one.line)]
    places = [word for word in words if "runs [v2]" in word]
    assert places and all(place.startswith("./-runs [v2]") for place in places)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("how", ["raise SystemExit(128 + {0})", "import os; os.kill(os.getpid(), {0})"])
def test_a_step_that_was_told_to_end_has_not_failed(tmp_path, number, how):
    with pytest.raises(KeyboardInterrupt):
        _run(step(tmp_path, f"import signal; signal.signal({int(number)}, signal.SIG_DFL); {how.format(int(number))}"))


def appending(folder: Path, name: str, text: str) -> Step:
    code = f"open({str(folder / name)!r}, 'a').write({text!r})"
    return Step(f"Make {name}", [sys.executable, "-c", code], folder / name)


def test_when_a_step_runs_again_so_do_all_later_ones(tmp_path, monkeypatch):
    texts = ["1", "2", "3"]

    def steps(self: DemoCommand) -> list[Step]:
        return [appending(tmp_path, name, text) for name, text in zip("abc", texts, strict=True)]

    monkeypatch.setattr(DemoCommand, "steps", steps)
    DemoCommand(output_dir=tmp_path).run()
    DemoCommand(output_dir=tmp_path).run()
    assert [(tmp_path / name).read_text() for name in "abc"] == ["1", "2", "3"]
    texts[1] = "x"
    DemoCommand(output_dir=tmp_path).run()
    assert [(tmp_path / name).read_text() for name in "abc"] == ["1", "2x", "33"]


def test_a_failure_leaves_no_later_step_done(tmp_path, monkeypatch):
    first, second = appending(tmp_path, "a", "1"), appending(tmp_path, "b", "2")
    monkeypatch.setattr(DemoCommand, "steps", lambda self: [first, second])
    DemoCommand(output_dir=tmp_path).run()
    broken = Step(first.title, [sys.executable, "-c", "raise SystemExit(1)"], first.result)
    monkeypatch.setattr(DemoCommand, "steps", lambda self: [broken, second])
    with pytest.raises(SystemExit):
        DemoCommand(output_dir=tmp_path).run()
    assert not _is_done(second)


def test_training_starts_anew_when_its_scene_is_made_anew(tmp_path, monkeypatch):
    scene = appending(tmp_path, "a", "1")
    checkpoint = tmp_path / "run" / "nerfstudio_models" / "step-000000001.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    train = Step("Train", ["ns-train", "method"], tmp_path / "run" / "config.yml")
    monkeypatch.setattr(DemoCommand, "steps", lambda self: [scene, train])
    found = {}
    monkeypatch.setattr(demo, "_run", lambda step: found.update({step.title: checkpoint.exists()}))
    DemoCommand(output_dir=tmp_path).run()
    assert found == {"Make a": False, "Train": False}


def test_a_training_of_other_steps_begins_anew(tmp_path, monkeypatch):
    """An interrupted one of the same steps is resumed."""
    checkpoint = tmp_path / "run" / "nerfstudio_models" / "step-000000001.ckpt"
    commands = []

    def pretend(command: list[str]) -> int:
        commands.append(command)
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.touch()
        (tmp_path / "run" / "config.yml").touch()
        return 0

    monkeypatch.setattr(demo, "_status", pretend)
    for steps in ("1500", "1500", "500"):
        demo._run(Step("Train", ["ns-train", "method", "--max-num-iterations", steps], tmp_path / "run" / "config.yml"))
    assert ["--load-dir" in command for command in commands] == [False, True, False]
