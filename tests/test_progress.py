"""Progress is shown where a command asks for it: as lines in logs, as a bar in terminals, and as nothing elsewhere."""

import io

import pytest

from s3im_methods import progress
from s3im_methods.progress import shown, spoken, task, track


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass whenever anyone looks at the time."""

    class Clock:
        now, step = 0.0, 0.0

        def __call__(self) -> float:
            self.now += self.step
            return self.now

    made = Clock()
    monkeypatch.setattr(progress.time, "monotonic", made)
    return made


def test_nothing_is_shown_unless_a_command_asks(clock, capsys):
    clock.step = 100.0
    assert list(track(range(5), "Counting")) == [0, 1, 2, 3, 4]
    with task("Working") as steps:
        steps.advance(3, total=9)
    assert (steps.done, steps.total) == (3, 9)
    assert capsys.readouterr() == ("", "")


def test_a_log_gets_a_line_every_ten_seconds_and_none_from_short_work(clock, capsys):
    clock.step = 4.0
    with shown():
        assert sum(track([1] * 6, "Rendering")) == 6
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "Rendering: 3 of 6 after 12 s, about 12 s left",
        "Rendering: 6 of 6 after 24 s, about 0 s left",
    ]
    with shown():
        list(track([1, 2], "Rendering"))
    assert capsys.readouterr().err == ""


def test_a_growing_total_counts(clock, capsys):
    clock.step = 20.0
    with shown(), task("Following") as steps:
        steps.advance(10, total=20)
        steps.advance(10, total=40)
    assert capsys.readouterr().err.splitlines() == [
        "Following: 10 of 20 after 20 s, about 20 s left",
        "Following: 20 of 40 after 40 s, about 40 s left",
    ]


def test_a_terminal_gets_a_bar_which_goes_when_the_work_is_done(clock, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    clock.step = 2.0
    with shown(), task("Unfolding"):
        # Only one at a time.
        list(track(range(3), "Rendering"))
    said = terminal.getvalue()
    assert "Unfolding" in said and "Rendering" not in said
    with shown():
        list(track(range(3), "Rendering"))
    assert "Rendering" in terminal.getvalue() and "left:" in terminal.getvalue()


def test_what_fails_ends_its_bar(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    for _ in range(2):
        with pytest.raises(ValueError, match="no"), shown(), task("Unfolding"):
            raise ValueError("no")
    assert progress._Bar._drawn is None


def test_times_for_readers():
    assert [spoken(seconds) for seconds in (0.4, 99.4, 100, 6000)] == ["0 s", "99 s", "2 min", "1.7 h"]
