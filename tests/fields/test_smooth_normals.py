"""Normals by differences over some pixels: of a ball, with and without noise of a pixel's size."""

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from torch import Tensor

from s3im_methods.fields.smooth_normals import smooth_normals


class Ball:
    """A ball of radius 1, whose density grows e-fold in a pixel and a half, up to that of something solid."""

    spread = 2.0

    def __init__(self, noise: float = 0.0) -> None:
        self.noise = noise
        self.widths: list[Tensor] = []

    def density_of_width(self, positions: Tensor, deviations: Tensor) -> Tensor:
        self.widths.append(deviations)
        ripples = (400 * positions).sin().sum(dim=-1, keepdim=True)
        inside = (1 - positions.norm(dim=-1, keepdim=True)) / 0.015
        return 200 * torch.sigmoid(inside) * torch.exp(self.noise * ripples)


def samples(count: int = 24, area: float = 1e-4) -> RaySamples:
    """Along rays that meet the ball on its side of negative z."""
    random = torch.Generator().manual_seed(0)
    origins = torch.cat([torch.rand(30, 2, generator=random) - 0.5, torch.full((30, 1), -2.0)], dim=-1)
    edges = torch.linspace(0.9, 1.6, count + 1).expand(30, -1)
    bundle = RayBundle(origins, torch.tensor([[0.0, 0.0, 1.0]]).expand(30, -1), torch.full((30, 1), area))
    return bundle.get_ray_samples(bin_starts=edges[:, :-1, None], bin_ends=edges[:, 1:, None])


def error(found: Tensor, given: RaySamples) -> Tensor:
    """Mean angle in degrees, by weight, of normals that are not 0."""
    exact = torch.nn.functional.normalize(given.frustums.get_positions(), dim=-1)
    angles = torch.rad2deg(torch.acos((found * exact).sum(dim=-1).clamp(-1, 1)))
    weights = given.get_weights(density_of(Ball(), given))[..., 0] * (found.norm(dim=-1) > 0)
    return (weights * angles).sum() / weights.sum()


def density_of(field: Ball, given: RaySamples) -> Tensor:
    return field.density_of_width(given.frustums.get_positions(), given.frustums.starts)


def test_a_balls_normals_are_right():
    given, field = samples(), Ball()
    found = smooth_normals(field, given, density_of(field, given))
    assert error(found, given) < 5.0
    lengths = found.norm(dim=-1)
    assert ((lengths - 1).abs() < 1e-5).sum() + (lengths == 0).sum() == lengths.numel()


def test_noise_of_a_pixels_size_is_seen_past():
    given, field = samples(), Ball(noise=0.3)
    points = given.frustums.get_positions().requires_grad_()
    (slopes,) = torch.autograd.grad(field.density_of_width(points, points[..., :1]).log().sum(), points)
    of_gradient = error(-torch.nn.functional.normalize(slopes, dim=-1), given)
    found = error(smooth_normals(field, given, density_of(field, given)), given)
    assert of_gradient > 60 > 3 * found, (of_gradient, found)


def test_the_most_visible_samples_have_normals():
    class Fog(Ball):
        def density_of_width(self, positions: Tensor, deviations: Tensor) -> Tensor:
            return 20 * torch.exp(-2 * positions.norm(dim=-1, keepdim=True))

    given, field = samples(), Fog()
    density = density_of(field, given)
    known = smooth_normals(field, given, density).norm(dim=-1) > 0
    weights = given.get_weights(density)[..., 0]
    assert (known.sum(dim=-1) == 4).all()
    assert (torch.where(known, weights, 1.0).amin(dim=-1) >= torch.where(known, 0.0, weights).amax(dim=-1)).all()
    few = samples(count=3)
    assert (smooth_normals(field, few, density_of(field, few)).norm(dim=-1) > 0).all()


def test_wide_pixels_look_farther_and_through_wider_samples():
    widths = []
    for area in (1e-6, 1e-4):
        field = Ball()
        smooth_normals(field, samples(area=area), torch.ones(30, 24, 1))
        widths.append(field.widths[-1])
    torch.testing.assert_close(10 * widths[0], widths[1])


def test_without_any_density_normals_are_finite_and_0():
    class Nothing(Ball):
        def density_of_width(self, positions: Tensor, deviations: Tensor) -> Tensor:
            return torch.zeros_like(deviations)

    assert torch.equal(smooth_normals(Nothing(), samples(), torch.zeros(30, 24, 1)), torch.zeros(30, 24, 3))


def test_where_samples_are_points_it_looks_as_far_as_for_samples_of_a_pixels_width():
    widths = []
    for spread in (0.0, 1.0):
        field = Ball()
        field.spread = spread
        smooth_normals(field, samples(), torch.ones(30, 24, 1))
        widths.append(field.widths[-1])
    assert torch.equal(widths[0], widths[1]) and (widths[0] > 0).all()
