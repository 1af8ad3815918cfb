"""Adam with the decay rates of its moments as a setting, which nerfstudio's leaves at torch's default."""

from dataclasses import dataclass

from nerfstudio.engine.optimizers import AdamOptimizerConfig


@dataclass
class BetaAdamConfig(AdamOptimizerConfig):
    """nerfstudio's Adam, and its betas."""

    betas: tuple[float, float] = (0.9, 0.99)
    """Decay rates of the first and the second moment; TensoRF (Chen et al., ECCV 2022) uses 0.9 and 0.99."""
