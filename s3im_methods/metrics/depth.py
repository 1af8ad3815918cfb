"""Measure how far rendered depths are from true ones, on the pixels with a known truth.

With d the rendered and D the true depth, over the pixels with D > 0 and finite:

    abs-rel = mean |d - D| / D,    RMSE = sqrt(mean (d - D)^2),    delta-1 = share of max(d / D, D / d) < 1.25

Each is NaN if no pixel has a truth: a view without one must not count as a perfect one.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from s3im_methods.errors import InputError


def abs_rel(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean of the absolute error divided by the true depth.

    Args:
        predicted: Rendered depths of any shape, in any unit.
        target: True depths of the same shape and unit; 0 where they are not known.

    Returns:
        A scalar without a unit; smaller is better.

    Raises:
        InputError: If the shapes differ.

    Example:
        >>> abs_rel(torch.tensor([1.1, 3.0, 9.0]), torch.tensor([1.0, 4.0, 0.0]))
        tensor(0.1750)
    """
    predicted, target = _known(predicted, target)
    return ((predicted - target).abs() / target).mean()


def rmse(predicted: Tensor, target: Tensor) -> Tensor:
    """Root of the mean square error.

    Args:
        predicted: Rendered depths of any shape, in any unit.
        target: True depths of the same shape and unit; 0 where they are not known.

    Returns:
        A scalar in the unit of the depths; smaller is better.

    Raises:
        InputError: If the shapes differ.

    Example:
        >>> rmse(torch.tensor([4.0, 1.0, 9.0]), torch.tensor([1.0, 2.0, 0.0]))
        tensor(2.2361)
    """
    predicted, target = _known(predicted, target)
    return (predicted - target).square().mean().sqrt()


def delta(predicted: Tensor, target: Tensor, threshold: float = 1.25) -> Tensor:
    """Share of the pixels whose rendered depth is right up to a factor.

    Args:
        predicted: Rendered depths of any shape, in any unit.
        target: True depths of the same shape and unit; 0 where they are not known.
        threshold: The factor.

    Returns:
        A scalar in [0, 1]; greater is better.

    Raises:
        InputError: If the shapes differ.

    Example:
        >>> delta(torch.tensor([1.2, 1.2, 9.0]), torch.tensor([1.0, 2.0, 0.0]))
        tensor(0.5000)
    """
    predicted, target = _known(predicted, target)
    return ((predicted < threshold * target) & (target < threshold * predicted)).to(target.dtype).mean()


def depth_metrics(rendered: Mapping[str, Tensor], target: Tensor, metres_per_unit: float | None) -> dict[str, float]:
    """``_abs_rel``, ``_rmse``, ``_rmse_metres`` and ``_delta1`` of ``depth`` (the median) and ``expected_depth``.

    Args:
        rendered: A model's outputs, of which these two are measured where they are there, in scene units.
        target: Measured depth, in scene units.
        metres_per_unit: What a scene unit is; None where it is not known, and there is no ``_rmse_metres`` then.

    Example:
        >>> found = depth_metrics({"depth": torch.tensor([2.0])}, torch.tensor([4.0]), metres_per_unit=3.0)
        >>> found["depth_abs_rel"], found["depth_rmse"], found["depth_rmse_metres"], found["depth_delta1"]
        (0.5, 2.0, 6.0, 0.0)
    """
    found = {}
    for name in ("depth", "expected_depth"):
        if name in rendered:
            depth = rendered[name].to(target.device)
            found[f"{name}_abs_rel"] = abs_rel(depth, target).item()
            found[f"{name}_rmse"] = rmse(depth, target).item()
            if metres_per_unit is not None:
                found[f"{name}_rmse_metres"] = found[f"{name}_rmse"] * metres_per_unit
            found[f"{name}_delta1"] = delta(depth, target).item()
    return found


def _known(predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    if predicted.shape != target.shape:
        raise InputError(
            f"The rendered depth has the shape {list(predicted.shape)} and the true one {list(target.shape)}: both "
            "must be of one size."
        )
    known = torch.isfinite(target) & (target > 0)
    return predicted[known], target[known]
