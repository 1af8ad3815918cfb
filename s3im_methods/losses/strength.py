"""How hard losses pull at the rendered colours, and factors that make two of them pull equally hard.

S3IM is nearly the squared error divided by the batch's contrast. Added to a method's own loss of the colours it
therefore does two things: it turns the direction of the pull, and it makes the pull several times as strong, so that
every regulariser counts that much less. The factors here take the two apart: the control has S3IM's strength without
its direction, and S3IM in balance has its direction without its strength.

Symbols: g is the gradient of the method's own loss with respect to the rendered colours, h that of the added one.
"""

import torch
from torch import Tensor


def control_factor(own: Tensor, added: Tensor, colours: Tensor) -> Tensor:
    """By how much to multiply ``own`` so that it pulls as hard as ``own + added``: ``|g + h| / |g|``.

    Args:
        own: The method's own loss of the colours, a scalar.
        added: The loss that a variant under test adds to it, weighted, a scalar.
        colours: The rendered colours that both were computed from, of any shape; they need gradients.

    Returns:
        The ratio of the Euclidean norms, a scalar without gradient, in float32 or float64; 1 where ``own`` has no
        gradient, because no factor can help then.

    Example:
        >>> colours = torch.tensor([0.5], requires_grad=True)
        >>> control_factor(colours.square().sum(), 3 * colours.sum(), colours).item()
        4.0
    """
    alone, both = _pulls(own, added, colours)
    return torch.where(alone > 0, both / alone, 1.0)


def balance_factor(own: Tensor, added: Tensor, colours: Tensor) -> Tensor:
    """By how much to multiply ``own + added`` so that it pulls no harder than ``own`` alone: ``|g| / |g + h|``.

    Args:
        own: The method's own loss of the colours, a scalar.
        added: The loss that is added to it, weighted, a scalar.
        colours: The rendered colours that both were computed from, of any shape; they need gradients.

    Returns:
        The ratio of the Euclidean norms, a scalar without gradient, in float32 or float64; 1 where the sum has no
        gradient. Where the two cancel almost, the factor is at most :data:`MOST_BALANCE`.

    Example:
        >>> colours = torch.tensor([0.5], requires_grad=True)
        >>> balance_factor(colours.square().sum(), 3 * colours.sum(), colours).item()
        0.25
    """
    alone, both = _pulls(own, added, colours)
    return torch.where(both > 0, alone / both, 1.0).clamp(max=MOST_BALANCE)


MOST_BALANCE = 10.0
"""Two gradients that nearly cancel leave a direction that is mostly rounding, which must not be made strong."""


def _pulls(own: Tensor, added: Tensor, colours: Tensor) -> tuple[Tensor, Tensor]:
    """The lengths of g and of g + h, without gradient; the graph stays, for the step's own backward pass."""
    lengths = []
    for loss in (own, own + added):
        (gradient,) = torch.autograd.grad(loss, colours, retain_graph=True)
        lengths.append(torch.linalg.vector_norm(gradient, dtype=torch.promote_types(gradient.dtype, torch.float32)))
    return lengths[0], lengths[1]
