"""What a surface method finds along its rays."""

from dataclasses import dataclass

from nerfstudio.cameras.rays import RaySamples
from torch import Tensor

Level = tuple[Tensor, RaySamples]
"""Weights ``[R, S, 1]`` of samples ``[R, S]``."""


@dataclass
class SurfaceSamples:
    """Samples ``[R, S]`` along ``R`` rays, evaluated."""

    samples: RaySamples
    """Where they are."""
    colours: Tensor
    """``[R, S, 3]``."""
    normals: Tensor
    """Unit vectors ``[R, S, 3]``; 0 where a sample was not evaluated in full."""
    weights: Tensor
    """What each sample's colour weighs in its pixel, ``[R, S, 1]``; 0 on rays that miss the surface's sphere."""
    transmittance: Tensor
    """What is left of a ray behind its last sample, for the background, ``[R, 1]``."""
    levels: list[Level]
    """The samples that led to these, a proposal network's each, and these last; of a sampler without such networks only
    these. Losses of the proposal networks and of depth read them."""
    for_losses: dict[str, Tensor]
    """What only losses read, by the name of the output that it becomes in training; ``eik_grad`` are the gradients
    ``[..., 3]`` whose length the eikonal loss wants to be 1."""
