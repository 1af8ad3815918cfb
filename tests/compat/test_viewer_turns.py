"""Training keeps its share while somebody looks, whatever the clock."""

# pyright: reportPrivateImportUsage=false

import threading
import types
from typing import Any

import pytest
from nerfstudio.engine.trainer import Trainer
from nerfstudio.viewer import viewer as viewer_module
from nerfstudio.viewer.viewer import Viewer

from s3im_methods.compat.viewer_turns import PacedViewer, TurnLock, take_turns
from s3im_methods.engine.trainer import S3IMTrainer


class Clock:
    """Time passes where somebody works or sleeps; training works while pictures sleep."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@pytest.mark.parametrize("share", [0.0, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("seconds", [0.03, 2.0])
def test_training_has_its_share_between_pictures(share, seconds):
    clock = Clock()
    lock = TurnLock(clock, clock.sleep)
    start = clock.now
    for _ in range(50):
        with lock.picture(lambda: share):
            clock.now += seconds
    # Before the first picture nobody has to wait.
    assert clock.slept / (clock.now - start - seconds) == pytest.approx(share, abs=1e-6)


def test_a_picture_that_comes_late_does_not_wait():
    clock = Clock()
    lock = TurnLock(clock, clock.sleep)
    for _ in range(3):
        with lock.picture(lambda: 0.7):
            clock.now += 0.3
        clock.now += 0.71
    assert clock.slept == 0


def test_an_interrupted_picture_counts():
    clock = Clock()
    lock = TurnLock(clock, clock.sleep)
    with pytest.raises(KeyError), lock.picture(lambda: 0.5):
        clock.now += 1
        raise KeyError
    with lock.picture(lambda: 0.5):
        assert clock.slept == pytest.approx(1)


def test_a_picture_does_not_wait_for_a_training_that_is_paused_meanwhile():
    clock = Clock()
    lock = TurnLock(clock, clock.sleep)
    with lock.picture(lambda: 0.9):
        clock.now += 10
    shares = iter([0.9, 0.9, 0.0])
    with lock.picture(lambda: next(shares)):
        assert clock.slept < 0.2


def test_who_waits_is_next():
    lock, order = TurnLock(), []

    def picture() -> None:
        with lock:
            order.append("picture")

    thread = threading.Thread(target=picture)
    with lock:
        thread.start()
        while not lock._door.locked():
            pass
    with lock:
        order.append("step")
    thread.join()
    assert order == ["picture", "step"]


def test_a_thread_may_take_it_again():
    lock, done = TurnLock(), threading.Event()
    with lock:
        with lock:
            pass
        thread = threading.Thread(target=lambda: lock.__enter__() or done.set())
        thread.start()
        assert not done.wait(0.05)
    assert done.wait(5)


def machine(state: str, lock: object, training: str = "training", slider: float = 0.85) -> Any:
    take_turns(viewer_module)
    viewer = types.SimpleNamespace(
        trainer=types.SimpleNamespace(training_state=training),
        train_lock=lock,
        control_panel=types.SimpleNamespace(train_util=slider),
    )
    result = viewer_module.RenderStateMachine(viewer, 10.0, None)  # type: ignore[arg-type]
    result.state = state  # type: ignore[assignment]
    return result


@pytest.mark.parametrize(
    "state, training, slider, share",
    [
        ("high", "training", 0.85, 0.85),
        ("high", "training", 1.0, 0.95),
        ("low_move", "training", 0.85, 0.7),
        ("low_move", "training", 0.5, 0.5),
        ("high", "paused", 0.85, 0.0),
        ("low_move", "completed", 0.85, 0.0),
    ],
)
def test_the_share_is_the_sliders_and_less_while_somebody_moves(state, training, slider, share):
    assert machine(state, TurnLock(), training, slider).training_share() == share


def test_pictures_of_the_viewer_take_turns(monkeypatch):
    clock, times = Clock(), []

    def render(*_: object) -> None:
        times.append(clock.now)
        clock.now += 1

    pictures = machine("low_move", TurnLock(clock, clock.sleep))
    monkeypatch.setattr(type(pictures).__mro__[1], "_render_img", render)
    for _ in range(3):
        pictures._render_img(None)
    assert times == pytest.approx([100, 100 + 1 / 0.3, 100 + 2 / 0.3])
    # Other trainers' locks know nothing of turns.
    slept, others = clock.slept, machine("low_move", threading.Lock())
    for _ in range(3):
        others._render_img(None)
    assert clock.slept == slept


def moving(kind: type[Viewer]) -> Viewer:
    viewer = object.__new__(kind)
    viewer.last_move_time, viewer.trainer = 1e12, None  # type: ignore[assignment]
    viewer.render_statemachines = {0: None}  # type: ignore[dict-item]
    return viewer


@pytest.fixture()
def nobody_sleeps(monkeypatch):
    def sleep(_: float) -> None:
        raise TimeoutError

    monkeypatch.setattr(viewer_module.time, "sleep", sleep)


def test_training_goes_on_while_somebody_moves(nobody_sleeps):
    moving(PacedViewer).update_scene(1)


def test_upstream_still_stops_training_while_somebody_moves(nobody_sleeps):
    """When this fails, see whether the viewer shares the time by itself: remove ``viewer_turns`` if it does."""
    with pytest.raises(TimeoutError):
        moving(Viewer).update_scene(1)


def test_the_slider_is_read():
    viewer = object.__new__(PacedViewer)
    viewer.control_panel = types.SimpleNamespace(train_util=0.35)  # type: ignore[assignment]
    viewer.train_util = 0.9
    assert viewer.train_util == 0.35


def test_the_trainer_has_the_lock_and_the_viewer(monkeypatch, tmp_path):
    trainer = object.__new__(S3IMTrainer)
    monkeypatch.setattr(Trainer, "__init__", lambda self, *_: None)
    monkeypatch.setattr("s3im_methods.engine.trainer.fit_hardware", lambda _: None)
    trainer.__init__(types.SimpleNamespace())  # type: ignore[arg-type,misc]
    assert isinstance(trainer.train_lock, TurnLock)
