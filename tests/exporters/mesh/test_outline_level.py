"""The level whose outlines are those of the masks: found where it is known, from masks of any softness."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rays_at_a_ball import six_cameras

from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.outline_level import level_of_outlines, nearest_distance, outline_pixels, surface_level
from s3im_methods.models.s3im_volsdf import S3IMVolSDFModel
from s3im_methods.rays.sphere_bounds import SphereBounds

CENTRE, RADIUS = torch.tensor([0.1, 0.0, -0.1]), 0.5


class Data:
    """Masks of the ball; ``soft`` pixels hold the share of four rays."""

    has_foreground_mask = True

    def __init__(self, soft: bool):
        self.cameras, self.soft = six_cameras(CENTRE), soft

    def __len__(self) -> int:
        return len(self.cameras)

    def get_data(self, index: int) -> dict[str, torch.Tensor]:
        shifts = [-0.25, 0.25] if self.soft else [0.0]
        masks = []
        for down in shifts:
            for right in shifts:
                coords = self.cameras.get_image_coords() + torch.tensor([down, right])
                rays = self.cameras.generate_rays(camera_indices=index, coords=coords)
                along = ((CENTRE - rays.origins) * rays.directions).sum(-1, keepdim=True)
                masks.append((rays.origins + along * rays.directions - CENTRE).norm(dim=-1, keepdim=True) < RADIUS)
        return {"fg_mask": torch.stack(masks).float().mean(0)}


def pipeline(shrunk: float, soft: bool = False, **model: Any) -> Any:
    """A model whose zero lies inside the ball."""
    model = {"level_from_masks": True, **model}
    asked = SimpleNamespace(
        surface_value=lambda points: (points - CENTRE).norm(dim=-1) - (RADIUS - shrunk),
        collider=SphereBounds(torch.zeros(3), 1.0),
        **model,
    )
    return SimpleNamespace(model=asked, datamanager=SimpleNamespace(train_dataset=Data(soft)), device="cpu")


@pytest.mark.parametrize("soft", [True, False])
@pytest.mark.parametrize("shrunk", [0.04, 0.0, -0.02])
def test_the_level_undoes_what_masks_have_done_to_the_zero(shrunk, soft):
    said = []
    level = surface_level(pipeline(shrunk, soft), say=said.append)
    # A pixel is 0.016 wide where the outline is.
    assert level == pytest.approx(shrunk, abs=0.002)
    assert f"the signed distance is {level:.4g}" in said[0] and "(s3im export-mesh --level 0 takes the zero)" in said[0]


def test_only_models_that_ask_get_one_and_only_with_masks():
    assert S3IMVolSDFModel.level_from_masks
    assert surface_level(pipeline(0.04, level_from_masks=False)) == 0
    without = pipeline(0.04)
    without.datamanager.train_dataset.has_foreground_mask = False
    assert surface_level(without) == 0


def test_an_occupancy_has_its_own_level_and_a_density_none():
    assert surface_level(pipeline(0.04, level_from_masks=False, surface_kind="occupancy")) == 0.5
    fog = SimpleNamespace(field=SimpleNamespace(density_fn=torch.ones_like))
    assert surface_level(SimpleNamespace(model=fog)) is None


def test_the_line_names_the_flag_of_the_command_that_runs():
    said = []
    surface_level(pipeline(0.04), "--isosurface-threshold", said.append)
    assert "--isosurface-threshold 0 takes the zero" in said[0]


def test_masks_that_are_gone_leave_the_zero_and_a_line(monkeypatch):
    gone, said = pipeline(0.04), []

    def lost(index: int) -> None:
        raise InputError("No mask there.")

    monkeypatch.setattr(gone.datamanager.train_dataset, "get_data", lost)
    assert surface_level(gone, say=said.append) == 0
    assert said == ["The masks cannot be read, so the mesh is taken where the signed distance is 0 (No mask there.)."]


def test_pixels_lie_to_both_sides_of_the_outline_and_nowhere_else():
    mask = torch.zeros(20, 30)
    mask[:, 12:] = 1
    pixels = outline_pixels(mask, 1000, torch.Generator().manual_seed(0))
    assert sorted(set(pixels[:, 1].tolist())) == [10, 11, 12, 13]
    assert len(pixels) == 80
    assert len(outline_pixels(mask, 7, torch.Generator().manual_seed(0))) == 7
    assert len(outline_pixels(torch.ones(20, 30), 7, torch.Generator().manual_seed(0))) == 0


def test_the_nearest_distance_is_that_of_the_closest_approach():
    rays = six_cameras(CENTRE).generate_rays(
        camera_indices=0, coords=torch.tensor([[48.0, 64.0], [48.0, 90.0], [30.0, 80.0]])
    )
    rays = SphereBounds(torch.zeros(3), 1.0)(rays)
    along = ((CENTRE - rays.origins) * rays.directions).sum(-1, keepdim=True)
    expected = (rays.origins + along * rays.directions - CENTRE).norm(dim=-1) - RADIUS
    found = nearest_distance(rays, lambda points: (points - CENTRE).norm(dim=-1) - RADIUS)
    torch.testing.assert_close(found, expected, atol=5e-4, rtol=0)


def test_rays_on_one_side_alone_say_nothing():
    assert level_of_outlines(torch.tensor([0.1, 0.2]), torch.ones(2)) is None
    assert level_of_outlines(torch.zeros(0), torch.zeros(0)) is None


def test_what_is_no_number_along_a_ray_is_far_away():
    """As outside of the sphere that bounds a surface."""
    rays = six_cameras(CENTRE).generate_rays(camera_indices=0, coords=torch.tensor([[48.0, 64.0], [48.0, 90.0]]))
    rays = SphereBounds(torch.zeros(3), 1.0)(rays)

    def only_within(points: torch.Tensor) -> torch.Tensor:
        away = (points - CENTRE).norm(dim=-1)
        return torch.where(away < 0.7, away - RADIUS, torch.nan)

    expected = nearest_distance(rays, lambda points: (points - CENTRE).norm(dim=-1) - RADIUS)
    torch.testing.assert_close(nearest_distance(rays, only_within), expected)
    nowhere = nearest_distance(rays, lambda points: torch.full((len(points),), torch.nan))
    assert nowhere.isinf().all()
