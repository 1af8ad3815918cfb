"""nerfstudio's cosine decay of the learning rate (NeuS, Wang et al., NeurIPS 2021), which stays at its end.

nerfstudio's own follows the cosine on past its last step, where the rate grows again: a run that is continued beyond
``max_steps`` would be torn apart.
"""

from dataclasses import dataclass, field

from nerfstudio.engine.schedulers import CosineDecayScheduler, CosineDecaySchedulerConfig
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


@dataclass
class CosineSchedulerConfig(CosineDecaySchedulerConfig):
    """Cosine decay with a linear warm-up; from max-steps on the learning rate stays as it is."""

    _target: type = field(default_factory=lambda: CosineScheduler)
    """The class to instantiate."""


class CosineScheduler(CosineDecayScheduler):
    """nerfstudio's schedule, asked for no later step than its last.

    Args:
        config: The schedule.
    """

    config: CosineSchedulerConfig

    def get_scheduler(self, optimizer: Optimizer, lr_init: float) -> LRScheduler:
        """The schedule of one parameter group.

        Args:
            optimizer: Its optimiser.
            lr_init: The optimiser's learning rate.
        """
        scheduler = super().get_scheduler(optimizer, lr_init)
        assert isinstance(scheduler, LambdaLR)
        (factor,) = scheduler.lr_lambdas
        scheduler.lr_lambdas = [lambda step: factor(min(step, self.config.max_steps))]
        return scheduler
