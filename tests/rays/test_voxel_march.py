"""Marching through voxels: closed forms, the kernel against torch, and its backward."""

import math

import pytest
import torch
from torch import Tensor

from s3im_methods.encodings.voxel_grid import VoxelGrid
from s3im_methods.fields.alpha_mask import AlphaMask
from s3im_methods.rays.voxel_march import (
    GridSpace,
    March,
    _March,
    equal_edges,
    march,
    march_by_torch,
    opacity,
    outward_edges,
    shift_of,
)

BOX = torch.tensor([[-1.0, -0.8, -1.2], [1.0, 1.2, 0.9]])


@pytest.mark.parametrize("alpha_init", [1e-6, 1e-4, 1e-2, 0.5, 0.9])
def test_a_raw_value_of_zero_is_alpha_init_opaque(alpha_init):
    """``1 - (1 + e^x)^(-i)`` in float32 would give 9.537e-7 for 1e-6."""
    found = opacity(torch.zeros(1), shift_of(alpha_init), 1.0)
    torch.testing.assert_close(found, torch.tensor([alpha_init]), rtol=3e-7, atol=0)


def test_halving_the_interval_squares_what_passes():
    raw = torch.linspace(-8, 8, 101, dtype=torch.float64)
    whole, half = opacity(raw, shift_of(1e-2), 1.0), opacity(raw, shift_of(1e-2), 0.5)
    torch.testing.assert_close(1 - whole, (1 - half) ** 2, rtol=0, atol=3.4e-16)


def test_the_start_of_replicas_settings():
    """S3IM's published settings for Replica begin with 320^3 / 2^7 voxels, in base voxels of 320^3."""
    nodes = 63
    ratio = (2.4 / (320**3 / 2**7) ** (1 / 3)) / (2.4 / 320)
    assert round(ratio, 3) == 5.040
    assert round(float(opacity(torch.zeros(1).double(), shift_of(1e-4), 0.5 * ratio)), 7) == 2.520e-4
    assert len(outward_edges(GridSpace(1.0), nodes, 0.5)) // 2 == 106


def test_interpolating_before_activating_makes_a_sharper_edge():
    """Half way between an empty and a full node, post-activation is half way in raw values and not in opacities."""
    raw = torch.tensor([-20.0, 20.0])
    after = opacity(raw.mean(), shift_of(0.5), 1.0)
    before = opacity(raw, shift_of(0.5), 1.0).mean()
    torch.testing.assert_close(after, torch.tensor(0.5))
    near = opacity(0.4 * raw[1] + 0.6 * raw[0], shift_of(0.5), 1.0)
    assert near < 0.02 < 0.4 < before


@pytest.mark.parametrize("norm", ["max", "euclidean"])
def test_contraction_and_its_inverse(norm):
    space = GridSpace(1.5, 0.2, norm)
    points = torch.tensor([[0.3, -0.2, 0.1], [1.4, 0.0, 0.0], [3.0, -40.0, 7.0], [1e3, 2.0, 0.0]], dtype=torch.float64)
    found = space(points)
    size = found.abs().amax(-1) if norm == "max" else found.norm(dim=-1)
    assert (size < 1.2).all()
    torch.testing.assert_close(space.inverse(found), points, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(space(torch.tensor([[3.0, 0.0, 0.0]])), torch.tensor([[1.1, 0.0, 0.0]]))


def _rays(count: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    origins = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator, dtype=dtype), dim=-1) * 3
    targets = torch.rand(count, 3, generator=generator, dtype=dtype) - 0.5
    directions = torch.nn.functional.normalize(targets - origins, dim=-1)
    jitter = torch.rand(count, 1, generator=generator, dtype=dtype)
    bounds = torch.cat([torch.full_like(jitter, 1.5), torch.full_like(jitter, 4.2), jitter], dim=-1)
    return torch.cat([origins, directions], dim=-1), bounds


def _scene(dtype: torch.dtype, masked: bool) -> tuple[VoxelGrid, AlphaMask]:
    torch.manual_seed(4)
    grid = VoxelGrid((5, 4, 6), 1).to(dtype)
    grid.values.data = 3 * torch.randn(5, 4, 6, 1, dtype=dtype)
    mask = AlphaMask()
    if masked:
        mask.update((torch.rand(4, 4, 4) > 0.9).float(), BOX * 0.9, 0.5)
        assert 0.1 < mask.cells.float().mean() < 0.9
    return grid, mask


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("scale", [None, 0.8])
@pytest.mark.parametrize("norm", ["max", "euclidean"])
def test_the_kernel_marches_as_torch_does_with_the_same_gradient(masked, scale, norm):
    grid, mask = _scene(torch.float64, masked)
    rays, bounds = _rays(60, torch.float64)
    space = GridSpace(scale, 0.3, norm)
    how = March(equal_edges(3.0, 0.07).double(), shift_of(0.05), 0.7, 1e-2)
    found, gradients = [], []
    for rendered in (
        march(rays, bounds, how, grid, BOX.double(), space, mask),
        march_by_torch(rays, bounds, how, grid.values, BOX.double(), space, mask),
    ):
        grid.values.grad = None
        (rendered * torch.linspace(0, 1, rendered.shape[1]) ** 2 + rendered**2).sum().backward()
        assert grid.values.grad is not None
        found.append(rendered.detach())
        gradients.append(grid.values.grad.to_dense())
    assert found[0].max() > 0.3 and (found[0].sum(-1) <= 1).all()
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)
    assert gradients[1].abs().max() > 1e-2
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=1e-11)


def test_the_backward_is_that_of_finite_differences():
    grid, mask = _scene(torch.float64, masked=False)
    rays, bounds = _rays(60, torch.float64)
    # Without an end of opaque rays, which is no continuous function.
    how = March(equal_edges(3.0, 0.1).double(), shift_of(0.05), 0.7, 0.0)
    share = torch.linspace(-1, 1, len(how.edges) - 1, dtype=torch.float64)

    def total() -> Tensor:
        return (march(rays, bounds, how, grid, BOX.double(), GridSpace(), mask) * share).sum()

    total().backward()
    gradient, step = grid.values.grad, 1e-5
    assert gradient is not None
    for index in [(2, 2, 3, 0), (1, 1, 2, 0), (3, 2, 1, 0)]:
        sides = []
        for sign in (1, -1):
            with torch.no_grad():
                grid.values[index] += sign * step
                sides.append(float(total()))
                grid.values[index] -= sign * step
        expected = (sides[0] - sides[1]) / (2 * step)
        assert abs(expected) > 1e-4
        assert math.isclose(float(gradient.to_dense()[index]), expected, rel_tol=1e-6)


class _Dense(torch.autograd.Function):
    """gradcheck compares dense gradients."""

    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:  # type: ignore[override]
        return values.clone()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient.to_dense()


@pytest.mark.parametrize("space", [GridSpace(), GridSpace(0.8, 0.3), GridSpace(0.8, 0.3, "euclidean")])
def test_the_march_passes_gradcheck_in_float64(space):
    grid, mask = _scene(torch.float64, masked=True)
    rays, bounds = _rays(6, torch.float64)
    how = March(equal_edges(3.0, 0.2).double(), shift_of(0.05), 0.7, 0.0)

    def weights(values: Tensor) -> Tensor:
        return _March.apply(rays, bounds, how, grid, _Dense.apply(values), BOX.double(), space, mask)  # type: ignore[return-value]

    assert weights(grid.values).max() > 0.2
    assert torch.autograd.gradcheck(weights, (grid.values,))


def test_jumps_over_empty_space_leave_nothing_out():
    """Many rays through a thin mask in a fine grid, where most steps are jumped over."""
    torch.manual_seed(2)
    grid, mask = VoxelGrid((40, 40, 40), 1).double(), AlphaMask()
    grid.values.data = torch.randn(40, 40, 40, 1, dtype=torch.float64)
    mask.update((torch.rand(40, 40, 40) > 0.9995).float(), BOX, 0.5)
    assert mask.cells.float().mean() < 0.1 and mask.clearances().max() > 3
    rays, bounds = _rays(300, torch.float64)
    spaces = (GridSpace(), GridSpace(0.7, 0.3), GridSpace(0.7, 0.5, "euclidean"))
    for space in (*spaces, GridSpace(0.7, 4.0), GridSpace(0.7, 4.0, "euclidean")):
        edges = equal_edges(3.0, 0.03) if space.scale is None else outward_edges(space, 40, 0.5)
        how = March(edges.double(), shift_of(0.05), 0.7, 1e-3)
        found = march(rays, bounds, how, grid, BOX.double(), space, mask)
        expected = march_by_torch(rays, bounds, how, grid.values, BOX.double(), space, mask)
        assert (expected > 0).float().mean() > 1e-3
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_a_ray_ends_where_it_is_opaque_and_skips_what_is_empty():
    grid, mask = VoxelGrid((3, 3, 3), 1), AlphaMask()
    grid.values.data.fill_(50.0)
    rays = torch.tensor([[-3.0, 0.0, 0.0, 1.0, 0.0, 0.0]])
    bounds, how = torch.tensor([[2.0, 4.0, 0.5]]), March(equal_edges(2.0, 0.1), 0.0, 1.0)
    box = torch.tensor([[-1.0] * 3, [1.0] * 3])
    weights = march(rays, bounds, how, grid, box, GridSpace(), mask)
    assert weights[0, 0] == 1 and not weights[0, 1:].any()
    half = torch.zeros(3, 3, 3)
    half[2] = 1
    mask.volume, mask.box = half > 0, box
    mask._make_cells()
    weights = march(rays, bounds, how, grid, box, GridSpace(), mask)
    assert weights[0, 10] == 1 and weights.sum() == 1
