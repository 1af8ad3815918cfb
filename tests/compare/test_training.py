"""The clock of a training: what it counts as time, when it looks, and that looking leaves random numbers alone."""

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from nerfstudio.engine.callbacks import TrainingCallbackLocation
from nerfstudio.model_components.ray_samplers import ProposalNetworkSampler

from s3im_methods.compare.training import Clock, undisturbed


class Pipeline(torch.nn.Module):
    """Notes in which mode it is, and has a part that counts its passes."""

    def __init__(self) -> None:
        super().__init__()
        self.sampler = ProposalNetworkSampler()


def run(steps: int, seconds: float | None, looks: int, of_step: float = 1.0) -> tuple[Clock, list[int]]:
    """Make a training of steps that take ``of_step`` seconds each, between which looks take 100 seconds each."""
    now = 0.0
    seen: list[int] = []
    trainer: Any = SimpleNamespace(callbacks=[], pipeline=Pipeline(), stop_training=False)

    def look(clock: Clock) -> None:
        nonlocal now
        assert not trainer.pipeline.training
        seen.append(clock.steps)
        now += 100.0

    clock = Clock(trainer, steps, seconds, looks, look, timer=lambda: now)
    for step in range(steps):
        if trainer.stop_training:
            break
        for location in (
            TrainingCallbackLocation.BEFORE_TRAIN_ITERATION,
            TrainingCallbackLocation.AFTER_TRAIN_ITERATION,
        ):
            now += of_step / 2
            for callback in trainer.callbacks:
                callback.run_callback_at_location(step, location)
        now += of_step / 2
        assert trainer.pipeline.training
    return clock, seen


def test_time_is_that_of_the_steps(monkeypatch):
    clock, seen = run(10, None, 3, of_step=2.0)
    assert (clock.steps, clock.seconds) == (10, 10.0)
    assert seen == [3, 5, 8]


def test_looks_are_spread_evenly_whatever_ends_the_training(monkeypatch):
    assert run(40, None, 3)[1] == [10, 20, 30]
    # Steps of half a second within the clock, 20 of which fit.
    clock, seen = run(1000, 10.0, 3)
    assert (clock.steps, clock.seconds) == (20, 10.0)
    assert seen == [5, 10, 15]
    assert run(8, None, 0)[1] == []


@pytest.mark.parametrize("steps", [1, 3, 7, 30])
def test_a_step_is_looked_at_once_at_most(monkeypatch, steps):
    seen = run(steps, None, 9)[1]
    assert seen == sorted(set(seen)) and len(seen) == min(9, steps - 1)


def test_random_numbers_go_on_as_if_nothing_had_been():
    def draw() -> tuple[float, float, float]:
        return random.random(), np.random.rand(), float(torch.rand(()))  # noqa: NPY002

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    pipeline = Pipeline()
    with undisturbed(pipeline):
        assert not pipeline.training
        first = draw()
    assert pipeline.training
    assert draw() == first


def test_proposal_networks_are_trained_as_if_nothing_had_been():
    pipeline = Pipeline()
    pipeline.sampler._steps_since_update = 3
    with undisturbed(pipeline):
        # As a forward pass does.
        pipeline.sampler._steps_since_update = 0
    assert pipeline.sampler._steps_since_update == 3
