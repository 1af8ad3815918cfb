"""NeuS's opacity: how much a logistic distribution function of the signed distance falls within a bin.

Wang et al., NeurIPS 2021, eq. 10 to 13, with one evaluation per bin: the distances at its two ends follow from that in
its middle and from the slope along the ray.
"""

import torch
from nerfstudio.cameras.rays import RaySamples
from torch import Tensor, nn
from torch.nn import functional

from s3im_methods.fields.opacity import OpacityRule

_TINY = 1e-5
"""Keeps the quotient finite deep inside, where both distribution functions vanish."""


class LogisticOpacity(OpacityRule):
    """NeuS's rule with its learned s; the schedule goes from counting surfaces seen from behind to leaving them out.

    Args:
        beta_init: A tenth of the logarithm of s at the start.

    Attributes:
        variance: A tenth of the logarithm of s, ``[1]``, under nerfstudio's name for it.

    Example:
        >>> from s3im_methods.fields.unit_space import UnitSpace
        >>> rule = LogisticOpacity(beta_init=0.3)
        >>> rule.space = UnitSpace(radius=2.0)
        >>> round(rule.sharpness().item(), 4)  # exp(3) over the radius
        10.0428
    """

    def __init__(self, beta_init: float) -> None:
        super().__init__()
        self.variance = nn.Parameter(beta_init * torch.ones(1))

    def sharpness(self) -> Tensor:
        """s per scene unit, ``[1]``."""
        return torch.exp(self.variance * 10.0).clip(1e-6, 1e6) / self.space.radius

    def alphas(self, sdf: Tensor, gradients: Tensor, samples: RaySamples) -> Tensor:
        """Opacity of each bin, ``[R, S, 1]``; see :meth:`OpacityRule.alphas`."""
        s = self.sharpness()
        assert samples.deltas is not None
        cosine = (samples.frustums.directions * gradients).sum(-1, keepdim=True)
        # Never positive. At first a surface seen from behind, whose distance grows along the ray, is opaque too.
        both_sides, front = functional.relu(-cosine * 0.5 + 0.5), functional.relu(-cosine)
        slope = -(both_sides * (1.0 - self.progress) + front * self.progress)
        at_end = torch.sigmoid((sdf + slope * samples.deltas * 0.5) * s)
        at_start = torch.sigmoid((sdf - slope * samples.deltas * 0.5) * s)
        return ((at_start - at_end + _TINY) / (at_start + _TINY)).clip(0.0, 1.0)
