"""Tensor grids hold what they should at their nodes, and keep it when they get new nodes."""

from typing import Any

import pytest
import torch
from nerfstudio.field_components.encodings import TensorVMEncoding

from s3im_methods.encodings.resampling import lerp_along
from s3im_methods.encodings.tensor_grids import AxisVM, Kind, grid_planes, make_grid

RESOLUTION = (3, 4, 5)
KINDS: list[Kind] = ["vm", "cp", "triplane"]


def nodes(resolution) -> torch.Tensor:
    """All nodes of a grid over [-1, 1]: ``[X, Y, Z, 3]``."""
    return torch.stack(torch.meshgrid(*(torch.linspace(-1, 1, n) for n in resolution), indexing="ij"), dim=-1)


def resampled(grid: Any, resolution, window=None):
    resample = grid.resampling(resolution, window)
    for name in grid.layout:
        setattr(grid, name, torch.nn.Parameter(resample(name, getattr(grid, name).data)))
    return grid


def test_a_rank_one_vm_is_the_outer_product_of_plane_and_line_at_the_nodes():
    grid: Any = AxisVM(RESOLUTION, num_components=1)
    matrix, vector = torch.rand(4, 3), torch.rand(5)  # rows along y, columns along x; z
    with torch.no_grad():
        for name in grid.layout:
            getattr(grid, name).zero_()
        grid.plane_0[0, 0], grid.line_0[0, 0, :, 0] = matrix, vector
    field = grid(nodes(RESOLUTION)).sum(dim=-1)
    torch.testing.assert_close(field, torch.einsum("yx,z->xyz", matrix, vector))


@pytest.mark.parametrize("kind", KINDS)
def test_by_axis_equals_nerfstudios_where_all_axes_are_alike(kind):
    ours: Any = make_grid(kind, (6, 6, 6), 2, by_axis=True)
    theirs: Any = make_grid(kind, (6, 6, 6), 2, by_axis=False)
    with torch.no_grad():
        for index in range(3):
            for part in ("plane", "line"):
                if hasattr(theirs, f"{part}_coef"):
                    getattr(ours, f"{part}_{index}")[0] = getattr(theirs, f"{part}_coef")[index]
    points = 2 * torch.rand(7, 11, 3) - 1
    assert ours.get_out_dim() == theirs.get_out_dim()
    torch.testing.assert_close(ours(points), theirs(points))


@pytest.mark.parametrize("by_axis", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_upsampling_keeps_the_values_at_old_nodes(kind, by_axis):
    before = RESOLUTION if by_axis else (4, 4, 4)
    after = tuple(2 * n - 1 for n in before)
    grid: Any = make_grid(kind, before, 3, by_axis)
    expected = grid(nodes(before))
    resampled(grid, after)
    assert grid.axis_resolution() == after
    torch.testing.assert_close(grid(nodes(before)), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_upsampling_a_linear_field_is_exact_for_any_new_resolution(kind):
    grid: Any = make_grid(kind, RESOLUTION, 2, by_axis=True)
    with torch.no_grad():
        for name in grid.layout:
            parameter = getattr(grid, name)
            rows, columns = (torch.linspace(0, 1, n) for n in parameter.shape[-2:])
            parameter.copy_((1 + rows[:, None] - 2 * columns).expand_as(parameter))
    points = 2 * torch.rand(100, 3) - 1
    expected = grid(points)
    torch.testing.assert_close(resampled(grid, (7, 11, 6))(points), expected, rtol=1e-5, atol=1e-6)


def test_cubic_upsampling_is_nerfstudios_to_the_last_bit():
    theirs = TensorVMEncoding(resolution=5, num_components=2)
    ours: Any = make_grid("vm", (5, 5, 5), 2, by_axis=False)
    ours.load_state_dict(theirs.state_dict())
    theirs.upsample_grid(8)
    resampled(ours, (8, 8, 8))
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name


def test_a_window_of_whole_nodes_crops_exactly():
    grid: Any = make_grid("vm", (5, 6, 7), 2, by_axis=True)
    expected = grid(nodes((5, 6, 7)))[1:4, 2:6, 0:6]
    resampled(grid, (3, 4, 6), [(1, 3), (2, 5), (0, 5)])
    torch.testing.assert_close(grid(nodes((3, 4, 6))), expected)


def test_interpolation_meets_old_entries_exactly():
    values = torch.rand(4, 13)
    assert torch.equal(lerp_along(values, 1, torch.arange(37, dtype=torch.float64) * 12 / 36)[:, ::3], values)


@pytest.mark.parametrize("by_axis", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_of_another_resolution_loads_into_the_same_parameters(kind, by_axis):
    big: Any = make_grid(kind, (9, 9, 9), 2, by_axis)
    small: Any = make_grid(kind, (4, 4, 4), 2, by_axis)
    held = list(small.parameters())
    small.load_state_dict(big.state_dict())
    assert all(a is b for a, b in zip(held, small.parameters(), strict=True))
    assert small.axis_resolution() == (9, 9, 9)
    points = 2 * torch.rand(10, 3) - 1
    assert torch.equal(small(points), big(points))


def test_a_checkpoint_with_other_components_is_refused():
    with pytest.raises(RuntimeError, match="size mismatch"):
        make_grid("vm", (4, 4, 4), 2, True).load_state_dict(make_grid("vm", (4, 4, 4), 3, True).state_dict())


@pytest.mark.parametrize("by_axis", [True, False])
def test_planes_of_a_grid(by_axis):
    assert [tuple(p.shape) for p in grid_planes(make_grid("vm", (4, 4, 4), 2, by_axis))] == [(2, 4, 4)] * 3
    assert not grid_planes(make_grid("cp", (4, 4, 4), 2, by_axis))
