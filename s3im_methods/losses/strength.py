"""Gradients of losses at the rendered colours, and factors that give two of them the same norm.

S3IM is nearly the squared error divided by the batch's contrast. Added to a method's own loss of the colours it
therefore does two things: it turns the direction of their gradient, and it makes it several times as large, so that
every regulariser counts that much less. The factors here take the two apart: the control has the norm of the sum
without S3IM's direction, and S3IM in balance has its direction at the norm of the method's own loss.

Symbols: g is the gradient of the method's own loss with respect to the rendered colours, h that of the added one, which
is weighted already.
"""

import torch
from torch import Tensor


def pull(loss: Tensor, colours: Tensor) -> Tensor | None:
    """The gradient of a loss at the rendered colours; the graph stays, for the step's own backward pass.

    Args:
        loss: A scalar.
        colours: Rendered colours of any shape; they need gradients.

    Returns:
        A tensor of the colours' shape, or None where the loss does not depend on them.

    Example:
        >>> colours = torch.tensor([0.5], requires_grad=True)
        >>> pull(colours.square().sum(), colours), pull(torch.ones(()), colours)
        (tensor([1.]), None)
    """
    if not loss.requires_grad:
        return None
    return torch.autograd.grad(loss, colours, retain_graph=True, allow_unused=True)[0]


def control_factor(own: Tensor, added: Tensor) -> Tensor:
    """The factor that gives the method's own loss the gradient norm of the sum: ``|g + h| / |g|``.

    Args:
        own: g, of any shape.
        added: h, of the same shape.

    Returns:
        The ratio of the Euclidean norms, a scalar in float32 or float64; 1 where g is 0, because no factor can help
        then.

    Example:
        >>> control_factor(torch.tensor([1.0]), torch.tensor([3.0])).item()
        4.0
    """
    alone, both = _length(own), _length(own + added)
    return torch.where(alone > 0, both / alone, 1.0)


def balance_factor(own: Tensor, added: Tensor) -> Tensor:
    """The factor that gives the sum the gradient norm of the method's own loss: ``|g| / |g + h|``.

    Args:
        own: g, of any shape.
        added: h, of the same shape.

    Returns:
        The ratio of the Euclidean norms, a scalar in float32 or float64; 1 where g + h is 0. Where the two cancel
        almost, the factor is at most :data:`MOST_BALANCE`.

    Example:
        >>> balance_factor(torch.tensor([1.0]), torch.tensor([3.0])).item()
        0.25
    """
    alone, both = _length(own), _length(own + added)
    return torch.where(both > 0, alone / both, 1.0).clamp(max=MOST_BALANCE)


def balanced(own: Tensor, added: Tensor, colours: Tensor) -> Tensor:
    """Two losses of the rendered colours in balance: ``c (own + added)`` with c the :func:`balance_factor`.

    With ``S3IM(denominators="held")`` this is the default of all methods, for a training loop of your own. Other terms,
    such as regularisers, are added to the result.

    Args:
        own: The method's own loss of the colours, a scalar.
        added: The weighted S3IM loss, a scalar.
        colours: The rendered colours that both losses compare, of any shape; they need gradients.

    Returns:
        A scalar. Its gradient at the colours is as long as that of ``own``, and points as that of ``own + added``.

    Raises:
        ValueError: If one of the losses has no gradient at the colours.

    Example:
        >>> colours = torch.tensor([0.5], requires_grad=True)
        >>> loss = balanced(colours.square().sum(), 3 * colours.sum(), colours)
        >>> pull(loss, colours)
        tensor([1.])
    """
    pulls = [pull(loss, colours) for loss in (own, added)]
    if pulls[0] is None or pulls[1] is None:
        name = "own" if pulls[0] is None else "added"
        raise ValueError(f"The loss {name!r} has no gradient at the colours: give the tensor that both losses compare.")
    return balance_factor(pulls[0], pulls[1]) * (own + added)


MOST_BALANCE = 10.0
"""Two gradients that nearly cancel leave a direction that is mostly rounding, which must not be made strong."""


def _length(gradient: Tensor) -> Tensor:
    return torch.linalg.vector_norm(gradient, dtype=torch.promote_types(gradient.dtype, torch.float32))
