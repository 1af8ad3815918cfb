"""Progress of long work, with the time that is left: drawn where a command asks for it, and nowhere else.

Library code says what it does with :func:`task` and :func:`track`. Both do nothing unless a command has opened
:func:`shown` around it.
"""

import sys
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_UNTIL_A_BAR = 1.0


class Task:
    """One piece of work; this one is shown to nobody.

    Args:
        what: What is done, for the reader.
        total: How many steps it has; None if that is not known.
    """

    def __init__(self, what: str, total: int | None) -> None:
        self.what, self.total, self.done = what, total, 0

    def advance(self, steps: int = 1, total: int | None = None) -> None:
        """Note that some steps are done.

        Args:
            steps: How many.
            total: How many there are, if that has changed.
        """
        self.done += steps
        self.total = total or self.total
        self.show()

    def show(self) -> None:
        """Draw the present state."""

    def end(self) -> None:
        """Draw the last state."""


class _Line(Task):
    """For logs: a line every ten seconds."""

    def __init__(self, what: str, total: int | None) -> None:
        super().__init__(what, total)
        self._began = self._said = time.monotonic()

    def show(self) -> None:
        now = time.monotonic()
        if now - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = now
            print(progress_line(self.what, self.done, self.total, now - self._began), file=sys.stderr, flush=True)


class _Bar(Task):
    """For terminals: a bar, as soon as the work turns out to last; one at a time."""

    _drawn: ClassVar[Any] = None

    def __init__(self, what: str, total: int | None) -> None:
        super().__init__(what, total)
        self._began, self._bar = time.monotonic(), None
        if total is None:
            # It may never come to a step.
            self._draw()

    def show(self) -> None:
        if self._bar is None and time.monotonic() - self._began > _SECONDS_UNTIL_A_BAR:
            self._draw()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self.done, total=self.total)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            _Bar._drawn = None

    def _draw(self) -> None:
        if _Bar._drawn is not None:
            return
        from rich import progress
        from rich.console import Console

        self._bar = _Bar._drawn = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left:"),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            # What is printed to a file must not be drawn above the bar.
            redirect_stdout=sys.stdout.isatty(),
        )
        self._bar.add_task(self.what, total=self.total, completed=self.done)
        self._bar.start()


_display: ContextVar[type[Task]] = ContextVar("display", default=Task)


@contextmanager
def shown() -> Iterator[None]:
    """Show the progress of all work inside on stderr: as bars in a terminal, as a line now and then elsewhere."""
    token = _display.set(_Bar if sys.stderr is not None and sys.stderr.isatty() else _Line)
    try:
        yield
    finally:
        _display.reset(token)


@contextmanager
def task(what: str, total: int | None = None) -> Iterator[Task]:
    """A piece of work that notes its own steps.

    Args:
        what: What is done, for the reader, such as "Rendering".
        total: How many steps it has; None if that is not known.
    """
    made = _display.get()(what, total)
    try:
        yield made
    finally:
        made.end()


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """The items, each of which is a step that is done when the next one is asked for.

    Args:
        items: Any.
        what: What is done, for the reader.
        total: How many items there are; if not given, their number where they have one.

    Example:
        >>> list(track([1, 2, 3], "Counting"))
        [1, 2, 3]
    """
    if total is None and isinstance(items, Collection):
        total = len(items)
    with task(what, total) as steps:
        for item in items:
            yield item
            steps.advance()


def progress_line(what: str, done: int, total: int | None, seconds: float) -> str:
    """How far some work is, and how long the rest will take at the pace so far.

    Args:
        what: What is done.
        done: Steps that are done.
        total: All steps; None if that is not known.
        seconds: That it took.

    Example:
        >>> progress_line("Rendering", 30, 120, 20.0)
        'Rendering: 30 of 120 after 20 s, about 60 s left'
        >>> progress_line("Aligning", 0, None, 20.0)
        'Aligning: 20 s'
    """
    if not (total and done):
        return f"{what}: {spoken(seconds)}"
    left = seconds / done * max(0, total - done)
    return f"{what}: {done} of {total} after {spoken(seconds)}, about {spoken(left)} left"


def spoken(seconds: float) -> str:
    """A time for the reader.

    Example:
        >>> spoken(42.4), spoken(600.0), spoken(7300.0)
        ('42 s', '10 min', '2.0 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
