"""SparseNeRF's ranking loss (Wang et al., "SparseNeRF: Distilling Depth Ranking for Few-shot Novel View Synthesis",
ICCV 2023): which of two rays ends nearer, for depths of unknown scale.

    loss = mean over pairs with D_i < D_j of  max(d_i - d_j + margin, 0)

with d the rendered and D the given depth. nerfstudio 1.1.5 averages over the pairs that disagree, which is NaN once
none does.
"""

import torch
from torch import Tensor

from s3im_methods.losses.depth.valid_rays import full_precision, trusted_depth, trusted_mean


@full_precision
def ranking_depth_loss(
    predicted_depth: Tensor,
    depth: Tensor,
    image_indices: Tensor | None = None,
    margin: float = 1e-4,
    confidence: Tensor | None = None,
) -> Tensor:
    """The loss of the module's formula, over the pairs of consecutive rays.

    Args:
        predicted_depth: The rendered depth, ``[B]``, in scene units.
        depth: The given one, ``[B]``, in any unit that grows with distance; 0 where it is not known.
        image_indices: The image each ray belongs to, ``[B]``, int64; only rays of one image are compared, consecutive
            among its rays. By default all rays are one image's.
        margin: How much farther, in scene units, the farther ray must be rendered.
        confidence: How much each ray counts, ``[B]``, 0 or above; a pair counts as much as the product.

    Returns:
        A scalar; 0, with a gradient of 0, where no pair can be compared or all agree.

    Example:
        >>> ranking_depth_loss(torch.tensor([2.0, 1.5, 9.0]), torch.tensor([1.0, 7.0, 8.0]), margin=0.0)
        tensor(0.2500)
    """
    depth, trust = trusted_depth(depth, confidence)
    comparable = None
    if image_indices is not None:
        order = image_indices.argsort(stable=True)
        predicted_depth, depth, trust, image_indices = (
            values[order] for values in (predicted_depth, depth, trust, image_indices)
        )
        comparable = image_indices[1:] == image_indices[:-1]
    order_of_truth = torch.sign(depth[1:] - depth[:-1])
    violation = (margin - order_of_truth * (predicted_depth[1:] - predicted_depth[:-1])).clamp(min=0)
    trust = trust[1:] * trust[:-1] * order_of_truth.abs()
    return trusted_mean(violation, trust if comparable is None else trust * comparable)
