"""A few steps of training in this process: what trainer and pipeline do with a model, and nothing else."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation


def losses_of_training(
    model: Any, batch: Callable[[int], tuple[RayBundle, dict]], steps: int, learning_rate: float = 1e-2
) -> list[dict[str, torch.Tensor]]:
    """Train a model in place.

    Args:
        model: Any of nerfstudio's.
        batch: From the step to its rays and targets.
        steps: How many.
        learning_rate: Of Adam, for all parameters.

    Returns:
        The losses of each step, by name.
    """
    model.train()
    parameters = [parameter for group in model.get_param_groups().values() for parameter in group]
    optimizer = torch.optim.Adam([p for p in parameters if p.requires_grad], lr=learning_rate, eps=1e-15)
    callbacks = model.get_training_callbacks(TrainingCallbackAttributes(None, None, None, None))  # type: ignore[arg-type]
    torch.manual_seed(1)
    history = []
    for step in range(steps):
        for callback in callbacks:
            callback.run_callback_at_location(step, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
        rays, targets = batch(step)
        outputs = model(rays)
        losses = model.get_loss_dict(outputs, targets, model.get_metrics_dict(outputs, targets))
        optimizer.zero_grad()
        functools.reduce(torch.add, losses.values()).backward()
        optimizer.step()
        for callback in callbacks:
            callback.run_callback_at_location(step, TrainingCallbackLocation.AFTER_TRAIN_ITERATION)
        history.append({name: value.detach() for name, value in losses.items()})
    return history
