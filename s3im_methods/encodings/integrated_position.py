"""The integrated positional encoding of mip-NeRF (Barron et al., ICCV 2021): sines and cosines of a Gaussian.

The expectation of ``sin(omega x)`` over a normal distribution with mean m and variance v is
``sin(omega m) exp(-omega^2 v / 2)``. So frequencies whose waves are shorter than a sample fade out, and the field
cannot tell what the pixel cannot see. nerfstudio's ``NeRFEncoding`` multiplies the mean by 2 pi and leaves the variance
as it is, so that its exponent is 39.5 times too small.
"""

import torch
from nerfstudio.utils.math import generate_polyhedron_basis
from torch import Tensor, nn

from s3im_methods.rays.frustum_gaussians import GaussianSamples


class IntegratedPositionEncoding(nn.Module):
    """Expected sines and cosines of octaves of positions.

    Args:
        num_octaves: Angular frequencies are 1, 2, 4, ... per unit of length.
        off_axis: Whether positions are projected onto the 21 directions of an icosahedron, tesselated twice, as in
            mip-NeRF 360; else onto the axes, as in mip-NeRF.

    Example:
        >>> encoding = IntegratedPositionEncoding(num_octaves=1)
        >>> sharp, wide = (GaussianSamples(torch.full((3,), torch.pi / 2), v * torch.eye(3)) for v in (0.0, 2.0))
        >>> encoding(sharp)[:3].tolist(), [round(value, 4) for value in encoding(wide)[:3].tolist()]
        ([1.0, 1.0, 1.0], [0.3679, 0.3679, 0.3679])
    """

    basis: Tensor | None
    frequencies: Tensor

    def __init__(self, num_octaves: int, off_axis: bool = False) -> None:
        super().__init__()
        basis = None
        if off_axis:
            basis = torch.as_tensor(generate_polyhedron_basis("icosahedron", 2), dtype=torch.float32)
        self.register_buffer("basis", basis, persistent=False)
        self.register_buffer("frequencies", 2.0 ** torch.arange(num_octaves), persistent=False)

    @property
    def out_dim(self) -> int:
        """Number of features."""
        return 2 * len(self.frequencies) * (3 if self.basis is None else len(self.basis))

    def forward(self, samples: GaussianSamples) -> Tensor:
        """Features of Gaussians.

        Args:
            samples: Means ``[*batch, 3]`` and covariances ``[*batch, 3, 3]``.

        Returns:
            All sines, then all cosines, ``[*batch, out_dim]``.
        """
        mean, variance = samples.mean, samples.covariance.diagonal(dim1=-2, dim2=-1)
        if self.basis is not None:
            mean = mean @ self.basis.T
            variance = ((self.basis @ samples.covariance) * self.basis).sum(dim=-1)
        angles = (mean[..., None] * self.frequencies).flatten(-2)
        damping = torch.exp(-0.5 * variance[..., None] * self.frequencies**2).flatten(-2)
        return torch.cat([damping * angles.sin(), damping * angles.cos()], dim=-1)
