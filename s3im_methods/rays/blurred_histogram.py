"""Fine samples from blurred weights of the coarse ones, so that none of them falls beside a surface (mip-NeRF)."""

from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.model_components.ray_samplers import PDFSampler
from torch import Tensor


def blurred(weights: Tensor) -> Tensor:
    """The mean of two neighbouring maxima: an envelope that is wide and smooth (Barron et al., ICCV 2021, eq. 18).

    Args:
        weights: ``[*batch, S]``.

    Example:
        >>> blurred(torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    padded = torch.cat([weights[..., :1], weights, weights[..., -1:]], dim=-1)
    larger = torch.maximum(padded[..., :-1], padded[..., 1:])
    return (larger[..., :-1] + larger[..., 1:]) / 2


class BlurredPDFSampler(PDFSampler):
    """nerfstudio's sampler of the fine samples, with blurred weights."""

    def generate_ray_samples(
        self,
        ray_bundle: RayBundle | None = None,
        ray_samples: RaySamples | None = None,
        weights: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> RaySamples:
        """Samples ``[R, num_samples]``, see nerfstudio's.

        Args:
            ray_bundle: ``[R]``.
            ray_samples: The coarse samples, ``[R, S]``.
            weights: Their weights, ``[R, S, 1]``.
            *args: nerfstudio's.
            **kwargs: nerfstudio's.
        """
        assert weights is not None
        weights = blurred(weights[..., 0])[..., None]
        return super().generate_ray_samples(ray_bundle, ray_samples, weights, *args, **kwargs)
