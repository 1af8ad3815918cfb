"""The learning rate of mip-NeRF 360 (Barron et al., CVPR 2022): log-linear decay, with a warm-up as a factor.

    lr(k) = [m + (1 - m) sin(pi/2 min(k / k_w, 1))] lr_0^(1 - k/K) lr_K^(k/K)

with k the step, k_w the warm-up's length, m the factor at step 0, K the last step; from K on it stays as it is.
nerfstudio's exponential decay differs: its clock starts after the warm-up, which replaces the decay. Without a warm-up
both are the same.
"""

import math
from dataclasses import dataclass, field

from nerfstudio.engine.schedulers import Scheduler, SchedulerConfig
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from s3im_methods.errors import InputError


@dataclass
class LogLinearSchedulerConfig(SchedulerConfig):
    """Log-linear decay of the learning rate with a warm-up; it begins at the optimiser's learning rate."""

    _target: type = field(default_factory=lambda: LogLinearScheduler)
    """The class to instantiate."""
    lr_final: float = 2e-5
    """Learning rate at the last step."""
    max_steps: int = 30000
    """The last step of the decay; the learning rate stays as it is from there on."""
    warmup_steps: int = 512
    """Number of steps over which the warm-up's factor grows to 1; 0 for no warm-up."""
    warmup_mult: float = 0.01
    """The warm-up's factor at the first step."""


def log_linear_rate(config: LogLinearSchedulerConfig, lr_init: float, step: int) -> float:
    """The learning rate at a step.

    Args:
        config: The schedule.
        lr_init: The learning rate from which the decay begins.
        step: The training step, from 0.

    Example:
        >>> config = LogLinearSchedulerConfig(lr_final=1e-4, max_steps=1000, warmup_steps=100)
        >>> [f"{log_linear_rate(config, 1e-2, step):.1e}" for step in (0, 100, 500, 1000, 5000)]
        ['1.0e-04', '6.3e-03', '1.0e-03', '1.0e-04', '1.0e-04']
    """
    done = min(step / config.max_steps, 1.0)
    warm = min(step / config.warmup_steps, 1.0) if config.warmup_steps > 0 else 1.0
    factor = config.warmup_mult + (1 - config.warmup_mult) * math.sin(0.5 * math.pi * warm)
    return factor * math.exp((1 - done) * math.log(lr_init) + done * math.log(config.lr_final))


class LogLinearScheduler(Scheduler):
    """Hands :func:`log_linear_rate` to torch.

    Args:
        config: The schedule.
    """

    config: LogLinearSchedulerConfig

    def get_scheduler(self, optimizer: Optimizer, lr_init: float) -> LRScheduler:
        """The schedule of one parameter group.

        Args:
            optimizer: Its optimiser.
            lr_init: The optimiser's learning rate.

        Raises:
            InputError: If a learning rate is not above 0, or there is no step.
        """
        config = self.config
        if not (lr_init > 0 and config.lr_final > 0):
            raise InputError(
                f"The learning rate goes from {lr_init} (--optimizers.*.optimizer.lr) to {config.lr_final} "
                "(--optimizers.*.scheduler.lr-final): a log-linear schedule needs both above 0."
            )
        if config.max_steps < 1:
            raise InputError(
                f"The learning rate's last step (--optimizers.*.scheduler.max-steps) is {config.max_steps}: give 1 or "
                "more."
            )
        # torch multiplies by the initial learning rate.
        return LambdaLR(optimizer, lambda step: log_linear_rate(config, lr_init, step) / lr_init)
