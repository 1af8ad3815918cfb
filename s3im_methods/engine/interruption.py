"""Ctrl-C, a kill and a closed terminal end a training after its present step, with a checkpoint.

nerfstudio prints a traceback and drops the steps since the last checkpoint. A step that is cut in two could not be
repeated, so a training is asked to end and does so between two steps. Whoever asks again, by Ctrl-C, is obeyed at once.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from s3im_methods.console import say
from s3im_methods.data.wording import command_line
from s3im_methods.engine.run_place import steps_in
from s3im_methods.interruptions import answering
from s3im_methods.models.any_method.methods import train_command

if TYPE_CHECKING:
    from nerfstudio.engine.trainer import TrainerConfig

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_is_allowed: ContextVar[bool] = ContextVar("is_allowed", default=False)


@contextmanager
def trainings_end_in_order() -> Iterator[None]:
    """Allow the trainings inside to answer signals; others, as in ``s3im compare``, leave them to whoever runs them."""
    token = _is_allowed.set(True)
    try:
        yield
    finally:
        _is_allowed.reset(token)


class Interruption:
    """Whether somebody wants a training to end, while it is open.

    Args:
        stop: Called when the signal comes; it must only make a note.

    Attributes:
        signal: Which came, or None.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self.signal: int | None = None
        self._stop = stop
        self._answers = ExitStack()

    def __enter__(self) -> "Interruption":
        if _is_allowed.get():
            self._answers.enter_context(answering(self._note, *_SIGNALS))
        return self

    def close(self) -> None:
        """Leave signals to whoever had them before; a second call does nothing."""
        self._answers.close()

    def __exit__(self, *error: object) -> None:
        self.close()

    def _note(self, number: int, frame: object) -> None:
        self.close()
        self.signal = number
        self._stop()
        # The terminal may be gone.
        with suppress(OSError):
            say("\nTraining ends after this step, with a checkpoint. Ctrl-C again ends it at once.")


def what_is_left(config: "TrainerConfig") -> str:
    """What an interrupted run has, and how it goes on.

    Args:
        config: The run's.
    """
    steps = steps_in(config.get_checkpoint_dir())
    if not steps:
        return "Interrupted before the first checkpoint: start the training again."
    run = config.get_base_dir()
    command = [*train_command(str(config.method_name)), "--load-config", run, "--load-dir", run]
    return f"Interrupted: the checkpoint of step {steps[-1]} is kept. To continue: {command_line(command)}"
