"""VolSDF's theorem 1 against spheres and planes, and the verified values."""

import pytest
import torch
from rays_at_a_ball import ball, rays

from s3im_methods.fields.laplace_opacity import laplace_density
from s3im_methods.rays.error_bound import (
    doubt,
    drawn_edges,
    least_beta,
    opacity_error,
    opacity_mass,
    sufficient_beta,
)
from s3im_methods.rays.known_distances import least_distance


def error_of(edges: torch.Tensor, sdf: torch.Tensor, beta: torch.Tensor) -> torch.Tensor:
    return opacity_error(edges.diff(dim=-1), sdf, least_distance(edges, sdf), beta)


def true_error(edges: torch.Tensor, sdf_at, beta: float) -> torch.Tensor:
    """Largest error of the opacity that counts the density at each interval's start, per ray."""
    fine = 400
    shares = (torch.arange(fine, dtype=edges.dtype) + 0.5) / fine
    lengths = edges.diff(dim=-1)
    points = edges[:, :-1, None] + lengths[..., None] * shares
    scale = torch.tensor(beta, dtype=edges.dtype)
    exact = (laplace_density(sdf_at(points), scale) * lengths[..., None] / fine).flatten(1).cumsum(-1)
    rough = laplace_density(sdf_at(edges[:, :-1]), scale)[..., None].expand(-1, -1, fine) * lengths[..., None] / fine
    return (torch.exp(-exact) - torch.exp(-rough.flatten(1).cumsum(-1))).abs().amax(dim=-1)


@pytest.mark.parametrize("kind", ["plane", "sphere"])
def test_the_bound_is_above_the_true_error(kind):
    random = torch.Generator().manual_seed(3)
    violations, tight = 0, 0
    for beta in (0.3, 0.1, 0.05):
        count = 100
        edges = torch.rand(count, 25, generator=random, dtype=torch.float64).cumsum(dim=-1)
        edges = 2 * edges / edges[:, -1:]
        at = 2 * torch.rand(count, 1, generator=random, dtype=torch.float64)
        aside = torch.rand(count, 1, generator=random, dtype=torch.float64)

        def sdf_at(t, at=at, aside=aside):
            at, aside = (value.view(-1, *[1] * (t.dim() - 1)) for value in (at, aside))
            return aside * (at - t) if kind == "plane" else ((t - at) ** 2 + aside**2).sqrt() - 0.5

        bound = error_of(edges, sdf_at(edges), torch.full((count, 1), beta, dtype=torch.float64))
        true = true_error(edges, sdf_at, beta)
        violations += (bound.amax(dim=-1) < true - 1e-6).sum().item()
        tight += (bound.amax(dim=-1) < 0.5).sum().item()
    assert violations == 0
    assert tight > 10


def test_from_a_sufficient_beta_on_any_distances_do():
    lengths = torch.full((1, 128), 2 / 128, dtype=torch.float64)
    beta = sufficient_beta(lengths, 0.1)
    assert beta.item() == pytest.approx(0.28630, abs=1e-5)
    # The worst there is: a surface in every interval, and nothing absorbed before.
    error = torch.expm1(((lengths / beta) ** 2 / 4).sum()).item()
    assert error == pytest.approx(0.1, abs=1e-9)
    random = torch.Generator().manual_seed(0)
    sdf = torch.randn(1, 129, generator=random, dtype=torch.float64)
    edges = torch.cat([torch.zeros_like(lengths[:, :1]), lengths.cumsum(dim=-1)], dim=-1)
    assert error_of(edges, sdf, beta).max() <= 0.1


def test_the_least_beta_is_on_the_edge_of_what_is_enough():
    bundle = rays()
    assert bundle.nears is not None and bundle.fars is not None
    edges = torch.linspace(0, 1, 33) * (bundle.fars - bundle.nears) + bundle.nears
    points = bundle.origins[:, None] + bundle.directions[:, None] * edges[..., None]
    lengths, sdf = edges.diff(dim=-1), ball(points)
    least = least_distance(edges, sdf)
    beta = torch.tensor([0.01])
    found = least_beta(lengths, sdf, least, beta, 0.1, 20)
    hits = (bundle.fars > bundle.nears)[:, 0]
    grown = hits & (found[:, 0] > 0.01)
    assert grown.any() and (found >= 0.01).all()
    assert (error_of(edges, sdf, found).amax(dim=-1)[hits] <= 0.1).all()
    assert (error_of(edges, sdf, 0.99 * found).amax(dim=-1)[grown] > 0.1).all()
    # Whoever is good enough keeps what the density has.
    assert (found[~hits] == 0.01).all()


def test_doubt_lies_in_the_intervals_before_and_at_the_first_surface():
    edges = torch.linspace(0, 4, 41)[None]
    # The ray passes a point closely, then enters one solid, and another behind it.
    passing = ((edges - 1.03).square() + 0.02**2).sqrt()
    sdf = torch.minimum(torch.minimum(passing, (edges - 2.52).abs() - 0.3), 3.9 - edges)
    found = doubt(edges.diff(dim=-1), sdf, least_distance(edges, sdf), torch.tensor([0.01]))[0]
    assert found[10] > 0.9 and found[22] > 0.6
    assert (found[[*range(9), *range(11, 21), *range(24, 40)]] < 0.1).all()


def test_intervals_add_up_to_the_opacity_of_a_plane():
    edges = torch.tensor([[0.0, 0.3, 1.0, 1.1, 2.0]])
    sdf = 1.0 - edges
    mass = opacity_mass(edges.diff(dim=-1), sdf, torch.tensor([[0.05]]))
    assert mass[0, :2].sum().item() == pytest.approx(1 - 0.60653, abs=1e-5)
    assert mass.sum().item() == pytest.approx(1.0, abs=1e-5)


def test_edges_are_drawn_as_the_mass_lies():
    edges = torch.tensor([[0.0, 1.0, 2.0, 4.0], [3.0, 3.0, 3.0, 3.0], [0.0, 1.0, 2.0, 4.0]])
    mass = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    shares = torch.tensor([0.25, 0.5, 0.75]).expand(3, -1)
    found, bins, within = drawn_edges(edges, mass, shares)
    assert found[0].tolist() == pytest.approx([1.25, 1.5, 1.75], abs=2e-3)
    assert found[1].tolist() == [3.0, 3.0, 3.0]
    assert found[2].tolist() == pytest.approx([1.0, 2.0, 3.0])
    assert bins[0].tolist() == [1, 1, 1] and within[0].tolist() == pytest.approx([0.25, 0.5, 0.75], abs=2e-3)


def test_behind_a_solid_and_far_from_it_no_number_is_so_small_that_a_cpu_takes_long():
    edges = torch.linspace(0, 2, 41)[None]
    lengths, sdf = edges.diff(dim=-1), 1.0 - edges
    found = [
        opacity_mass(lengths, sdf, torch.tensor([0.001])),
        doubt(lengths, sdf, torch.zeros_like(lengths), torch.tensor([0.001])),
    ]
    for values in found:
        assert (values[0, 25:] > torch.finfo(torch.float32).tiny).all() and (values[0, 25:] < 1e-20).all()
