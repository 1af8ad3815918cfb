"""How far from its measured depth a surface may be, over the training steps."""

import math
from dataclasses import dataclass

from s3im_methods.errors import InputError


@dataclass
class SigmaScheduleConfig:
    """The standard deviation of a depth, shrinking while the model learns."""

    start: float = 0.05
    """Standard deviation of a depth at the first step, in the unit of --pipeline.model.depth.sigma-unit."""
    end: float = 0.03
    """Standard deviation from the last step of the schedule on, in the same unit."""
    steps: int = 1000
    """Number of steps in which it goes from start to end, by the same factor at each step; 0 uses end alone."""

    def check(self) -> None:
        """Raise where a setting is out of range.

        Raises:
            InputError: If it is.
        """
        for name in ("start", "end"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(
                    f"The depth's sigma (--pipeline.model.depth.sigma.{name}) is {value}: give a distance above 0."
                )
        if self.steps < 0:
            raise InputError(
                f"The depth's sigma schedule (--pipeline.model.depth.sigma.steps) has {self.steps} steps: give 0 or "
                "more."
            )


def sigma_at(config: SigmaScheduleConfig, step: int) -> float:
    """The standard deviation at a training step: ``start^(1 - f) end^f`` with ``f = min(step / steps, 1)``.

    Args:
        config: The schedule.
        step: The training step, from 0.

    Example:
        >>> schedule = SigmaScheduleConfig(start=0.4, end=0.1, steps=100)
        >>> [round(sigma_at(schedule, step), 6) for step in (0, 50, 100, 1000)]
        [0.4, 0.2, 0.1, 0.1]
    """
    if step >= config.steps:
        return config.end
    return config.start * (config.end / config.start) ** (step / config.steps)
