"""What TensoRF's loss is made of besides the colours, in the strength of the original (Chen et al., ECCV 2022)."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from s3im_methods.encodings.tensor_grids import grid_planes
from s3im_methods.fields.tensorf_field import S3IMTensoRFField
from s3im_methods.losses.total_variation import total_variation
from s3im_methods.models.tensorf_settings import TensoRFSettings


def mean_absolute_values(parameters: Iterable[Tensor]) -> Tensor:
    """Sum of the parameters' mean absolute values, a scalar."""
    return torch.stack([parameter.abs().mean() for parameter in parameters]).sum()


def decayed(weight: float, share: float, steps: int, step: int) -> float:
    """A weight that has shrunk exponentially to ``share`` of itself after ``steps`` steps, at training step ``step``.

    Example:
        >>> decayed(2.0, share=0.25, steps=100, step=50)
        1.0
    """
    return weight * share ** (step / steps)


def regularisers(config: TensoRFSettings, field: S3IMTensoRFField, step: int) -> dict[str, Tensor]:
    """The weighted regularisers of a training step, scalars by name; those of weight 0 are left out.

    Args:
        config: Their weights, with no None left.
        field: The field.
        step: The training step.
    """
    losses = {}
    for name, grid in (("tv_density", field.density_encoding), ("tv_color", field.color_encoding)):
        weight = decayed(getattr(config, name), config.tv_decay or 1.0, config.regularization_decay_steps, step)
        if weight > 0:
            losses[name] = weight * total_variation(grid_planes(grid))
    masked = bool(config.alpha_mask_steps) and step > config.alpha_mask_steps[0]
    weight = config.l1_density_rest if masked else config.l1_density
    if weight:
        losses["l1_density"] = weight * mean_absolute_values(field.density_encoding.parameters())
    return losses


def only_counting(outputs: dict[str, Any], batch: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Outputs and batch of those rays that ``outputs["counts"]`` (``[rays]``) names; of all rays if it names none."""
    counts = outputs["counts"]
    if not counts.any():
        return outputs, batch
    kept = {name: values[counts] for name, values in outputs.items() if name != "counts"}
    return kept, {**batch, "image": batch["image"][counts.to(batch["image"].device)]}
