"""Squared difference of given and rendered depth after the best scale and shift of each image (Ranftl et al., "Towards
Robust Monocular Depth Estimation", TPAMI 2022, eq. 3 to 5; MonoSDF, Yu et al., NeurIPS 2022, eq. 13).

    loss = mean over rays of  (w d + q - D)^2,   with (w, q) of each image the least squares solution

with d the rendered and D the given depth.
"""

from torch import Tensor

from s3im_methods.losses.depth.pearson import LEAST_VARIANCE
from s3im_methods.losses.depth.per_image import PerImage
from s3im_methods.losses.depth.valid_rays import full_precision, trusted_depth, trusted_mean


@full_precision
def scale_shift_invariant_loss(
    predicted_depth: Tensor,
    depth: Tensor,
    image_indices: Tensor | None = None,
    confidence: Tensor | None = None,
    is_relative: bool = False,
) -> Tensor:
    """The loss of the module's formula; images with fewer than three rays in the batch are left out.

    Args:
        predicted_depth: The rendered depth, ``[B]``, in scene units.
        depth: The given one, ``[B]``, in any unit; 0 where it is not known.
        image_indices: The image each ray belongs to, ``[B]``, int64; by default all rays are one image's.
        confidence: How much each ray counts, ``[B]``, 0 or above; by default all count the same.
        is_relative: Whether the loss is a share of the given depth's variance within images, from 0 to 1, so that its
            unit does not matter.

    Returns:
        A scalar, in the given depth's unit squared unless it is relative; 0, with a gradient of 0, where no image has
        enough rays with a depth.

    Example:
        >>> depth = torch.tensor([1.0, 2.0, 3.0, 6.0])
        >>> round(scale_shift_invariant_loss(0.5 * depth + 3, depth).item(), 4)
        0.0
        >>> bumpy = torch.tensor([1.0, 2.0, 2.0, 1.0])  # uncorrelated with the next
        >>> round(scale_shift_invariant_loss(bumpy, torch.tensor([10.0, 20.0, 10.0, 20.0]), is_relative=True).item(), 4)
        1.0
    """
    depth, trust = trusted_depth(depth, confidence)
    rays = PerImage(trust, image_indices)
    x, y = rays.centred(predicted_depth), rays.centred(depth)
    scale = rays.means(x * y) / (rays.means(x * x) + LEAST_VARIANCE)
    trust = trust * rays.enough[rays.groups]
    loss = trusted_mean((scale[rays.groups] * x - y).square(), trust)
    return loss / (trusted_mean(y * y, trust) + LEAST_VARIANCE) if is_relative else loss
