"""Losses of the rendered depth: its squared and its absolute error.

    E[t] = sum_i w_i t_i / sum_i w_i,    L2 = mean over rays of (E[t] - D)^2,    L1 = mean over rays of |E[t] - D|

They fix the mean of a ray's weights only: weight before and behind the surface can cancel. In an unbounded scene bins
reach hundreds of times as far as the surface. A thousandth of the weight there moves the mean more than everything
else, and the loss answers with fog in front of the cameras. ``farthest`` prevents that.
"""

from typing import Literal

from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.losses.depth.valid_rays import full_precision, trusted_depth, trusted_mean


@full_precision
def expected_depth(weights: Tensor, starts: Tensor, ends: Tensor, farthest: Tensor | None = None) -> Tensor:
    """Mean distance of a ray's weights.

    Args:
        weights: Rendering weights, ``[B, S]``.
        starts: Distances along the ray where the bins start, ``[B, S]``, in scene units.
        ends: Where they end.
        farthest: Bins beyond this distance count as being there, ``[B]``; by default all are where they are.

    Returns:
        ``[B]``, between the midpoints of the first and the last bin; the first, with a gradient of 0, for a ray
        without weight.

    Example:
        >>> import torch
        >>> ends = torch.tensor([[1.0, 2.0, 3.0]])
        >>> expected_depth(torch.tensor([[0.0, 0.2, 0.2]]), ends - 1, ends)
        tensor([2.])
    """
    middles = (starts + ends) / 2
    if farthest is not None:
        middles = middles.minimum(farthest[:, None])
    # The least sum bounds the gradient of a ray almost without weight.
    mean = (weights * middles).sum(-1) / weights.sum(-1).clamp(min=1e-6)
    return mean.clamp(middles[:, 0], middles[:, -1])


@full_precision
def rendered_depth_loss(
    predicted_depth: Tensor, depth: Tensor, norm: Literal["l2", "l1"] = "l2", confidence: Tensor | None = None
) -> Tensor:
    """The loss of the module's formula.

    Args:
        predicted_depth: The rendered depth, ``[B]``, in scene units along the ray.
        depth: The true one, ``[B]``; 0 where it is not known.
        norm: ``l2`` for the mean of squares, in square scene units; ``l1`` for the mean of absolute values.
        confidence: How much each ray counts in the mean, ``[B]``, 0 or above; by default all count the same.

    Returns:
        A scalar; 0, with a gradient of 0, where no ray has a depth.

    Raises:
        InputError: If the shapes differ.

    Example:
        >>> import torch
        >>> rendered_depth_loss(torch.tensor([2.0, 7.0]), torch.tensor([5.0, 0.0]))
        tensor(9.)
    """
    if predicted_depth.shape != depth.shape or depth.dim() != 1:
        raise InputError(
            f"The rendered depth has the shape {list(predicted_depth.shape)} and the true one {list(depth.shape)}: "
            "give one number per ray in both."
        )
    depth, trust = trusted_depth(depth, confidence)
    error = predicted_depth - depth
    return trusted_mean(error.square() if norm == "l2" else error.abs(), trust)
