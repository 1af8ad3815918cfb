"""Moments over the rays of each image in a batch, for losses of depths of unknown scale."""

import torch
from torch import Tensor

FEWEST_RAYS = 3
"""Through two rays there is always a line."""


class PerImage:
    """The rays of a batch, by image.

    Args:
        trust: How much each ray counts, ``[B]``, 0 or above.
        image_indices: The image each ray belongs to, ``[B]``, int64; by default all rays are one image's.

    Attributes:
        total: Sum of trust of each image, ``[B]``: as many places as rays, because counting the images would wait for
            the device.
        enough: Which images have at least three rays that count, ``[B]``.
    """

    def __init__(self, trust: Tensor, image_indices: Tensor | None = None) -> None:
        self.trust = trust
        self.groups = (
            torch.zeros_like(trust, dtype=torch.int64) if image_indices is None else _consecutive_numbers(image_indices)
        )
        self.total = self._sums(trust)
        self.enough = self._sums((trust > 0).to(trust.dtype)) >= FEWEST_RAYS

    def means(self, values: Tensor) -> Tensor:
        """Mean of values ``[B]`` over each image's rays, weighted by trust, ``[B]``; 0 where nothing is trusted."""
        return self._sums(self.trust * values) / self.total.clamp(min=torch.finfo(self.trust.dtype).tiny)

    def centred(self, values: Tensor) -> Tensor:
        """Values ``[B]`` minus their image's mean."""
        return values - self.means(values)[self.groups]

    def _sums(self, values: Tensor) -> Tensor:
        return torch.zeros_like(values).index_add(0, self.groups, values)


def _consecutive_numbers(labels: Tensor) -> Tensor:
    """Numbers from 0 on, the same for equal labels."""
    in_order, order = labels.sort(stable=True)
    numbers = torch.zeros_like(labels)
    numbers[1:] = (in_order[1:] != in_order[:-1]).cumsum(0)
    return torch.empty_like(numbers).scatter_(0, order, numbers)
