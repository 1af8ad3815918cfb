"""Dense grids of voxels: values, their compact gradient, and what scaling keeps."""

import pytest
import torch
from torch import Tensor

from s3im_methods.encodings.voxel_grid import VoxelGrid, interpolated, node_gradient


class _Dense(torch.autograd.Function):
    """gradcheck compares dense gradients."""

    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:  # type: ignore[override]
        return values.clone()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient.to_dense() if gradient.is_sparse else gradient


def _grid(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> VoxelGrid:
    torch.manual_seed(0)
    grid = VoxelGrid(shape[:3], shape[3]).to(dtype)
    grid.values.data = torch.randn(shape, dtype=dtype)
    return grid


def _points(count: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Some outside, some at nodes and at corners."""
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(count, 3, generator=generator, dtype=dtype) * 2.4 - 1.2
    points[0], points[1], points[2] = 1.0, -1.0, torch.tensor([0.0, 1.0, -0.5])
    return points


@pytest.mark.parametrize("shape", [(3, 5, 4, 1), (4, 2, 6, 12)])
def test_values_are_those_of_grid_sample(shape):
    grid, points = _grid(shape), _points(200)
    torch.testing.assert_close(grid(points), interpolated(grid.values, points), rtol=0, atol=1e-13)


def test_gather_passes_gradcheck_in_float64():
    grid, points = _grid((3, 4, 2, 3)), _points(12)
    from s3im_methods.encodings.voxel_grid import _Gather

    def through(values: Tensor) -> Tensor:
        return _Gather.apply(points, _Dense.apply(values), grid.slots())  # type: ignore[return-value]

    assert torch.autograd.gradcheck(through, (grid.values,))


@pytest.mark.parametrize("threads", [1, 3])
def test_the_gradient_is_grid_samples_and_names_touched_nodes_only(threads):
    grid, points = _grid((6, 5, 4, 2)), _points(40)[3:9]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        (grid(points) ** 2).sum().backward()
    finally:
        torch.set_num_threads(before)
    found = grid.values.grad
    assert found is not None and found.is_sparse
    grid.values.grad = None
    (interpolated(grid.values, points) ** 2).sum().backward()
    expected = grid.values.grad
    assert expected is not None
    torch.testing.assert_close(found.to_dense(), expected, rtol=0, atol=1e-13)
    listed = found.coalesce().indices()
    assert listed.shape[1] == len(listed.unique(dim=1).T) <= 8 * len(points)
    assert not grid.slots().any()


def test_a_gradient_of_no_points_is_zero():
    grid = _grid((3, 3, 3, 2))
    found = node_gradient(torch.zeros(0, 3).double(), torch.zeros(0, 2).double(), grid.values.shape, grid.slots())
    assert found.shape == grid.values.shape and found._nnz() == 0


def test_scaling_keeps_linear_fields_everywhere_and_old_nodes_where_new_ones_meet_them():
    grid = _grid((4, 3, 5, 2))
    axes = [torch.linspace(-1, 1, count, dtype=torch.float64) for count in (4, 3, 5)]
    x, y, z = torch.meshgrid(*axes, indexing="ij")
    linear = torch.stack([x + 2 * y - z, 3 * z + 1], dim=-1)
    points = _points(50).clamp(-1, 1)
    grid.values.data = grid.resampling((9, 7, 6))("values", linear)
    expected = torch.stack([points @ torch.tensor([1.0, 2, -1]).double(), 3 * points[:, 2] + 1], dim=-1)
    torch.testing.assert_close(grid(points), expected, rtol=0, atol=1e-12)
    old = _grid((4, 3, 5, 2))
    finer = old.resampling((7, 5, 9))("values", old.values.data)
    torch.testing.assert_close(finer[::2, ::2, ::2], old.values.data, rtol=0, atol=0)


def test_a_window_keeps_the_values_inside_it():
    grid = _grid((5, 5, 5, 1))
    smaller = grid.resampling((3, 3, 3), [(1.0, 3.0)] * 3)("values", grid.values.data)
    torch.testing.assert_close(smaller, grid.values.data[1:4, 1:4, 1:4], rtol=0, atol=0)


def test_a_checkpoint_brings_its_own_resolution_and_width():
    saved, loaded = _grid((5, 4, 3, 2), torch.float32), VoxelGrid((2, 2, 2), 1)
    parameter = loaded.values
    loaded.load_state_dict(saved.state_dict())
    assert loaded.values is parameter
    torch.testing.assert_close(loaded.values, saved.values, rtol=0, atol=0)
