"""What all depth losses share: which rays have a depth, the mean over them, and full precision."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from s3im_methods.errors import InputError

P = ParamSpec("P")
R = TypeVar("R")


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function of tensors compute in float32 at least, inside autocast too; float64 stays float64."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        device = next(value.device for value in (*args, *kwargs.values()) if isinstance(value, Tensor))
        with torch.autocast(device.type, enabled=False):
            return function(*map(widened, args), **{name: widened(value) for name, value in kwargs.items()})  # type: ignore[arg-type]

    return wrapped


def widened(value: Any) -> Any:
    """A tensor in float32 at least, lists and dictionaries of such; whatever else there is stays as it is.

    Example:
        >>> widened({"rgb": torch.ones(1, dtype=torch.float16), "rays": 4})
        {'rgb': tensor([1.]), 'rays': 4}
    """
    if isinstance(value, dict):
        return {name: widened(each) for name, each in value.items()}
    if isinstance(value, list):
        return [widened(each) for each in value]
    return value.float() if isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16) else value


def trusted_depth(depth: Tensor, confidence: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """How much each ray counts, and depths that can be computed with.

    Args:
        depth: ``[B]``; 0, negative, NaN and infinite mean that the ray has no depth.
        confidence: ``[B]``, 0 or above; by default every depth counts once.

    Returns:
        Depths ``[B]`` with 1 where there is none, and weights ``[B]`` with 0 there.

    Example:
        >>> trusted_depth(torch.tensor([2.0, 0.0]))
        (tensor([2., 1.]), tensor([1., 0.]))
    """
    valid = torch.isfinite(depth) & (depth > 0)
    trust = valid.to(depth.dtype) if confidence is None else torch.where(valid, confidence, 0)
    return torch.where(valid, depth, 1), trust


def trusted_mean(values: Tensor, trust: Tensor) -> Tensor:
    """Mean of values weighted by trust, both ``[N]``; 0, with a gradient of 0, where nothing is trusted.

    What values without trust hold has no effect.

    Example:
        >>> trusted_mean(torch.tensor([1.0, 4.0, float("nan")]), torch.tensor([1.0, 0.5, 0.0]))
        tensor(2.)
    """
    total = (torch.where(trust > 0, values, 0) * trust).sum()
    return total / trust.sum().clamp(min=torch.finfo(trust.dtype).tiny)


def per_ray(value: float | Tensor) -> float | Tensor:
    """One number for all rays as it is, one number per ray (``[B]``) as a column that meets ``[B, S]``."""
    return value[:, None] if isinstance(value, Tensor) and value.dim() == 1 else value


@torch.no_grad()
def above(values: Tensor) -> Tensor:
    """1 where values are above 0, else 0, as numbers: on a CPU booleans, and what is chosen by them, take far longer.

    Example:
        >>> above(torch.tensor([-2.0, 0.0, 0.5]))
        tensor([0., 0., 1.])
    """
    return values.sign().clamp_(min=0)


def check_bins(weights: Tensor, starts: Tensor, ends: Tensor, depth: Tensor) -> None:
    """Raise where the shapes of a depth loss's arguments do not fit together.

    Raises:
        InputError: If they do not.
    """
    if weights.dim() != 2 or not weights.shape == starts.shape == ends.shape or depth.shape != weights.shape[:1]:
        shapes = [list(tensor.shape) for tensor in (weights, starts, ends, depth)]
        raise InputError(
            "A depth loss takes weights, bin starts and bin ends of one shape [rays, samples], and depths [rays], but "
            f"their shapes are {shapes[0]}, {shapes[1]}, {shapes[2]} and {shapes[3]}: drop or add dimensions of size 1."
        )


def check_sigma(sigma: float | Tensor) -> None:
    """Raise where one number for all rays is not a width; numbers on a device are not looked at.

    Raises:
        InputError: If it is not above 0.
    """
    if not isinstance(sigma, Tensor) and not sigma > 0:
        raise InputError(f"A depth loss's sigma is {sigma}: give a distance above 0, in the unit of the depths.")
