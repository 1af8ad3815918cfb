"""One training by nerfstudio's own trainer, timed, and looked at on its way."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackLocation
from nerfstudio.model_components.ray_samplers import ProposalNetworkSampler

from s3im_methods.compat.lpips import lpips_without_download


class Clock:
    """Counts and times the steps of a training, looks at it now and then, and may end it.

    Args:
        trainer: Its trainer, set up.
        steps: How many steps there will be, unless time runs out.
        seconds: How long they may take together; None for any time.
        looks: How often to look, evenly spread over the training; its end is no look.
        look: Takes this clock.
        timer: Tells the time in seconds.

    Attributes:
        steps: Steps made.
        seconds: Time that they took, without the looks.
    """

    def __init__(
        self,
        trainer: Any,
        steps: int,
        seconds: float | None,
        looks: int,
        look: Callable[["Clock"], None],
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.steps, self.seconds, self._timer = 0, 0.0, timer
        self._trainer, self._last_step, self._limit = trainer, steps, seconds
        self._looks, self._look, self._looked = looks, look, 0
        self._began = 0.0
        place = TrainingCallbackLocation
        # First and last, so that the callbacks of model and data are timed with their step.
        trainer.callbacks.insert(0, TrainingCallback([place.BEFORE_TRAIN_ITERATION], self._begin))
        trainer.callbacks.append(TrainingCallback([place.AFTER_TRAIN_ITERATION], self._end))

    @property
    def progress(self) -> float:
        """From 0 at the start to 1 at the end."""
        by_steps = self.steps / self._last_step
        return min(1.0, by_steps if self._limit is None else max(by_steps, self.seconds / self._limit))

    def _begin(self, step: int) -> None:
        self._began = self._timer()

    def _end(self, step: int) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds += self._timer() - self._began
        self.steps = step + 1
        if self.progress >= 1:
            self._trainer.stop_training = True
            return
        # Rounding must not put off a look by a step.
        due = int(self.progress * (self._looks + 1) + 1e-9)
        if due > self._looked:
            self._looked = due
            with undisturbed(self._trainer.pipeline):
                self._look(self)


@contextmanager
def undisturbed(pipeline: Any) -> Iterator[None]:
    """Evaluate inside without changing what a training does next."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 (nerfstudio's generator)
    on_gpus = torch.cuda.get_rng_state_all()
    # In nerfstudio's own models each render delays the training of the proposal networks.
    samplers = [part for part in pipeline.modules() if isinstance(part, ProposalNetworkSampler)]
    counts = [sampler._steps_since_update for sampler in samplers]
    pipeline.eval()
    try:
        yield
    finally:
        pipeline.train()
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        torch.set_rng_state(states[2])
        torch.cuda.set_rng_state_all(on_gpus)
        for sampler, count in zip(samplers, counts, strict=True):
            sampler._steps_since_update = count


def train(
    config: Any,
    seconds: float | None,
    looks: int,
    look: Callable[[Any, Clock], None],
    timer: Callable[[], float] = time.perf_counter,
) -> tuple[Any, Clock]:
    """Train as ``ns-train`` does, without viewer and event files, and with one checkpoint, at the end.

    Args:
        config: A ``TrainerConfig`` with its scene, output folder and timestamp.
        seconds: Training ends after this many seconds of training steps; None for no such end.
        looks: How often to look at it before its end.
        look: Takes the pipeline, in evaluation mode, and the clock.
        timer: Tells the time in seconds; on a machine that has other work, that of the process is steadier.

    Returns:
        The pipeline, in evaluation mode, and the clock at the end.

    Raises:
        InputError: If the training cannot begin, or a loss is not finite.
    """
    from nerfstudio.scripts.train import _set_random_seed

    _set_random_seed(config.machine.seed)
    # No value that the command line knows starts neither a viewer nor a writer of events.
    shown, config.vis = config.vis, "none"
    config.steps_per_save = config.max_num_iterations + 1
    config.logging.local_writer.enable = False
    trainer = config.setup(local_rank=0, world_size=1)
    with lpips_without_download():
        trainer.setup()
    clock = Clock(
        trainer, config.max_num_iterations, seconds, looks, lambda clock: look(trainer.pipeline, clock), timer
    )
    trainer.train()
    config.vis, config.max_num_iterations = shown, clock.steps
    config.save_config()
    if trainer.step >= clock.steps:
        # nerfstudio counts the step at which it was asked to stop, although it did not make it.
        trainer.save_checkpoint(clock.steps - 1)
    trainer.pipeline.eval()
    return trainer.pipeline, clock
