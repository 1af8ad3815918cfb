"""How many rays a training step takes, so that the samples on them stay at a target.

Where empty space is skipped, a ray's samples grow fewer as the surface gets clear: 38 at first, 6 in the end. Then a
step can take more rays for the same time (instant-ngp, Mueller et al., 2022).
"""

import torch
from torch import Tensor, nn

FEWEST, MOST = 256, 4096
_MULTIPLE = 64
_MEMORY = 0.9


def next_budget(budget: float, rays: int, samples: int, target: int) -> float:
    """The number of rays to aim at, smoothed over ten steps or so; it need not be whole.

    Args:
        budget: The previous one.
        rays: How many the step had.
        samples: How many samples were on them, 0 or more.
        target: How many there should be.

    Returns:
        From 256 to 4,096.

    Example:
        >>> budget = 256.0
        >>> for _ in range(100):
        ...     budget = next_budget(budget, rays_of(budget), 8 * rays_of(budget), target=8192)
        >>> rays_of(budget)
        1024
    """
    fits = min(rays * target / max(samples, 1), float(MOST))
    return min(max(_MEMORY * budget + (1 - _MEMORY) * fits, FEWEST), MOST)


def rays_of(budget: float) -> int:
    """The nearest multiple of 64 rays."""
    return round(budget / _MULTIPLE) * _MULTIPLE


class RayBudget(nn.Module):
    """:func:`next_budget` with its state in the checkpoint, so that a resumed run takes as many rays.

    Args:
        target: Samples in a step.
    """

    budget: Tensor

    def __init__(self, target: int) -> None:
        super().__init__()
        self.target = target
        # On the CPU's side of a training step: a float64 holds whatever a Python number does.
        self.register_buffer("budget", torch.tensor(float(FEWEST), dtype=torch.float64))

    @property
    def rays(self) -> int:
        """How many rays the next step is to take."""
        return rays_of(float(self.budget))

    def note(self, rays: int, samples: int) -> None:
        """Take in how many samples a training step had on its rays."""
        self.budget.fill_(next_budget(float(self.budget), rays, samples, self.target))
