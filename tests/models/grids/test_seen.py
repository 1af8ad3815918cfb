"""What weighs in pixels: a wall, not the fog behind it; and the box of a contracted room shrinks to the wall."""

from typing import Any

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig

from s3im_methods.engine.voxel_adam import VoxelAdamConfig
from s3im_methods.losses import S3IMConfig
from s3im_methods.models.grids.seen import note_weights, spread_rays
from s3im_methods.models.grids.stages import set_coarse_rates
from s3im_methods.models.s3im_dvgo import S3IMDVGOModelConfig


def three_cameras() -> Cameras:
    """In the box's middle, which look along x, -x and z with a field of view of 90 degrees."""
    poses = torch.zeros(3, 3, 4)
    for pose, backward in zip(poses, ([-1.0, 0, 0], [1.0, 0, 0], [0, 0, -1.0]), strict=True):
        back, up = torch.tensor(backward), torch.tensor([0.0, 1.0, 0.0])
        pose[:, :3] = torch.stack([torch.linalg.cross(up, back), up, back], dim=-1)
    return Cameras(poses, fx=20.0, fy=20.0, cx=20.0, cy=20.0, width=40, height=40)


def room(**settings: Any) -> Any:
    """All of space is fog, from half a unit away from the middle on."""
    torch.manual_seed(0)
    config = S3IMDVGOModelConfig(
        scene_kind="room",
        resolution=40,
        coarse_resolution=25,
        coarse_steps=4,
        scaling_steps=(2,),
        features=3,
        network_width=8,
        network_layers=2,
        s3im=S3IMConfig(loss_mult=0.0),
        **settings,
    )
    model = config.setup(scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata={})
    model._training_cameras = three_cameras()
    axes = torch.meshgrid(*model.field.node_axes(), indexing="ij")
    away = torch.stack(axes, dim=-1).abs().amax(-1, keepdim=True)
    model.field.density_grid.values.data = torch.where(away * model.field.space.scale > 0.5, 9.0, -9.0)
    return model


def optimizers_of(model: Any) -> Optimizers:
    scheduler = ExponentialDecaySchedulerConfig(lr_final=0.01, max_steps=20)
    settings = {
        name: {"optimizer": VoxelAdamConfig(lr=0.1, eps=1e-8), "scheduler": scheduler} for name in ("grids", "fields")
    }
    return Optimizers(settings, model.get_param_groups())


def test_rays_cover_all_views_evenly():
    cameras = Cameras(torch.eye(4)[None, :3].repeat(2, 1, 1), 500.0, 500.0, 320.0, 240.0, width=640, height=480)
    bundles = list(spread_rays(cameras, "cpu"))
    assert sum(len(bundle) for bundle in bundles) == pytest.approx(65536, rel=0.2)
    for bundle in bundles:
        # Pixels of a camera that looks along -z: the picture's middle and quarters have their share.
        right = (bundle.directions[:, 0] > 0).float().mean()
        assert 0.48 < right < 0.52
    again = list(spread_rays(cameras, "cpu"))
    assert all(torch.equal(a.directions, b.directions) for a, b in zip(bundles, again, strict=True))


def test_the_heaviest_sample_counts():
    weighs = torch.zeros(5, 5, 5)
    note_weights(torch.tensor([0.3, 0.7, 0.1]), torch.tensor([[0.0, 0.5, -1.0]] * 3), weighs)
    assert weighs[2, 3, 0] == torch.tensor(0.7) and weighs.count_nonzero() == 1


def test_a_wall_weighs_and_fog_behind_it_does_not():
    model = room()
    weighs, opacities = model.node_weights(), model.field.node_opacities(1.0)
    axes = torch.meshgrid(*model.field.node_axes(), indexing="ij")
    away = torch.stack(axes, dim=-1).abs().amax(-1) * model.field.space.scale
    behind = away > 1.2
    assert (opacities[behind] > 0.9).all() and (weighs[behind] < 1e-2).all()
    # The cameras look at three of the six walls.
    at_wall = (axes[0] * model.field.space.scale - 0.5).abs() < 0.15
    seen = at_wall & (axes[1].abs() < 0.2) & (axes[2].abs() < 0.2)
    assert seen.any() and weighs[seen].max() > 0.5


@pytest.mark.parametrize(("mask_by", "tightens", "where"), [("weight", True, 0.6), ("alpha", False, 0.72)])
def test_the_box_of_a_room_shrinks_to_what_is_seen(mask_by, tightens, where):
    model = room(mask_by=mask_by)
    optimizers = optimizers_of(model)
    point, whole = torch.tensor([[where, 0.0, 0.0]]), model.field.sides
    before = model.field.density_at(point)
    model.after_step(optimizers, 3)
    assert model.field.is_fine and (max(model.field.sides) < 0.8 * max(whole)) == tightens
    # New nodes lie elsewhere, and the density is linear between none of them.
    torch.testing.assert_close(model.field.density_at(point), before, rtol=0.2, atol=0)
    hidden = torch.tensor([[1.4, 0.0, 0.0]])
    assert bool(model.field.density_at(hidden) > 0) != tightens
    sides, kept = max(model.field.sides), model.field.density_at(point)
    model.after_step(optimizers, 5)
    assert max(model.field.sides) <= sides
    torch.testing.assert_close(model.field.density_at(point), kept, rtol=0.2, atol=0)


def test_a_rooms_nodes_learn_by_how_many_views_see_them_in_space_as_it_is():
    """Of half a unit's cube in a rim: a camera at 0.6, that looks along x, has 0.8 behind it and 1.2 before it."""
    model = room(coarse_view_counts=True, box_scale=0.5, rim=0.5, near_reach=0.0)
    optimizers = optimizers_of(model)
    camera = three_cameras()[0:1]
    camera.camera_to_worlds[0, 0, 3] = 0.6
    set_coarse_rates(model.config, model.field, optimizers, camera)
    rates = optimizers.optimizers["grids"].state[model.field.density_grid.values]["rates"][..., 0]
    along_x = rates[:, 12, 12]
    places = model.field.node_axes()[0]
    assert (along_x[(places > 0.6) & (places < 0.9)] == 0).all()
    assert (along_x[(places > 1.1) & (places < 1.45)] == model.config.coarse_rate).all()


def test_densities_near_a_camera_learn_slowly_in_the_coarse_stage():
    """The cameras are in the middle; a rate is in proportion to the distance, up to one unit."""
    model = room(near_reach=1.0)
    optimizers = optimizers_of(model)
    set_coarse_rates(model.config, model.field, optimizers, model._training_cameras)
    states, field = optimizers.optimizers["grids"].state, model.field
    nodes = torch.stack(torch.meshgrid(*field.node_axes(), indexing="ij"), dim=-1)
    expected = field.space.inverse(nodes).norm(dim=-1).clamp(0.02, 1) * model.config.coarse_rate
    torch.testing.assert_close(states[field.density_grid.values]["rates"][..., 0], expected)
    assert (states[field.colour_grid.values]["rates"] == model.config.coarse_rate).all()
    model.after_step(optimizers, 3)
    assert field.is_fine and not any("rates" in state for state in optimizers.optimizers["grids"].state.values())
