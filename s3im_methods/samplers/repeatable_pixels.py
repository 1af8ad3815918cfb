"""nerfstudio's plain pixel sampler, whose processes draw the same pixels in each training with the same seed.

``ParallelDataManager`` starts processes of its own, and there torch and Python begin with a seed that nobody chose
(nerfstudio 1.1.5): a training does not repeat itself, and two variants of equal seed see other pixels.
"""

import os
import random
from typing import Any

import torch
from nerfstudio.data.pixel_samplers import PixelSampler, PixelSamplerConfig
from nerfstudio.utils import comms

from s3im_methods.randomness import process_seed, step_seed


class RepeatablePixelSampler(PixelSampler):
    """Draws by the run's seed in other processes; in its own one it is nerfstudio's sampler.

    Args:
        config: nerfstudio's.
        kwargs: Settings that replace those of ``config``.
    """

    def __init__(self, config: PixelSamplerConfig, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        # nerfstudio has seeded torch by the run's seed before it builds anything.
        self._seed = step_seed(torch.initial_seed(), comms.get_rank(), 0, "pixels")
        self._process = os.getpid()

    def sample(self, image_batch: dict) -> dict:
        """nerfstudio's, see there."""
        if os.getpid() != self._process:
            self._process = os.getpid()
            seed = process_seed(self._seed)
            torch.manual_seed(seed)
            # Pixels below a mask are drawn by Python.
            random.seed(seed)
        return super().sample(image_batch)
