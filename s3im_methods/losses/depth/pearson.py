"""One minus the correlation of rendered and given depth, for depths of unknown scale and shift (as in Xiong et al.,
"SparseGS: Sparse View Synthesis using 3D Gaussian Splatting", 3DV 2025).

    loss = mean over images, weighted by their rays, of  1 - cov(d, D) / sqrt(var(d) var(D))

with the moments over the image's rays in the batch.
"""

from torch import Tensor

from s3im_methods.losses.depth.per_image import PerImage
from s3im_methods.losses.depth.valid_rays import full_precision, trusted_depth, trusted_mean

LEAST_VARIANCE = 1e-8
"""Added to variances, in square scene units, so that constant depths have a finite gradient."""


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
    rays = PerImage(trust, image_indices)
    x, y = rays.centred(predicted_depth), rays.centred(depth)
    variances = [rays.means(values * values) + LEAST_VARIANCE for values in (x, y)]
    correlation = rays.means(x * y) / (variances[0] * variances[1]).sqrt()
    return trusted_mean(1 - correlation, rays.total * rays.enough)
