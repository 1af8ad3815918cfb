"""Equal steps where a grid is not empty."""

from typing import Any

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle

from s3im_methods.fields.unit_space import UnitSpace
from s3im_methods.rays.known_distances import KnownDistances
from s3im_methods.rays.occupancy_grid import OccupancyGrid
from s3im_methods.rays.occupied_steps import OccupiedStepSampler, Steps, _walk, _walk_by_kernel, in_rows
from s3im_methods.rays.sphere_bounds import SphereBounds

CENTER, RADIUS = (1.0, 0.0, 0.0), 2.0
STEP = 1 / 32


def sampler(training: bool = False) -> OccupiedStepSampler:
    """A surface of radius 1/2 in the unit sphere."""
    grid = OccupancyGrid(32, STEP)
    grid.refresh(0, lambda points: points.norm(dim=-1) - 0.5, torch.tensor([0.03]))
    return OccupiedStepSampler(grid, UnitSpace(CENTER, RADIUS, bounded=True)).train(training)


def rays() -> Any:
    """Along z: through the centre, through the surface, beside the surface, and beside the sphere."""
    origins = torch.tensor([[0.0, 0, -5], [0.6, 0, -5], [1.9, 0, -5], [2.5, 0, -5]]) + torch.tensor(CENTER)
    bundle = RayBundle(origins, torch.tensor([[0.0, 0, 1]]).expand(4, 3), torch.ones(4, 1))
    return SphereBounds(torch.tensor(CENTER), RADIUS)(bundle)


@pytest.mark.parametrize("training", [True, False])
def test_bins_ascend_within_the_rays_and_the_rest_is_clear(training):
    bundle = rays()
    nears, fars = bundle.nears.clone(), bundle.fars.clone()
    samples = sampler(training)(bundle)
    starts, ends = samples.frustums.starts[..., 0], samples.frustums.ends[..., 0]
    assert (ends >= starts).all() and (starts[:, 1:] >= ends[:, :-1] - 1e-6).all()
    assert (starts >= nears).all() and (ends <= fars).all()
    assert torch.equal(bundle.nears, nears) and torch.equal(bundle.fars, fars)
    known = KnownDistances.of(samples)
    assert known is not None
    assert torch.equal(known.least.isinf(), ends <= starts)
    counts = known.least.isfinite().sum(dim=1)
    assert counts[2] == counts[3] == 0
    assert counts[0] > 4 and counts[1] > counts[0]


def test_steps_have_one_length_and_cover_the_surface():
    samples = sampler()(rays())
    starts, ends = samples.frustums.starts[0, :, 0], samples.frustums.ends[0, :, 0]
    taken = ends > starts
    torch.testing.assert_close((ends - starts)[taken], torch.full((int(taken.sum()),), STEP * RADIUS))
    for surface in (5 - 0.5 * RADIUS, 5 + 0.5 * RADIUS):
        assert ((starts <= surface) & (surface < ends)).sum() == 1
    # The middle of the solid is empty.
    assert not ((starts <= 5) & (ends > 5) & taken).any()


def test_no_occupied_cell_at_all_leaves_one_clear_bin():
    empty = sampler()
    empty.grid.occupied[:] = False
    samples = empty(rays())
    assert samples.frustums.starts.shape == (4, 1, 1)
    known = KnownDistances.of(samples)
    assert known is not None and known.least.isinf().all()


def test_a_ray_that_misses_has_no_bin_even_where_all_cells_are_occupied():
    full = sampler(training=True)
    full.grid.occupied[:] = True
    known = KnownDistances.of(full(rays()))
    assert known is not None
    assert (known.least.isfinite().sum(dim=1) > 0).tolist() == [True, True, True, False]


def test_training_moves_all_steps_of_a_ray_by_one_share():
    torch.manual_seed(0)
    jittered, straight = (sampler(training)(rays()).frustums.starts[0, :4, 0] for training in (True, False))
    shares = (jittered - straight) / (STEP * RADIUS) % 1
    torch.testing.assert_close(shares, shares[:1].expand(4), atol=1e-4, rtol=0)
    assert 0.01 < shares[0] < 0.99


def test_a_bin_is_taken_where_its_middle_lies_in_an_occupied_cell():
    few = sampler()
    few.grid.occupied[:] = torch.rand(32**3, generator=torch.Generator().manual_seed(0)) < 0.3
    bundle = rays()
    # So that some bins begin in another cell than their middle is in.
    bundle.origins[1, 0] += 0.05
    bundle.nears = bundle.fars = None
    bundle = SphereBounds(torch.tensor(CENTER), RADIUS)(bundle)
    samples = few(bundle)
    starts = bundle.nears[1:2] + STEP * RADIUS * torch.arange(64)
    points = few.space.unit(
        bundle.origins[1:2, None] + (starts + STEP * RADIUS / 2)[..., None] * bundle.directions[1:2, None]
    )
    expected = starts[0, few.grid.holds(*points[0].unbind(-1))]
    found = samples.frustums.starts[1, :, 0]
    assert 10 < len(expected) < 40
    torch.testing.assert_close(found[: len(expected)], expected)
    assert (found[len(expected) :] == bundle.fars[1]).all()


@pytest.mark.parametrize("training", [True, False])
def test_the_kernel_takes_the_steps_that_torch_takes(training, monkeypatch):
    chosen, directions = sampler(training), torch.nn.functional.normalize(torch.randn(500, 3), dim=-1)
    origins = torch.tensor(CENTER) - 3 * directions + 0.8 * torch.randn(500, 3)
    bundle = SphereBounds(torch.tensor(CENTER), RADIUS)(RayBundle(origins, directions, torch.ones(500, 1)))
    found = []
    for walk in (_walk, _walk_by_kernel):
        monkeypatch.setattr("s3im_methods.rays.occupied_steps._walk_by_kernel", walk)
        torch.manual_seed(3)
        found.append(chosen.steps(bundle))
    by_torch, by_kernel = found
    assert len(by_torch.rays) > 1000
    # Rounding may put a step into the next cell.
    assert abs(len(by_torch.rays) - len(by_kernel.rays)) <= 2
    if len(by_torch.rays) == len(by_kernel.rays):
        assert torch.equal(by_torch.rays, by_kernel.rays)
        torch.testing.assert_close(by_torch.starts, by_kernel.starts)
        torch.testing.assert_close(by_torch.ends, by_kernel.ends)


def test_rows_hold_the_steps_of_their_rays_and_what_is_known_of_them():
    bundle = rays()
    steps = Steps(torch.tensor([0, 0, 2]), torch.tensor([4.0, 5.0, 4.5]), torch.tensor([4.1, 5.2, 4.5]))
    samples = in_rows(bundle, steps, torch.tensor([0.3, -0.05, 0.2]))
    known = KnownDistances.of(samples)
    assert known is not None and samples.frustums.shape == (4, 2)
    assert samples.frustums.starts[0, :, 0].tolist() == [4.0, 5.0]
    torch.testing.assert_close(known.middle[0], torch.tensor([0.3, -0.05]))
    torch.testing.assert_close(known.least[0], torch.tensor([0.25, 0.0]), atol=1e-6, rtol=0)
    # A step without length, and what fills the rows.
    assert known.least[1:].isinf().all()
