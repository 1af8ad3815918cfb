"""The fair opponent of a loss that is added to another: the other one alone, made as strong as both are together.

S3IM is nearly the squared error divided by the batch's contrast, so it also makes the colours count several times as
much against regularisers. What it is good for beyond that shows against this control only.
"""

import torch
from torch import Tensor


def control_factor(own: Tensor, added: Tensor, colours: Tensor) -> Tensor:
    """By how much ``own`` has to be multiplied to pull at the colours as strongly as ``own + added`` does.

    Args:
        own: The method's own loss of the colours, a scalar.
        added: The loss that a variant under test adds to it, weighted, a scalar.
        colours: The rendered colours that both were computed from, of any shape; they need gradients.

    Returns:
        The ratio of the Euclidean norms of both gradients with respect to ``colours``, a scalar without gradient, in
        float32 or float64; 1 where ``own`` has no gradient, because no factor can help then.

    Example:
        >>> colours = torch.tensor([0.5], requires_grad=True)
        >>> control_factor(colours.square().sum(), 3 * colours.sum(), colours).item()
        4.0
    """
    norms = []
    for loss in (own, own + added):
        (gradient,) = torch.autograd.grad(loss, colours, retain_graph=True)
        norms.append(torch.linalg.vector_norm(gradient, dtype=torch.promote_types(gradient.dtype, torch.float32)))
    return torch.where(norms[0] > 0, norms[1] / norms[0], 1.0)
