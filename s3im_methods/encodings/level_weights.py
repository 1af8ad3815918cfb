"""How much of a hash grid's level a pixel can see: what mip-NeRF's encoding is to sines, for grids.

A level of n cells per unit length, seen by a Gaussian of standard deviation sigma, is weighted by the share of the
Gaussian that falls into a cell around its middle, ``erf(1 / (sqrt(8) sigma n))``: 1 for cells that are large, and
falling as ``1 / (sigma n)`` for small ones (Zip-NeRF, Barron et al., ICCV 2023, eq. 10). One point is looked up for
each sample, where Zip-NeRF has six.
"""

import torch
from nerfstudio.cameras.rays import Frustums
from torch import Tensor

from s3im_methods.rays.frustum_gaussians import CONE_RADIUS


def level_weights(deviation: Tensor, resolutions: Tensor) -> Tensor:
    """Weights of the levels.

    Args:
        deviation: Standard deviations of samples in the grid's unit cube, ``[*batch, 1]``; 0 for a point.
        resolutions: Cells per side of each level, ``[L]``.

    Returns:
        From 0 to 1, ``[*batch, L]``.

    Example:
        >>> level_weights(torch.tensor([0.25]), torch.tensor([1.0, 2.0, 4.0, 8.0]))
        tensor([0.9545, 0.6827, 0.3829, 0.1974])
    """
    return torch.erf(1 / (8**0.5 * deviation * resolutions))


@torch.no_grad()
def footprint(frustums: Frustums, spread: float) -> Tensor:
    """How far a pixel reaches at its samples, across the ray, in the world.

    Args:
        frustums: Samples ``[*batch]``.
        spread: In standard deviations of the cone, which are ``pixel width / sqrt(12)`` at distance 1.

    Returns:
        ``[*batch, 1]``.
    """
    return ray_radii(frustums.pixel_area, spread) * ((frustums.starts + frustums.ends) / 2)


def ray_radii(pixel_area: Tensor, spread: float) -> Tensor:
    """How far pixels reach at distance 1, of the shape of their area; ``spread`` as above."""
    return (0.5 * CONE_RADIUS * spread) * pixel_area.clamp(min=0).sqrt()


@torch.no_grad()
def contracted_footprint(deviation: Tensor, positions: Tensor) -> Tensor:
    """The same after the contraction in the maximum norm into a cube of side 4, on average over the three directions.

    With m the largest coordinate, the contraction's Jacobian has the determinant ``(2 m - 1)^2 / m^6`` outside the unit
    cube, and its cube root is the average.

    Args:
        deviation: In the world, ``[*batch, 1]``.
        positions: In the world, ``[*batch, 3]``.

    Example:
        >>> contracted_footprint(torch.ones(2, 1), torch.tensor([[0.5, 0.0, 0.0], [2.0, 1.0, 0.0]]))
        tensor([[1.0000],
                [0.5200]])
    """
    largest = positions.abs().amax(dim=-1, keepdim=True).clamp(min=1.0)
    return deviation * (2 * largest - 1) ** (2 / 3) / largest**2
