"""What a level set says at points of the world, and where it says nothing."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.level_set import LevelSet
from s3im_methods.exporters.mesh.volume import ScalarField, scalar_field
from s3im_methods.exporters.mesh.world_frame import WorldFrame

FRAME = WorldFrame(np.eye(3), np.array([0.0, 0.0, 1.0]), 0.5)
"""World z = -1 is the scene's origin; a world unit is half a scene unit."""
POINTS = np.array([[0.0, 0, -1.0], [0.0, 0, -0.8], [0.0, 0, -1.4], [0.0, 0, 9.0]])


def test_signed_distances_become_voxels_inside():
    level_set = LevelSet(ScalarField(lambda p: p[:, 2], "sdf"), 0.1, FRAME, 0.1)
    # Scene z is 0, 0.1, -0.2 and 5; a voxel is 0.05 scene units.
    assert level_set(POINTS) == pytest.approx([2, 0, 5, -5], abs=1e-5)
    assert (level_set.lowest, level_set.highest) == pytest.approx((-0.2, 5.0))


def test_densities_become_e_folds():
    level_set = LevelSet(ScalarField(lambda p: (10 * p[:, 2]).exp(), "density"), 1.0, FRAME, 0.1)
    assert level_set(POINTS) == pytest.approx([0, 1, -2, 5], abs=1e-5)


def test_no_density_at_all_is_outside():
    assert LevelSet(ScalarField(lambda p: 0 * p[:, 2], "density"), 1.0, FRAME, 0.1)(POINTS).tolist() == [-5] * 4


@pytest.mark.parametrize("where", ["collider", "field"])
def test_nothing_is_known_outside_the_box_that_a_model_learnt_in(where):
    box = torch.tensor([[-1.0] * 3, [1.0] * 3])
    model = SimpleNamespace(collider=None, field=SimpleNamespace(density_fn=lambda p: p[:, 2:] + 3))
    if where == "collider":
        model.collider = SimpleNamespace(scene_box=SimpleNamespace(aabb=box))
    else:
        # nerfstudio's fields: None stands for no contraction.
        model.field.spatial_distortion, model.field.aabb = None, box
    values = LevelSet(scalar_field(model), 1.0, FRAME, 0.1)(POINTS)
    assert np.isnan(values).tolist() == [False, False, False, True]
    model.collider, model.field.spatial_distortion = None, "a contraction"
    assert not np.isnan(LevelSet(scalar_field(model), 1.0, FRAME, 0.1)(POINTS)).any()


def test_occupancies_become_e_folds_of_their_odds():
    """However steep: odds grow by e where the occupancy itself has long come to 1."""
    level_set = LevelSet(ScalarField(lambda p: torch.sigmoid(20 * p[:, 2]), "occupancy"), 0.5, FRAME, 0.1)
    assert level_set(POINTS) == pytest.approx([0, 2, -4, 12], abs=1e-4)
    # A third is where the odds are one half.
    level_set = LevelSet(ScalarField(lambda p: torch.sigmoid(20 * p[:, 2]), "occupancy"), 1 / 3, FRAME, 0.1)
    assert level_set(POINTS)[:2] == pytest.approx([np.log(2), 2 + np.log(2)], abs=1e-4)
    assert (level_set.lowest, level_set.highest) == pytest.approx((1 / (1 + np.exp(4)), 1.0))


@pytest.mark.parametrize(
    ("kind", "level", "sentence"),
    [
        ("density", 0.0, "--level is 0, and this method has a density: give a level above 0."),
        ("density", float("inf"), "--level is inf, and this method has a density: give a level above 0."),
        ("sdf", float("nan"), "--level is nan, and this method has a signed distance: give a level that is finite."),
        ("occupancy", 0.0, "--level is 0, and this method has an occupancy: give a level between 0 and 1."),
        ("occupancy", 1.0, "--level is 1, and this method has an occupancy: give a level between 0 and 1."),
        ("occupancy", float("nan"), "--level is nan, and this method has an occupancy: give a level between 0 and 1."),
    ],
)
def test_a_level_that_a_kind_never_has_is_refused(kind, level, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        ScalarField(lambda p: p[:, 2], kind).check_level(level, "--level")


@pytest.mark.parametrize(("kind", "level"), [("density", 1e-9), ("sdf", -3.0), ("sdf", 0.0), ("occupancy", 0.01)])
def test_a_level_that_a_kind_may_have_is_taken(kind, level):
    ScalarField(lambda p: p[:, 2], kind).check_level(level, "--level")
