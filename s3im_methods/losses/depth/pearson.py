"""One minus the correlation of rendered and given depth, for depths of unknown scale and shift (as in Xiong et al.,
"SparseGS: Sparse View Synthesis using 3D Gaussian Splatting", 3DV 2025).

    loss = mean over images, weighted by their rays, of  1 - cov(d, D) / sqrt(var(d) var(D))

with the moments over the image's rays in the batch.
"""

import torch
from torch import Tensor

from s3im_methods.losses.depth.valid_rays import full_precision, trusted_depth, trusted_mean

_LEAST_VARIANCE = 1e-8
"""Added to variances, in square scene units, so that constant depths have a finite gradient."""
_FEWEST_RAYS = 3
"""Two rays always have a correlation of 1 or -1."""


@full_precision
def pearson_depth_loss(
    predicted_depth: Tensor, depth: Tensor, image_indices: Tensor | None = None, confidence: Tensor | None = None
) -> Tensor:
    """The loss of the module's formula; images with fewer than three rays in the batch are left out.

    Args:
        predicted_depth: The rendered depth, ``[B]``, in scene units.
        depth: The given one, ``[B]``, in any unit that grows with distance; 0 where it is not known.
        image_indices: The image each ray belongs to, ``[B]``, int64; by default all rays are one image's.
        confidence: How much each ray counts, ``[B]``, 0 or above; by default all count the same.

    Returns:
        A scalar in [0, 2]; 0, with a gradient of 0, where no image has enough rays with a depth.

    Example:
        >>> depth = torch.tensor([1.0, 2.0, 3.0, 5.0])
        >>> [round(pearson_depth_loss(predicted, depth).item(), 4) for predicted in (0.5 * depth + 3, -depth)]
        [0.0, 2.0]
    """
    depth, trust = trusted_depth(depth, confidence)
    if image_indices is None:
        image_indices = torch.zeros_like(depth, dtype=torch.int64)
    groups = _consecutive_numbers(image_indices)

    def sums(values: Tensor) -> Tensor:
        # As many places as rays, because counting the images would wait for the device.
        return torch.zeros_like(values).index_add(0, groups, values)

    total = sums(trust)
    safe_total = total.clamp(min=torch.finfo(trust.dtype).tiny)

    def centred(values: Tensor) -> Tensor:
        return values - (sums(trust * values) / safe_total)[groups]

    x, y = centred(predicted_depth), centred(depth)
    variances = [sums(trust * values * values) / safe_total + _LEAST_VARIANCE for values in (x, y)]
    covariance = sums(trust * x * y) / safe_total
    enough = sums((trust > 0).to(trust.dtype)) >= _FEWEST_RAYS
    correlation = covariance / (variances[0] * variances[1]).sqrt()
    return trusted_mean(1 - correlation, total * enough)


def _consecutive_numbers(labels: Tensor) -> Tensor:
    """Numbers from 0 on, the same for equal labels."""
    in_order, order = labels.sort(stable=True)
    numbers = torch.zeros_like(labels)
    numbers[1:] = (in_order[1:] != in_order[:-1]).cumsum(0)
    return torch.empty_like(numbers).scatter_(0, order, numbers)
