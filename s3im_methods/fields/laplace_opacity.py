"""VolSDF's opacity: a density that is the Laplace distribution function of the signed distance, integrated over a bin.

Yariv et al., "Volume Rendering of Neural Implicit Surfaces", NeurIPS 2021, eq. 2 and 3. The original takes the density
at one point of a bin times its length. Here the distance runs evenly through the bin, by its slope along the ray, and
the integral is exact: before a plane the transmittance is right with bins of several beta.
"""

import math

import torch
from nerfstudio.cameras.rays import RaySamples
from torch import Tensor, nn

from s3im_methods.fields.opacity import OpacityRule

LEAST_EXPONENT = -80.0
"""What is less than its exponential is as good as 0; numbers below 1e-38 take a CPU tens of times as long."""
MAX_SHARPNESS = 1e4
"""1/beta at most, per radius of the unit sphere: VolSDF's floor of 1e-4 for beta."""
_SHORT = 1e-2
"""Change of sdf / beta within a bin below which the density in its middle is the mean one to 1e-5."""


def laplace_density(sdf: Tensor, beta: Tensor) -> Tensor:
    """Density per unit of length, eq. 2 with alpha = 1 / beta.

    Args:
        sdf: Signed distances, negative inside, any shape.
        beta: The density's scale in the same unit, of a shape that broadcasts.

    Example:
        >>> laplace_density(torch.tensor([-1.0, 0.0, 1.0]), torch.tensor(0.1))
        tensor([9.9998e+00, 5.0000e+00, 2.2700e-04])
    """
    tail = _half_exp(sdf / beta)
    return torch.where(sdf >= 0, tail, 1 - tail) / beta


def _half_exp(scaled: Tensor) -> Tensor:
    """exp(-abs(scaled)) / 2."""
    return 0.5 * torch.exp((-scaled.abs()).clamp(min=LEAST_EXPONENT))


def mean_density(first: Tensor, second: Tensor, beta: Tensor) -> Tensor:
    """Mean of :func:`laplace_density` between two points, if the signed distance runs evenly from one to the other.

    Args:
        first: Signed distances at one end, any shape.
        second: At the other end.
        beta: Of a shape that broadcasts.

    Example:
        >>> mean_density(torch.tensor([1.0]), torch.tensor([-1.0]), torch.tensor(0.1))  # half of it is solid
        tensor([5.])
    """
    start, end = first / beta, second / beta
    change = end - start
    is_short = change.abs() < _SHORT
    slope = (_integral(end) - _integral(start)) / torch.where(is_short, 1.0, change)
    return torch.where(is_short, laplace_density((first + second) / 2, beta), slope / beta)


def _integral(scaled: Tensor) -> Tensor:
    """Integral of the density over sdf / beta, up to a constant."""
    return scaled.clamp(max=0) - _half_exp(scaled)


_REACH = 4.0
"""How far the slope in a bin's middle is believed, in beta: a long bin in the clear must not end in a solid."""


class LaplaceOpacity(OpacityRule):
    """VolSDF's rule, with a beta that is learned or follows a schedule.

    Args:
        beta_init: A tenth of the logarithm of 1 / beta at the start, as NeuS has it of s; in units of the unit sphere.
        final_sharpness: 1 / beta at the end of the schedule; None lets beta be learned.

    Attributes:
        variance: A tenth of the logarithm of 1 / beta, ``[1]``: a parameter where beta is learned, else the start of
            the schedule.

    Example:
        >>> from s3im_methods.fields.unit_space import UnitSpace
        >>> rule = LaplaceOpacity(beta_init=0.3, final_sharpness=600.0)
        >>> rule.space = UnitSpace(radius=2.0)
        >>> rule.sharpness().item()
        300.0
        >>> rule.progress = 0.0
        >>> round(rule.sharpness().item(), 4)  # exp(3) over the radius
        10.0428
    """

    def __init__(self, beta_init: float, final_sharpness: float | None = None) -> None:
        super().__init__()
        variance = torch.full((1,), float(beta_init))
        if final_sharpness is None:
            self.variance = nn.Parameter(variance)
        else:
            # A setting, which the run's config.yml holds.
            self.register_buffer("variance", variance, persistent=False)
        self.final_sharpness = final_sharpness

    def sharpness(self) -> Tensor:
        """1 / beta per scene unit, ``[1]``; a schedule goes evenly in its logarithm."""
        sharpness = torch.exp(10 * self.variance)
        if self.final_sharpness is not None:
            sharpness = sharpness ** (1 - self.progress) * self.final_sharpness**self.progress
        return sharpness.clamp(max=MAX_SHARPNESS) / self.space.radius

    def outline(self) -> Tensor:
        """On a sphere of radius R much larger than beta, ``beta * ln(sqrt(2 pi R / beta) / (2 ln 2))``.

        R is that of the unit sphere; it enters little.

        The transmittance is half where the density's integral along a tangent, of ``exp(-d / beta) / (2 beta)`` with
        ``d`` growing as ``t**2 / (2 R)``, is ``ln 2``.

        Example:
            >>> from s3im_methods.fields.unit_space import UnitSpace
            >>> rule = LaplaceOpacity(beta_init=0.3, final_sharpness=1500.0)
            >>> rule.space = UnitSpace(radius=2.0)
            >>> round((rule.outline() * rule.sharpness()).item(), 2)  # in beta
            4.25
        """
        sharpness = self.sharpness()
        ratio = sharpness * self.space.radius
        return torch.log(torch.sqrt(2 * math.pi * ratio) / (2 * math.log(2))).clamp(min=0) / sharpness

    def alphas(self, sdf: Tensor, gradients: Tensor, samples: RaySamples) -> Tensor:
        """Opacity of each bin, ``[R, S, 1]``; see :meth:`OpacityRule.alphas`.

        The slope says only how the distance runs within a bin, so that nothing is learned through it.
        """
        assert samples.deltas is not None
        slope = (samples.frustums.directions * gradients.detach()).sum(-1, keepdim=True)
        beta = 1 / self.sharpness()
        reach = _REACH * beta.detach()
        half = (slope * samples.deltas / 2).clamp(-reach, reach)
        density = mean_density(sdf - half, sdf + half, beta)
        # What lets exp(-30) through is opaque in float32, and large numbers take a CPU longer.
        return -torch.expm1((-density * samples.deltas).clamp(min=-30.0))
