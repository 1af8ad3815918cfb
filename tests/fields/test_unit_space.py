"""The sphere of a surface model, and its place in the grids."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.field_components.spatial_distortions import SceneContraction

from s3im_methods.fields.unit_space import UnitSpace

coordinates = st.lists(st.floats(-50, 50), min_size=3, max_size=3)


@settings(max_examples=50, deadline=None)
@given(center=coordinates, radius=st.floats(0.01, 100), point=coordinates)
def test_unbounded_it_is_nerfstudios_contraction_in_units_of_the_sphere(center, radius, point):
    space = UnitSpace(center, radius)
    point = torch.tensor([point])
    expected = SceneContraction(order=float("inf"))((point - torch.tensor(center)) / radius)
    assert torch.allclose(space(point), expected, atol=1e-5)
    assert (space(point).abs() < 2).all()


def test_bounded_the_sphere_fills_the_grids_and_nothing_leaves_them():
    space = UnitSpace((1.0, 2.0, 3.0), 0.5, bounded=True)
    points = torch.tensor([[1.0, 2.0, 3.0], [1.5, 1.5, 3.25], [9.0, 2.0, 3.0]])
    assert torch.equal(space(points), torch.tensor([[0.0, 0.0, 0.0], [2.0, -2.0, 1.0], [2.0, 0.0, 0.0]]))


@pytest.mark.parametrize("bounded", [True, False])
def test_a_cell_has_the_length_by_which_neighbouring_nodes_differ(bounded):
    space = UnitSpace((0.1, 0.0, 0.0), 3.0, bounded)
    here = torch.tensor([[0.2, 0.0, 0.0]])
    there = here + torch.tensor([[float(space.grid_cells(64)), 0.0, 0.0]])
    nodes = 64 * (space(there) - space(here))[0, 0] / 4
    assert nodes.item() == pytest.approx(1.0, rel=1e-4)


def test_the_sphere_is_part_of_a_checkpoint():
    other = UnitSpace()
    other.load_state_dict(UnitSpace((1.0, 2.0, 3.0), 4.0).state_dict())
    assert torch.equal(other.unit(torch.tensor([[5.0, 2.0, 3.0]])), torch.tensor([[1.0, 0.0, 0.0]]))
