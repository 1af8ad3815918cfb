"""What the distances at a bin's ends say of the bin: VolSDF's Theorem 1."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.cameras.rays import RayBundle

from s3im_methods.rays.known_distances import KnownDistances, least_distance


@pytest.mark.parametrize(
    ("length", "ends", "expected"),
    [
        (1.0, (0.4, 0.6), 0.0),
        (0.2, (0.4, 0.6), 0.4),
        (1.0, (0.0, 0.5), 0.0),
        (1.0, (0.5, -0.5), 0.0),
        (0.6, (0.5, 0.5), 0.4),
        (0.6, (-0.5, -0.5), 0.4),
        (0.0, (0.3, 0.3), 0.3),
        (2.0, (0.3, 0.3), 0.0),
        (0.3, (0.5, 0.2), 0.2),
    ],
)
def test_closed_forms(length, ends, expected):
    found = least_distance(torch.tensor([[0.0, length]]), torch.tensor([ends]))
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_no_sphere_comes_nearer_than_that():
    random = torch.Generator().manual_seed(0)
    centers = torch.randn(3000, 1, 3, generator=random, dtype=torch.float64)
    radii = torch.rand(3000, 1, generator=random, dtype=torch.float64)
    edges = torch.rand(3000, 9, generator=random, dtype=torch.float64).sort(dim=1).values * 3

    def sdf(along):
        points = along[..., None] * torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
        return (points - centers).norm(dim=-1) - radii

    found = least_distance(edges, sdf(edges))
    within = edges[:, :-1, None] + edges.diff(dim=1)[..., None] * torch.linspace(0, 1, 101, dtype=torch.float64)
    true = sdf(within.flatten(1)).abs().view(within.shape).amin(dim=-1)
    assert (found <= true + 1e-9).all()
    # It is a good one: far from the surface it is nearly the distance itself.
    far = true > 0.5
    assert (found[far] / true[far]).mean() > 0.97


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6))
def test_it_is_never_nan(seed):
    random = torch.Generator().manual_seed(seed)
    sdf = torch.rand(100, 2, generator=random)
    b, c = sdf.unbind(dim=-1)
    for lengths in (b + c, (b - c).abs(), torch.zeros(100), 1e-12 * b, 1e6 * b):
        found = least_distance(torch.stack([0 * lengths, lengths], dim=-1), sdf)[:, 0]
        assert found.isfinite().all() and (found >= 0).all() and (found <= torch.minimum(b, c)).all()


def test_they_go_with_the_samples():
    bundle = RayBundle(
        torch.zeros(2, 3), torch.ones(2, 3), torch.ones(2, 1), metadata={"directions_norm": torch.ones(2, 1)}
    )
    edges = torch.linspace(0, 1, 4).expand(2, -1)[..., None]
    samples = bundle.get_ray_samples(edges[:, :-1], edges[:, 1:])
    assert KnownDistances.of(samples) is None
    middle, least = torch.rand(2, 3), torch.rand(2, 3)
    known = KnownDistances.of(KnownDistances(middle, least).noted(samples))
    assert known is not None
    assert torch.equal(known.middle, middle) and torch.equal(known.least, least)
    assert samples.metadata is not None and "directions_norm" in samples.metadata
    assert bundle.metadata.keys() == {"directions_norm"}
