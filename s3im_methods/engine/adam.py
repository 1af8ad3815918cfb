"""Adam in one pass over the parameters, with the decay rates of its moments as a setting.

nerfstudio's config leaves both at torch's defaults; several passes were a tenth of a training step on a CPU.
"""

from dataclasses import dataclass

import torch
from nerfstudio.engine.optimizers import AdamOptimizerConfig


@dataclass
class FusedAdamConfig(AdamOptimizerConfig):
    """nerfstudio's Adam, with all arithmetic of an update in one kernel."""

    fused: bool = True
    """Whether one kernel does the whole update; the result differs by rounding."""


@dataclass
class BetaAdamConfig(FusedAdamConfig):
    """The same, and its betas."""

    betas: tuple[float, float] = (0.9, 0.99)
    """Decay rates of the first and the second moment; TensoRF (Chen et al., ECCV 2022) uses 0.9 and 0.99."""


def arrange_moments(optimizer: torch.optim.Optimizer) -> None:
    """Let each moment lie in memory as its parameter does.

    The one kernel goes through both in the order of their memory and does not look whether this is the same (torch
    2.15); moments from a checkpoint may lie otherwise.
    """
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if not isinstance(value, torch.Tensor) or value.shape != parameter.shape:
                continue
            if value.stride() != parameter.stride():
                state[name] = torch.empty_like(parameter).copy_(value)
