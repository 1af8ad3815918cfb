"""VolSDF's opacity against closed forms: planes at any angle, spheres seen from the side."""

import math

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples

from s3im_methods.fields.laplace_opacity import LaplaceOpacity, laplace_density, mean_density
from s3im_methods.fields.unit_space import UnitSpace


def rule(sharpness: float, radius: float = 1.0) -> LaplaceOpacity:
    result = LaplaceOpacity(beta_init=0.3, final_sharpness=sharpness)
    result.space = UnitSpace(radius=radius)
    return result


def along(edges: torch.Tensor) -> tuple[RaySamples, torch.Tensor]:
    """One ray along z with these edges, and the middles of its bins."""
    bundle = RayBundle(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]]), torch.ones(1, 1))
    edges = edges.float()[None, :, None]
    return bundle.get_ray_samples(edges[:, :-1], edges[:, 1:]), (edges[0, 1:, 0] + edges[0, :-1, 0]) / 2


def through_plane(edges: torch.Tensor, at: float, cosine: float, beta: float) -> torch.Tensor:
    """Opacities of the bins of a ray that meets a plane at a distance, under an angle."""
    samples, middles = along(edges)
    sdf = ((at - middles) * cosine)[None, :, None]
    slope = torch.tensor([math.sqrt(1 - cosine**2), 0.0, -cosine])
    return rule(1 / beta).alphas(sdf, slope.expand(1, len(middles), 3), samples)[0, :, 0]


@pytest.mark.parametrize("length", [8.0, 1.3, 0.1])
@pytest.mark.parametrize("beta", [0.1, 0.01])
@pytest.mark.parametrize(("cosine", "expected"), [(1.0, 0.60653), (0.5, 0.36788), (0.25, 0.13534)])
def test_what_reaches_a_plane_depends_on_the_angle_alone(cosine, expected, beta, length):
    """Bins may be several beta long."""
    edges = torch.arange(8.0, -0.1, -length * beta).flip(0)
    alphas = through_plane(edges, 8.0, cosine, beta)
    assert (1 - alphas.double()).prod().item() == pytest.approx(expected, abs=2e-5)
    assert expected == pytest.approx(math.exp(-1 / (2 * cosine)), abs=1e-5)


def test_a_plane_is_seen_a_third_of_beta_behind_its_place():
    beta = 0.01
    edges = torch.linspace(0, 1, 20001)
    alphas = through_plane(edges, 0.5, 1.0, beta).double()
    reached = 1 - (1 - alphas).cumprod(0)
    median = edges[1:][torch.searchsorted(reached, torch.tensor(0.5, dtype=torch.float64))]
    weights = reached.diff(prepend=torch.zeros(1))
    middles = (edges[1:] + edges[:-1]).double() / 2
    assert (median.item() - 0.5) / beta == pytest.approx(0.33574, abs=5e-3)
    assert ((weights * middles).sum().item() - 0.5) / beta == pytest.approx(0.34315, abs=2e-3)
    assert (middles[weights.argmax()].item() - 0.5) / beta == pytest.approx(0.269, abs=0.05)


@pytest.mark.parametrize(("ratio", "expected"), [(30, 2.342), (70, 2.741), (150, 3.110), (300, 3.451)])
def test_the_silhouette_of_a_sphere_lies_a_few_beta_outside_it(ratio, expected):
    """Hence a mask shrinks the surface, unless beta is small."""
    beta = 1 / ratio
    samples, middles = along(torch.linspace(-2, 2, 4001))
    distance = ((1 + expected * beta) ** 2 + middles**2).sqrt()
    slope = torch.stack([0 * middles, 0 * middles, middles / distance], dim=-1)
    alphas = rule(ratio).alphas((distance - 1)[None, :, None], slope[None], samples)
    assert (1 - alphas).prod().item() == pytest.approx(0.5, abs=1e-3)


def test_the_mean_density_is_the_integral():
    random = torch.Generator().manual_seed(0)
    ends = torch.randn(2, 500, generator=random, dtype=torch.float64)
    ends[1, ::5] = ends[0, ::5] + 1e-4 * ends[1, ::5]
    beta = torch.tensor(0.2, dtype=torch.float64)
    shares = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    points = ends[0, :, None] + (ends[1] - ends[0])[:, None] * shares
    torch.testing.assert_close(
        mean_density(ends[0], ends[1], beta), laplace_density(points, beta).mean(dim=1), rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("bins", [1, 7, 400])
def test_through_a_wall_the_integral_is_its_thickness_over_beta(bins):
    """What is missing inside lies in the tails outside; whatever the bins are, if none holds both sides."""
    beta, thickness = torch.tensor(0.05, dtype=torch.float64), 1.7
    ends = torch.linspace(0, thickness / 2 + 3, bins + 1, dtype=torch.float64)
    sdf = ends - thickness / 2
    half = (mean_density(sdf[:-1], sdf[1:], beta) * ends.diff()).sum()
    assert (2 * half * beta).item() == pytest.approx(thickness, abs=1e-6)


def test_its_gradient_is_that_of_differences_and_finite_everywhere():
    def opacities(sdf, variance):
        one = LaplaceOpacity(0.3)
        one.space = UnitSpace()
        del one.variance
        one.variance = variance
        edges = torch.linspace(0, 1, 7, dtype=torch.float64)[None, :, None]
        bundle = RayBundle(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.0]]), torch.ones(1, 1))
        slopes = torch.tensor([0.0, 0.0, -0.7], dtype=torch.float64).expand(1, 6, 3)
        return one.alphas(sdf, slopes, bundle.get_ray_samples(edges[:, :-1], edges[:, 1:]))

    sdf = torch.tensor([0.5, 0.25, 0.05, -0.02, -0.3, -0.9], dtype=torch.float64).view(1, 6, 1).requires_grad_()
    variance = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(opacities, (sdf, variance))
    extreme = torch.tensor([1e3, -1e3, 0.0, 1e-30, -1e-30, 30.0]).view(1, 6, 1).requires_grad_()
    samples, _ = along(torch.linspace(0, 1, 7))
    for slope in (0.0, -1.0, 1e3):
        (gradient,) = torch.autograd.grad(
            rule(1e4).alphas(extreme, torch.tensor([0.0, 0.0, slope]).expand(1, 6, 3), samples).sum(), extreme
        )
        assert gradient.isfinite().all()


def test_a_long_bin_in_the_clear_is_clear_where_its_slope_points_at_a_surface():
    samples, _ = along(torch.tensor([0.0, 1.0]))
    towards = torch.tensor([[[0.0, 0.0, -1.0]]])
    # At its end the distance would be -0.1, 10 beta deep.
    assert rule(100.0).alphas(torch.full((1, 1, 1), 0.4), towards, samples).item() < 1e-6


def test_nothing_is_learned_through_the_slope():
    samples, middles = along(torch.linspace(0, 1, 9))
    slopes = torch.tensor([0.0, 0.0, -1.0]).repeat(1, 8, 1).requires_grad_()
    sdf = (0.5 - middles)[None, :, None].requires_grad_()
    rule(50).alphas(sdf, slopes, samples).sum().backward()
    assert slopes.grad is None and sdf.grad is not None and sdf.grad.abs().max() > 0


@pytest.mark.parametrize("radius", [1.0, 4.0])
def test_its_schedule_is_even_in_the_logarithm(radius):
    one = rule(600.0, radius)
    found = []
    for progress in (0.0, 0.5, 1.0):
        one.progress = progress
        found.append(one.sharpness().item() * radius)
    assert found == pytest.approx([math.exp(3), math.sqrt(600 * math.exp(3)), 600.0], rel=1e-5)
    assert not list(one.parameters()) and not one.state_dict().keys() - {"space.center", "space.radius"}


def test_a_learned_beta_has_no_schedule_and_a_least_value():
    one = LaplaceOpacity(beta_init=math.log(10) / 10)
    one.space = UnitSpace(radius=2.0)
    for progress in (0.0, 1.0):
        one.progress = progress
        assert one.sharpness().item() == pytest.approx(5.0)
    assert [name for name, _ in one.named_parameters()] == ["variance"]
    torch.nn.init.constant_(one.variance, 5.0)
    assert one.sharpness().item() == pytest.approx(1e4 / 2)


@pytest.mark.parametrize("ratio", [70.0, 300.0, 1500.0])
def test_a_ray_at_its_outline_is_half_opaque(ratio):
    """A tangent of a sphere of the unit sphere's radius, by the density itself."""
    one = rule(ratio, 2.0)
    beta, offset = 2.0 / ratio, float(one.outline())
    along = torch.linspace(-2, 2, 200001, dtype=torch.float64)
    distance = (along**2 + (2.0 + offset) ** 2).sqrt() - 2.0
    depth = torch.trapezoid(laplace_density(distance, torch.tensor(beta, dtype=torch.float64)), along)
    assert torch.exp(-depth).item() == pytest.approx(0.5, abs=0.02)


def test_far_from_the_surface_no_number_is_so_small_that_a_cpu_takes_long():
    """Below 1e-38 exponentials take a CPU tens of times as long; half of a ray's samples can be that far."""
    beta, tiny = torch.tensor(1 / 1500), torch.finfo(torch.float32).tiny
    far = torch.linspace(0.058, 2.0, 1000)
    assert laplace_density(far, beta).min() > tiny
    assert (laplace_density(far, beta) < 1e-20).all()
    assert torch.equal(laplace_density(-far, beta), torch.full_like(far, 1500.0))
    samples, _ = along(torch.linspace(0, 2, 51))
    assert torch.equal(rule(1500.0).alphas(torch.full((1, 50, 1), -1.0), torch.zeros(3), samples), torch.ones(1, 50, 1))
