"""UNISURF's opacity against closed forms."""

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples

from s3im_methods.fields.occupancy_opacity import OccupancyOpacity
from s3im_methods.fields.unit_space import UnitSpace

RADIUS = 2.0


def rule(**settings) -> OccupancyOpacity:
    result = OccupancyOpacity(0.3, **settings)
    result.space = UnitSpace(radius=RADIUS)
    return result


def along_z(edges: torch.Tensor) -> RaySamples:
    bundle = RayBundle(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]]), torch.ones(1, 1))
    return bundle.get_ray_samples(edges[None, :-1, None], edges[None, 1:, None])


@pytest.mark.parametrize(
    ("slope_times_pitch", "left"), [(8.0, 0.982), (4.0, 0.879), (2.0, 0.691), (1.0, 0.449), (0.5, 0.195)]
)
def test_what_is_left_of_a_ray_before_a_plane(slope_times_pitch, left):
    opacity = rule()
    pitch = slope_times_pitch / opacity.sharpness().item()
    # The plane lies at 0, between two samples.
    edges = pitch * torch.arange(-64, 1)
    samples = along_z(edges)
    sdf = -(edges[:-1] + edges[1:])[None, :, None] / 2
    alphas = opacity.alphas(sdf, torch.zeros(1, 64, 3), samples)
    _, transmittance = samples.get_weights_and_transmittance_from_alphas(alphas)
    assert transmittance[0, -1, 0].item() == pytest.approx(left, abs=6e-4)


def test_neither_lengths_nor_gradients_count():
    sdf = torch.linspace(-1, 1, 5).view(1, 5, 1)
    short, long = along_z(torch.linspace(0, 1, 6)), along_z(torch.linspace(0, 9, 6))
    first = rule().alphas(sdf, torch.zeros(1, 5, 3), short)
    assert torch.equal(first, rule().alphas(sdf, torch.randn(1, 5, 3), long))
    assert first[0, 2, 0] == 0.5


def test_a_steep_slope_puts_all_weight_on_the_first_sample_inside():
    opacity = rule()
    torch.nn.init.constant_(opacity.log_slope, 0.9)
    edges = torch.linspace(0, 1, 33)
    sdf = 0.62 - (edges[:-1] + edges[1:])[None, :, None] / 2
    weights = along_z(edges).get_weights_and_transmittance_from_alphas(opacity.alphas(sdf, 0 * sdf, along_z(edges)))[0]
    inside = int((sdf[0, :, 0] > 0).sum())
    assert weights[0, inside, 0].item() == pytest.approx(1, abs=1e-5)


def test_the_slope_is_in_units_of_the_sphere_and_learns_if_it_may():
    opacity = rule()
    assert (opacity.sharpness() * RADIUS).item() == pytest.approx(20.0855, abs=1e-3)
    opacity.alphas(torch.full((1, 1, 1), 0.1), torch.zeros(1, 1, 3), along_z(torch.tensor([0.0, 1.0]))).sum().backward()
    # Steeper is clearer, out here.
    assert opacity.log_slope.grad is not None and opacity.log_slope.grad.item() < 0
    assert not rule(learned=False).log_slope.requires_grad
