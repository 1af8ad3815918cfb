"""What a sampler knows of signed distances in the bins that it made, so that no one has to look a second time.

:func:`~s3im_methods.fields.surface_band.outputs_in_band` reads it in place of its own first look.
"""

from dataclasses import dataclass

import torch
from nerfstudio.cameras.rays import RaySamples
from torch import Tensor

_MIDDLE, _LEAST = "known_sdf", "least_distance"


def least_distance(distances: Tensor, sdf: Tensor) -> Tensor:
    """How near to the surface a bin may come, from the signed distances at its ends.

    This is d* of VolSDF (Yariv et al., NeurIPS 2021, Theorem 1). Where no surface is, there are balls around both ends;
    d* is how far the segment between them stays from their outside.

    Args:
        distances: Edges along rays, ``[R, N + 1]``.
        sdf: Signed distances there, ``[R, N + 1]``, in the same unit.

    Returns:
        At most the least absolute distance in each bin, ``[R, N]``; 0 where the sign changes.

    Example:
        >>> least_distance(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.4, 0.6]]))
        tensor([[0.]])
        >>> least_distance(torch.tensor([[0.0, 0.2]]), torch.tensor([[0.4, 0.6]]))
        tensor([[0.4000]])
    """
    a = distances.diff(dim=1)
    b, c = sdf[:, :-1].abs(), sdf[:, 1:].abs()
    half = (a + b + c) / 2
    # Heron's formula; rounding may make the triangle's area imaginary.
    area = (half * (half - a) * (half - b) * (half - c)).clamp(min=0).sqrt()
    least = torch.where(a > 0, 2 * area / a, torch.minimum(b, c))
    least = torch.where(a * a + b * b <= c * c, b, torch.where(a * a + c * c <= b * b, c, least))
    return torch.where(sdf[:, :-1] * sdf[:, 1:] > 0, least, 0)


@dataclass
class KnownDistances:
    """Of the bins of samples ``[R, S]``, without a graph."""

    middle: Tensor
    """Signed distances at their middles, or nearly so, ``[R, S]``, scene units."""
    least: Tensor
    """How near to the surface each bin may come, ``[R, S]``."""

    def noted(self, samples: RaySamples) -> RaySamples:
        """The samples ``[R, S]``, with this in their metadata."""
        samples.metadata = {
            **(samples.metadata or {}),
            _MIDDLE: self.middle[..., None],
            _LEAST: self.least[..., None],
        }
        return samples

    @staticmethod
    def of(samples: RaySamples) -> "KnownDistances | None":
        """What was noted of samples ``[R, S]``."""
        metadata = samples.metadata or {}
        if _MIDDLE not in metadata:
            return None
        return KnownDistances(metadata[_MIDDLE][..., 0], metadata[_LEAST][..., 0])
