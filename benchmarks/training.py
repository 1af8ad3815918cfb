"""Training in this process, for experiments that make many short runs: nerfstudio's own loop without its trainer.

Every random number of a step follows from the seed and the step, as in ``ns-train`` with this package.
"""

import functools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import Optimizers

from s3im_methods.randomness import step_seed


def train(config: Any, seed: int, steps: int, control: float, device: str) -> Any:
    """Train and return the pipeline, ready for evaluation.

    Args:
        config: A method's ``TrainerConfig`` with a scene in it.
        seed: Seed of the run.
        steps: Training steps.
        control: The colours' loss is multiplied by ``1 + control / (2 v)``, with v the variance of the batch's colours;
            for small errors that is as strong as S3IM of this weight.
        device: Where to train.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (nerfstudio's generator)
    torch.manual_seed(seed)
    pipeline = config.pipeline.setup(device=device, test_mode="val")
    optimizers = Optimizers(config.optimizers.copy(), pipeline.get_param_groups())
    callbacks = pipeline.get_training_callbacks(TrainingCallbackAttributes(optimizers, None, pipeline, None))
    for step in range(steps):
        pipeline.train()
        torch.manual_seed(step_seed(seed, 0, step, "global"))
        pipeline.datamanager.train_pixel_sampler.reseed(step_seed(seed, 0, step, "pixels"))
        pipeline.model.s3im.reseed(step_seed(seed, 0, step, "permutations"))
        for callback in callbacks:
            callback.run_callback_at_location(step, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
        optimizers.zero_grad_all()
        bundle, batch = pipeline.datamanager.next_train(step)
        outputs = pipeline.model(bundle)
        losses = pipeline.model.get_loss_dict(outputs, batch, pipeline.model.get_metrics_dict(outputs, batch))
        if control:
            variance = batch["image"][..., :3].var(dim=0).mean().to(device)
            losses["rgb_loss"] = losses["rgb_loss"] * (1 + control / (2 * variance))
        functools.reduce(torch.add, losses.values()).backward()
        optimizers.optimizer_step_all()
        optimizers.scheduler_step_all(step)
        for callback in callbacks:
            callback.run_callback_at_location(step, TrainingCallbackLocation.AFTER_TRAIN_ITERATION)
    pipeline.eval()
    return pipeline


def finished(out: Path) -> dict[tuple, dict]:
    """The results in a file with one line of JSON per run, by what tells runs apart."""
    lines = out.read_text().splitlines() if out.is_file() else []
    return {tuple(line["run"]): line for line in map(json.loads, lines)}


def note(out: Path, run: tuple, results: dict[str, Any]) -> dict:
    """Append a run's results to the file, and return what is written."""
    line = {"run": run, **results}
    with out.open("a") as file:
        file.write(json.dumps(line) + "\n")
    return line
