"""Samples whose last one lets nothing through: mip-NeRF 360's background, which has to be somewhere."""

import torch
from nerfstudio.cameras.rays import RaySamples
from torch import Tensor


class OpaqueSamples(RaySamples):
    """nerfstudio's samples; what passes all others is the last one's weight, so that weights add up to 1."""

    def get_weights(self, densities: Tensor) -> Tensor:  # type: ignore[override]
        """Weights ``[R, S, 1]`` from densities ``[R, S, 1]``."""
        before = super().get_weights(densities)[..., :-1, :]
        # Written so, and not with an infinite density, the gradients stay finite.
        return torch.cat([before, (1 - before.sum(dim=-2, keepdim=True)).clamp(min=0)], dim=-2)


def made_opaque(samples: RaySamples) -> RaySamples:
    """The same samples, the last of which is opaque.

    Args:
        samples: ``[R, S]``; changed in place.
    """
    samples.__class__ = OpaqueSamples
    return samples
