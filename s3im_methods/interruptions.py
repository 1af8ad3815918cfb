"""Ctrl-C, a kill or a terminal that is closed end a command with a word, after it has cleaned up."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

INTERRUPTED = 128 + signal.SIGINT
"""What a shell takes for a command that was ended by Ctrl-C."""

NO_READER = 128 + signal.SIGPIPE
"""What a shell takes for a command of whose output nobody reads on, as in ``s3im --help | head -1``."""

_STDOUT = 1


@contextmanager
def interrupted_in_a_word() -> Iterator[None]:
    """Let a kill or a closed terminal act like Ctrl-C, after which files are cleaned up, and print a word.

    Raises:
        SystemExit: With status 130, when interrupted.
    """
    with answering(signal.default_int_handler, signal.SIGTERM, signal.SIGHUP):
        try:
            yield
        except KeyboardInterrupt:
            with suppress(OSError):
                print("Interrupted.", file=sys.stderr)
            raise SystemExit(INTERRUPTED) from None


@contextmanager
def answering(handler: Callable[[int, Any], object], *numbers: signal.Signals) -> Iterator[None]:
    """Answer signals in this process, and leave them alone in processes that are copied from it.

    What is ignored stays so, as Ctrl-C of a command in the background, and the end of the terminal under nohup.

    Args:
        handler: Takes the signal's number and the frame that it came in.
        numbers: Which signals. In a thread other than the main one Python answers none.
    """
    owner, before = os.getpid(), {}

    def answer(number: int, frame: Any) -> None:
        if os.getpid() == owner:
            handler(number, frame)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    try:
        if threading.current_thread() is threading.main_thread():
            for number in numbers:
                if signal.getsignal(number) is signal.SIG_IGN:
                    continue
                before[number] = signal.signal(number, answer)
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def output_fails() -> bool:
    """Whether nothing can be printed any more: nobody reads it, or the disk is full to which it goes."""
    if sys.stdout is None:
        return False
    try:
        sys.stdout.flush()
        os.write(_STDOUT, b"\n")
    except (OSError, ValueError):
        return True
    return False


def drop_output() -> None:
    """Print to nowhere from now on, also what Python flushes when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), _STDOUT)
