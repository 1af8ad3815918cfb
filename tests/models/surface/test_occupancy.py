"""Occupancy sampling of a model: its grid in the sphere's units, the steps that count, its points for the eikonal
loss, its rays."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.engine.callbacks import TrainingCallbackLocation
from small_surfaces import CENTER, RADIUS, SMALL, build, rays

from s3im_methods.fields.unit_space import UnitSpace
from s3im_methods.models.s3im_neus import NeuSFieldConfig
from s3im_methods.models.surface.occupancy import OccupancySampling, steps_that_count
from s3im_methods.rays.known_distances import KnownDistances
from s3im_methods.rays.occupied_steps import Steps
from s3im_methods.rays.ray_budget import next_budget

BAND, SHARPNESS, SIDE, STEP = 6.0, 40.0, 16, 1 / 32


def field() -> Any:
    """A ball of radius 1/2 of the sphere's, in scene units; its sharpness is in the sphere's."""
    return SimpleNamespace(
        space=UnitSpace(tuple(CENTER.tolist()), RADIUS, bounded=True),
        sdf=lambda points: (points - CENTER).norm(dim=-1) - RADIUS / 2,
        config=SimpleNamespace(band=BAND),
        sharpness=torch.tensor([SHARPNESS]),
    )


def sampling(of: Any, target: int = 4096) -> OccupancySampling:
    return OccupancySampling(
        SimpleNamespace(occupancy_resolution=SIDE, occupancy_step=STEP, samples_per_batch=target), of
    )


def test_the_grid_holds_distances_and_reach_in_units_of_the_sphere():
    of = field()
    found = sampling(of)
    found.refresh(0, of)
    distances = found.grid.middles(torch.arange(SIDE**3)).norm(dim=-1)
    in_sphere = distances < 1
    torch.testing.assert_close(found.grid.sdf[in_sphere], distances[in_sphere] - 0.5, rtol=0, atol=1e-5)
    reach, cell = BAND / SHARPNESS, 3**0.5 / SIDE
    occupied = found.grid.occupied
    assert occupied[(distances - 0.5).abs() < reach].all()
    assert not occupied[distances > 0.5 + reach + cell + 1e-5].any()
    assert not occupied[distances < 0.5 - reach - cell - 2 * STEP - 1e-5].any()


def test_points_of_the_eikonal_loss_are_spread_evenly_over_the_sphere():
    of = field()
    torch.manual_seed(0)
    points = sampling(of).points_in_sphere(of, 8 * 20_000 + 3)
    assert points.shape == (20_000, 3)
    away = (points - CENTER) / RADIUS
    shares = away.norm(dim=-1) ** 3
    # Of what is even in a ball, the shares of the volume within are even from 0 to 1.
    assert shares.max() <= 1 + 1e-5
    torch.testing.assert_close(shares.sort().values, torch.linspace(0, 1, 20_000), rtol=0, atol=0.02)
    assert away.mean(dim=0).abs().max() < 0.02
    assert len(sampling(of).points_in_sphere(of, 3)) == 1


def test_only_bins_that_hold_something_count_for_the_number_of_rays():
    model = build(
        "neus", sampling="occupancy", occupancy_resolution=SIDE, occupancy_step=STEP, samples_per_batch=40_000
    )
    found, bundle = model.occupancy.train(), model.collider(rays(300))
    found.refresh(0, model.field)
    samples, _ = found(bundle, model.field)
    known = KnownDistances.of(samples)
    assert known is not None
    taken = found.steps_taken
    # Steps that a sharp surface leaves out count too, and what rows are filled with does not.
    assert 0 < int(known.least.isfinite().sum()) <= taken < 0.9 * 300 * 2 / STEP
    assert float(found.budget.budget) == next_budget(256.0, 300, taken, 40_000)
    # Who renders a view changes nothing.
    found.eval()(bundle, model.field)
    assert float(found.budget.budget) == next_budget(256.0, 300, taken, 40_000)


def test_the_next_step_takes_as_many_rays_as_the_budget_says():
    of, given = field(), []
    found = sampling(of)
    sampler = SimpleNamespace(set_num_rays_per_batch=given.append)
    pipeline = SimpleNamespace(datamanager=SimpleNamespace(train_pixel_sampler=sampler))
    (callback,) = found.callbacks(SimpleNamespace(pipeline=pipeline))  # type: ignore[arg-type]
    for budget in (256.0, 1100.0):
        found.budget.budget.fill_(budget)
        callback.run_callback_at_location(3, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
    assert given == [256, 1088]
    # Without a pipeline, as in tests, there is nobody to tell.
    (alone,) = found.callbacks(SimpleNamespace(pipeline=None))  # type: ignore[arg-type]
    alone.run_callback_at_location(3, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)


@pytest.mark.parametrize("band", [0.0, 5.0])
def test_a_band_leaves_out_what_rows_are_filled_with(band):
    model = build("neus", sampling="occupancy", sdf_field=NeuSFieldConfig(**SMALL, band=band))
    assert model.field.config.band == (band or 8.0)


def counted(threshold: float = 1e-4) -> Any:
    """A sharpness of 100 and a band of 5: what is within 0.05 of the surface counts."""
    opacity = SimpleNamespace(sharpness=lambda: torch.tensor([100.0]))
    config = SimpleNamespace(band=5.0, color_weight_threshold=threshold)
    return SimpleNamespace(opacity=opacity, config=config)


def steps(rays: list[int], length: float = 0.06) -> Steps:
    starts = torch.arange(len(rays)) * length
    return Steps(torch.tensor(rays), starts, starts + length)


@pytest.mark.parametrize(("threshold", "behind"), [(1e-4, False), (0.0, True)])
def test_what_is_clear_and_what_is_behind_a_solid_are_left_out(threshold, behind):
    #       clear  near  solid  solid  behind a transmittance of exp(-12)
    sdf = [0.2, 0.07, -0.09, -0.1, -0.1, -0.03, 0.01, 0.2]
    found = steps_that_count(steps([0] * 8), torch.tensor(sdf), counted(threshold))
    assert found.tolist() == [False, True, True, True, behind, behind, behind, False]


def test_each_ray_begins_anew():
    sdf = [-0.2, -0.2, -0.2, 0.0, 0.01, -0.2, -0.2, -0.2, 0.0]
    found = steps_that_count(steps([2, 2, 2, 2, 5, 7, 7, 7, 7]), torch.tensor(sdf), counted())
    assert found.tolist() == [True, True, False, False, True, True, True, False, False]


def test_thousands_of_rays_do_not_blur_the_sum():
    rays = torch.arange(3000).repeat_interleave(3).tolist()
    sdf = torch.tensor([-0.2, -0.2, -0.03]).repeat(3000)
    found = steps_that_count(steps(rays, length=0.045), sdf, counted())
    # Two solid steps let exp(-9) through, which is more than the threshold.
    assert found.all()


def test_a_sharp_surfaces_samples_know_their_distances():
    model = build("neus", sampling="occupancy", occupancy_resolution=SIDE, occupancy_step=STEP)
    of = field()
    of.sharpness, of.opacity = torch.tensor([400.0]), SimpleNamespace(sharpness=lambda: torch.tensor([400.0]) / RADIUS)
    of.config = SimpleNamespace(band=BAND, color_weight_threshold=1e-4)
    found, bundle = sampling(of).eval(), model.collider(rays(100))
    found.refresh(0, of)
    samples, aside = found(bundle, of)
    known, bins = KnownDistances.of(samples), samples.frustums
    assert known is not None
    held = (bins.ends > bins.starts)[..., 0]
    assert 0 < held.sum() < found.steps_taken and len(aside)
    torch.testing.assert_close(known.middle[held], of.sdf(bins.get_positions())[held], rtol=0, atol=1e-4)
