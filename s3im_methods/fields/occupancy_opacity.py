"""UNISURF's opacity: a sample is as opaque as its place is occupied (Oechsle et al., ICCV 2021, eq. 5 and 6).

The occupancy is a logistic function of the field's value; the surface is where it is one half, which is where the value
is 0. The length of a bin does not count: more samples on a piece of a ray make it more opaque, so that training and
evaluation take equally many. Without an eikonal loss the field's value is a signed distance only roughly, and only its
product with the slope counts.
"""

import torch
from nerfstudio.cameras.rays import RaySamples
from torch import Tensor, nn

from s3im_methods.fields.opacity import OpacityRule


class OccupancyOpacity(OpacityRule):
    """UNISURF's rule, with a slope that is learned; the original fixes it at 10.

    Args:
        beta_init: A tenth of the logarithm of the slope at the start, in units of the unit sphere.
        learned: Whether the slope is a parameter that learns.

    Attributes:
        log_slope: A tenth of the logarithm of the slope, ``[1]``.

    Example:
        >>> from s3im_methods.fields.unit_space import UnitSpace
        >>> rule = OccupancyOpacity(beta_init=0.3)
        >>> rule.space = UnitSpace(radius=2.0)
        >>> round(rule.sharpness().item(), 4)  # exp(3) over the radius
        10.0428
        >>> rule.occupancy(torch.tensor([0.0, 1000.0, -1000.0])).tolist()
        [0.5, 0.0, 1.0]
    """

    pointwise = True

    def __init__(self, beta_init: float, learned: bool = True) -> None:
        super().__init__()
        self.log_slope = nn.Parameter(beta_init * torch.ones(1), requires_grad=learned)

    def sharpness(self) -> Tensor:
        """The slope per scene unit, ``[1]``."""
        return torch.exp(self.log_slope * 10.0).clip(1e-6, 1e6) / self.space.radius

    def occupancy(self, sdf: Tensor) -> Tensor:
        """Occupancies, from 0 to 1, where the field has these values; the same shape."""
        return torch.sigmoid(-self.sharpness() * sdf)

    def alphas(self, sdf: Tensor, gradients: Tensor, samples: RaySamples) -> Tensor:
        """Opacity of each bin, ``[R, S, 1]``; see :meth:`OpacityRule.alphas`."""
        return self.occupancy(sdf)
