"""The formulas of TensoRF's regularisers and growth."""

import pytest
import torch

from s3im_methods.models.density_normals import difference_normals
from s3im_methods.models.grids.growth import resolution_by_axis
from s3im_methods.models.grids.occupied import node_window
from s3im_methods.models.grids.regularisers import decayed, mean_absolute_values


def test_mean_absolute_values_are_summed_over_parameters():
    assert mean_absolute_values([torch.tensor([-1.0, 3.0]), torch.tensor([0.5])]).item() == 2.5


def test_weights_decay_exponentially_with_the_step():
    assert decayed(1.0, 0.1, 30000, 0) == 1.0
    assert decayed(1.0, 0.1, 30000, 30000) == pytest.approx(0.1)
    assert decayed(2.0, 0.25, 100, 50) == 1.0


def test_voxels_are_cubes():
    assert resolution_by_axis(torch.tensor([[0.0, 0.0, 0.0], [4.0, 2.0, 1.0]]), 64**3) == (128, 64, 32)
    assert resolution_by_axis(torch.tensor([[-1.0] * 3, [1.0] * 3]), 300**3) == (300, 300, 300)
    # A slab thinner than its voxels still has two faces.
    assert resolution_by_axis(torch.tensor([[0.0] * 3, [100.0, 100.0, 0.001]]), 8**3)[2] == 2


def test_a_window_is_of_whole_nodes_inside_the_box():
    box = torch.tensor([[0.0] * 3, [4.0, 4.0, 4.0]])
    window, shrunk = node_window(box, torch.tensor([[1.9, -3.0, 4.0], [2.1, 9.0, 4.0]]), (5, 5, 5))
    assert window == [(2, 3), (0, 4), (3, 4)]
    assert shrunk.tolist() == [[2, 0, 3], [3, 4, 4]]


def test_difference_normals_of_a_ball():
    points = torch.nn.functional.normalize(torch.randn(9, 3), dim=-1)
    normals = difference_normals(lambda x: torch.sigmoid(5 * (1 - x.norm(dim=-1, keepdim=True))), points, 1e-2)
    torch.testing.assert_close(normals, points, atol=1e-3, rtol=0)
    assert not difference_normals(lambda x: 0 * x[..., :1], points, 0.1).any()
