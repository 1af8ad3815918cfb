"""Training and the viewer's pictures take turns, by the time that each takes.

nerfstudio stops training while somebody moves the camera, for as long as that lasts (``viewer/viewer.py``,
``update_scene``). Nothing reads its slider "Train Util". Training and pictures share a lock that does not keep the
order of arrival, so a picture waits for several steps or none; and that wait counts as time of rendering, which makes
the next pictures coarser. Here a picture of t seconds is followed by at least t * s / (1 - s) seconds without one,
where s is the slider's share, or 0.7 if that is lower and somebody moves. So training keeps its share.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nerfstudio.viewer.viewer import Viewer

_WHILE_MOVING = 0.7
# A slider at 1 would let nobody see anything.
_MOST = 0.95
# Until the slider and the training's state are looked at again.
_NAP_SECONDS = 0.05


class TurnLock:
    """A lock for ``with`` that a thread may take again while it has it; who waits gets it before who had it last.

    Args:
        clock: Seconds.
        sleep: Waits for seconds of that clock.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        # The next one waits for the lock in here, so that nobody overtakes it.
        self._door, self._lock = threading.Lock(), threading.Lock()
        self._owner, self._depth = 0, 0
        self._picture_ended, self._picture_took = 0.0, 0.0

    def __enter__(self) -> None:
        if self._owner != threading.get_ident():
            with self._door:
                self._lock.acquire()
            self._owner = threading.get_ident()
        self._depth += 1

    def __exit__(self, *_: Any) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._owner = 0
            self._lock.release()

    @contextmanager
    def picture(self, share: Callable[[], float]) -> Iterator[None]:
        """Hold the lock for a picture, once training has had its share since the last one.

        Args:
            share: Of the time that training shall keep, in [0, 1); asked again while it waits.
        """
        while (left := self._left(share())) > 0:
            self._sleep(min(left, _NAP_SECONDS))
        with self:
            started = self._clock()
            try:
                yield
            finally:
                self._picture_ended = self._clock()
                self._picture_took = self._picture_ended - started

    def _left(self, share: float) -> float:
        return self._picture_ended + self._picture_took * share / (1 - share) - self._clock()


class PacedViewer(Viewer):
    """nerfstudio's viewer, which neither stops training while somebody moves nor forgets its slider."""

    @property
    def last_move_time(self) -> float:  # type: ignore[override]
        """Long ago; training goes on."""
        return 0.0

    @last_move_time.setter
    def last_move_time(self, _: float) -> None:
        pass

    @property
    def train_util(self) -> float:  # type: ignore[override]
        """What the slider says."""
        return self.control_panel.train_util

    @train_util.setter
    def train_util(self, _: float) -> None:
        pass


def take_turns(module: Any) -> None:
    """Let pictures of a training that has a :class:`TurnLock` wait for their turn.

    Args:
        module: ``nerfstudio.viewer.viewer``.
    """
    own = getattr(module, "RenderStateMachine", None)
    if own is None or hasattr(own, "training_share"):
        return

    class RenderStateMachine(own):
        """nerfstudio's, which renders when it is a picture's turn."""

        def training_share(self) -> float:
            """Of the time, in [0, 1); 0 while nothing trains."""
            trainer = self.viewer.trainer
            if trainer is None or trainer.training_state != "training" or not self.running:
                return 0.0
            most = _WHILE_MOVING if self.state == "low_move" else _MOST
            return min(self.viewer.control_panel.train_util, most)

        def _render_img(self, camera_state: Any) -> Any:
            if not isinstance(self.viewer.train_lock, TurnLock):
                return super()._render_img(camera_state)
            with self.viewer.train_lock.picture(self.training_share):
                return super()._render_img(camera_state)

    module.RenderStateMachine = RenderStateMachine
