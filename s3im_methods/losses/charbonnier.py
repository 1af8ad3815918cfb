"""mip-NeRF 360's loss of colours (Charbonnier): squares near 0, absolute values elsewhere."""

import torch
from torch import Tensor, nn


class CharbonnierLoss(nn.Module):
    """The mean of ``sqrt(d^2 + padding^2)`` (Barron et al., CVPR 2022, section 5).

    Args:
        padding: Below this difference the loss is nearly quadratic.

    Example:
        >>> loss = CharbonnierLoss(0.001)
        >>> round(loss(torch.tensor([0.3]), torch.tensor([0.1])).item(), 4)
        0.2
    """

    def __init__(self, padding: float) -> None:
        super().__init__()
        self.padding = padding

    def forward(self, target: Tensor, predicted: Tensor) -> Tensor:
        """The loss of two tensors of one shape, a scalar."""
        return torch.sqrt((target.float() - predicted.float()).square() + self.padding**2).mean()
