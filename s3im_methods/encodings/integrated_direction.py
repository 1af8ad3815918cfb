"""The integrated directional encoding of Ref-NeRF (Verbin et al., CVPR 2022): spherical harmonics of a rough mirror.

The expectation of a harmonic of degree l over a von Mises-Fisher distribution with concentration 1 / rho is about
``exp(-l (l + 1) rho / 2)`` times its value at the mean direction (eq. 8). Harmonics come from a recurrence over the
degree, in which the powers of ``sin(theta)`` belong to ``(x + i y)^m``: it is stable in float32 and has a finite
gradient at the poles. Sums of powers of z, as in the authors' code, are off by 8e-3 with five degrees in float32.
"""

import math

import torch
from torch import Tensor, nn


class IntegratedDirectionEncoding(nn.Module):
    """Real and imaginary parts of the harmonics of degrees 1, 2, 4, ..., with orders from 0 to the degree.

    Args:
        num_degrees: 4 gives 38 features, 5 gives 72.

    Example:
        >>> IntegratedDirectionEncoding(4).out_dim, IntegratedDirectionEncoding(5).out_dim
        (38, 72)
        >>> encoding, up = IntegratedDirectionEncoding(1), torch.tensor([0.0, 0.0, 1.0])
        >>> [round(encoding(up, torch.tensor([rho]))[0].item(), 4) for rho in (0.0, 1.0)]
        [0.4886, 0.1797]
    """

    def __init__(self, num_degrees: int) -> None:
        super().__init__()
        self.degrees = [2**power for power in range(num_degrees)]
        last = self.degrees[-1]
        # Of the normalised recurrence P_l = first_l (z P_{l-1} - second_l P_{l-2}), for every order below l - 1.
        for degree in range(2, last + 1):
            orders = torch.arange(degree - 1, dtype=torch.float64)
            first = ((4 * degree**2 - 1) / (degree**2 - orders**2)).sqrt()
            second = (((degree - 1) ** 2 - orders**2) / (4 * (degree - 1) ** 2 - 1)).sqrt()
            self.register_buffer(f"first_{degree}", first, persistent=False)
            self.register_buffer(f"second_{degree}", second, persistent=False)
        # P_m^m over sin(theta)^m, with the sign of Condon and Shortley.
        self.diagonal = [math.sqrt(1 / (4 * math.pi))]
        for order in range(1, last + 1):
            self.diagonal.append(-self.diagonal[-1] * math.sqrt((2 * order + 1) / (2 * order)))

    @property
    def out_dim(self) -> int:
        """Number of features."""
        return 2 * sum(degree + 1 for degree in self.degrees)

    def forward(self, directions: Tensor, roughness: Tensor) -> Tensor:
        """Features of directions.

        Args:
            directions: Of length 1, ``[*batch, 3]``.
            roughness: rho, 0 for a mirror, ``[*batch, 1]``.

        Returns:
            All real parts, then all imaginary ones, ``[*batch, out_dim]``.
        """
        x, y, z = directions.unbind(dim=-1)
        z = z[..., None]
        cosines, sines = [torch.ones_like(x)], [torch.zeros_like(x)]
        for _ in range(self.degrees[-1]):
            cosines, sines = [*cosines, x * cosines[-1] - y * sines[-1]], [*sines, x * sines[-1] + y * cosines[-1]]
        real, imaginary = torch.stack(cosines, dim=-1), torch.stack(sines, dim=-1)
        before, legendre = None, torch.full_like(z, self.diagonal[0])
        reals, imaginaries = [], []
        for degree in range(1, self.degrees[-1] + 1):
            # The last two orders have no value two degrees before.
            own = [math.sqrt(2 * degree + 1) * z * legendre[..., -1:], torch.full_like(z, self.diagonal[degree])]
            if before is not None:
                first, second = (getattr(self, f"{name}_{degree}").to(z) for name in ("first", "second"))
                own.insert(0, first * (z * legendre[..., :-1] - second * before))
            before, legendre = legendre, torch.cat(own, dim=-1)
            if degree in self.degrees:
                damped = legendre * torch.exp(-0.5 * degree * (degree + 1) * roughness)
                reals.append(damped * real[..., : degree + 1])
                imaginaries.append(damped * imaginary[..., : degree + 1])
        return torch.cat([*reals, *imaginaries], dim=-1)
