"""Learned scale and shift of monocular depth, one pair per training image."""

import torch
from torch import Tensor, nn


class DepthAlignment(nn.Module):
    """Corrects depths by ``exp(s) D + b`` with a log-scale s and a shift b per image, at first the identity.

    The scale stays positive, so that near stays near.

    Args:
        num_images: Number of training images.

    Attributes:
        log_scale_and_shift: ``[num_images, 2]``; the shift is in the unit of the depths.

    Example:
        >>> alignment = DepthAlignment(num_images=1)
        >>> alignment.log_scale_and_shift.data[0] = torch.tensor([0.0, 0.5])
        >>> monocular = torch.tensor([True, False])
        >>> alignment(torch.tensor([2.0, 2.0]), monocular, torch.tensor([0, 0])).tolist()
        [2.5, 2.0]
    """

    def __init__(self, num_images: int) -> None:
        super().__init__()
        self.log_scale_and_shift = nn.Parameter(torch.zeros(num_images, 2))

    def forward(self, depth: Tensor, monocular: Tensor, image_indices: Tensor) -> Tensor:
        """Correct the depths of monocular pixels.

        Args:
            depth: ``[B]``; 0 where it is not known, which it stays.
            monocular: ``[B]``, bool: the pixels to correct.
            image_indices: The training image each belongs to, ``[B]``, int64.

        Returns:
            ``[B]``; a depth that a shift has made negative counts as not known.
        """
        log_scale, shift = self.log_scale_and_shift[image_indices].unbind(-1)
        return torch.where(monocular & (depth > 0), depth * log_scale.exp() + shift, depth)
