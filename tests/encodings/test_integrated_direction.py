"""Harmonics of rough mirrors: against scipy, against the distribution that they are means of, and at the pole."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special

from s3im_methods.encodings.integrated_direction import IntegratedDirectionEncoding


def directions(count: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.nn.functional.normalize(torch.randn(count, 3, generator=random, dtype=torch.float64), dim=-1)


def by_scipy(points: torch.Tensor, degrees: list[int]) -> torch.Tensor:
    polar, azimuth = torch.acos(points[:, 2]).numpy(), torch.atan2(points[:, 1], points[:, 0]).numpy()

    def harmonic(degree: int, order: int) -> Any:
        if hasattr(special, "sph_harm_y"):
            return special.sph_harm_y(degree, order, polar, azimuth)
        return special.sph_harm(order, degree, azimuth, polar)  # type: ignore[attr-defined]

    found: Any = np.stack([harmonic(degree, order) for degree in degrees for order in range(degree + 1)], axis=-1)
    return torch.from_numpy(np.concatenate([found.real, found.imag], axis=-1))


@pytest.mark.parametrize("num_degrees", [1, 4, 5])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-5)])
def test_without_roughness_they_are_spherical_harmonics(num_degrees, dtype, tolerance):
    points, encoding = directions(500), IntegratedDirectionEncoding(num_degrees)
    found = encoding(points.to(dtype), torch.zeros(500, 1, dtype=dtype))
    assert found.shape == (500, encoding.out_dim)
    torch.testing.assert_close(found.double(), by_scipy(points, encoding.degrees), rtol=0, atol=tolerance)


def test_roughness_damps_as_the_mean_over_a_von_mises_fisher_distribution():
    kappa, encoding = 20.0, IntegratedDirectionEncoding(4)
    # Of that distribution around the pole, z has the density kappa exp(kappa (z - 1)).
    uniform = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    z = 1 + torch.log(uniform + (1 - uniform) * math.exp(-2 * kappa)) / kappa
    true = [float(special.eval_legendre(degree, z.numpy()).mean()) for degree in encoding.degrees]
    assert true == pytest.approx([0.9500, 0.8575, 0.6001, 0.1625], abs=2e-4)
    up = torch.tensor([[0.0, 0.0, 1.0]])
    sharp, rough = (encoding(up, torch.tensor([[rho]]))[0] for rho in (0.0, 1 / kappa))
    places = [0, 2, 5, 10]
    damping = (rough[places] / sharp[places]).tolist()
    assert damping == pytest.approx([math.exp(-0.5 * d * (d + 1) / kappa) for d in encoding.degrees], rel=1e-4)
    # The authors' approximation is good where the lobe is narrow compared with the harmonic.
    assert damping == pytest.approx(true, abs=0.03)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_gradients_at_the_poles_are_finite(sign):
    pole = torch.tensor([[0.0, 0.0, sign]], requires_grad=True)
    roughness = torch.zeros(1, 1, requires_grad=True)
    IntegratedDirectionEncoding(5)(pole, roughness).square().sum().backward()
    assert pole.grad is not None and pole.grad.isfinite().all()
    assert roughness.grad is not None and roughness.grad.isfinite().all()


def test_gradients_are_right():
    encoding = IntegratedDirectionEncoding(3).double()
    inputs = directions(3).requires_grad_(), torch.full((3, 1), 0.1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(encoding, inputs)
