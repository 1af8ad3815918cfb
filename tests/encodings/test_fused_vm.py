"""The fused vector-matrix grid: torch's values and gradients, at the box's rim and beyond it too."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.encodings.fused_vm import vm_features, vm_sum
from s3im_methods.encodings.tensor_grids import AxisVM

RESOLUTION = (5, 3, 4)


class TorchVM(AxisVM):
    """The same grid without kernels."""

    @staticmethod
    def _fused(points):
        return False


def pair(dtype: torch.dtype = torch.float64, components: int = 3) -> tuple[Any, Any]:
    torch.manual_seed(0)
    fused, plain = AxisVM(RESOLUTION, components).to(dtype), TorchVM(RESOLUTION, components).to(dtype)
    plain.load_state_dict(fused.state_dict())
    return fused, plain


def some_points(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Inside, on nodes, on the rim, between the rim and a cell beyond it, and far outside."""
    random = torch.Generator().manual_seed(1)
    inside = 2 * torch.rand(60, 3, generator=random, dtype=dtype) - 1
    special = torch.tensor(
        [[-1, -1, -1], [1, 1, 1], [0, 0, 0], [1.1, 0.2, -0.3], [0.3, -1.2, 1.05], [3, 0, 0], [0, -7, 9]], dtype=dtype
    )
    return torch.cat([inside, special])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("what", ["features", "sum"])
def test_values_and_gradients_are_torchs(what, dtype):
    points, results = some_points(dtype), []
    for grid in pair(dtype):
        values = grid(points) if what == "features" else grid.summed(points)
        (values * torch.linspace(-1, 1, values.numel(), dtype=dtype).view(values.shape)).sum().backward()
        results.append([values, *(p.grad for p in grid.parameters())])
    for actual, expected in zip(*results, strict=True):
        assert expected.abs().max() > 0
        torch.testing.assert_close(actual, expected)


def test_gradcheck():
    fused, _ = pair(components=2)
    names = [f"{part}_{index}" for part in ("plane", "line") for index in range(3)]
    axes = fused._parts()[0]
    grids = [getattr(fused, name) for name in names]
    for function in (vm_features, vm_sum):
        assert torch.autograd.gradcheck(lambda *g, f=function: f(some_points()[::5], axes, g[:3], g[3:]), grids)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-1.5, 1.5, width=32)] * 3), min_size=1, max_size=20), st.integers(1, 17))
def test_any_points_and_components(places, components):
    fused, plain = pair(components=components)
    points = torch.tensor(places, dtype=torch.float64)
    torch.testing.assert_close(fused(points), plain(points))
    torch.testing.assert_close(fused.summed(points), plain.summed(points))


def test_the_number_of_threads_changes_nothing():
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            fused, _ = pair()
            fused(some_points()).square().sum().backward()
            results.append([p.grad for p in fused.parameters()])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_points_that_need_a_gradient_get_one():
    fused, plain = pair()
    results = []
    for grid in (fused, plain):
        points = some_points()[:20].requires_grad_()
        grid(points).square().sum().backward()
        results.append(points.grad)
    assert torch.equal(*results) and results[0].abs().sum() > 0


def test_no_points():
    fused, _ = pair()
    empty = torch.zeros(0, 3, dtype=torch.float64)
    assert fused(empty).shape == (0, 9) and fused.summed(empty).shape == (0, 1)
    fused.summed(empty).sum().backward()
    assert not fused.plane_0.grad.any()


def test_components_of_a_node_lie_side_by_side_whatever_becomes_of_the_grid(tmp_path):
    fused, _ = pair(torch.float32, components=4)
    fused.summed(some_points(torch.float32)).sum().backward()
    torch.save(fused.state_dict(), tmp_path / "grid.pt")
    loaded = AxisVM((2, 2, 2), 4)
    loaded.load_state_dict(torch.load(tmp_path / "grid.pt"))
    for name, parameter in loaded.named_parameters():
        grown = fused.resampling((7, 8, 9))(name, parameter.data)
        for tensor in (parameter, getattr(fused, name), getattr(fused, name).grad, grown):
            assert tensor.is_contiguous(memory_format=torch.channels_last) and tensor.stride(1) == 1


def test_grids_that_were_stored_in_another_layout_are_loaded():
    fused, _ = pair(torch.float32, components=4)
    loaded = AxisVM((2, 2, 2), 4)
    loaded.load_state_dict({name: values.contiguous() for name, values in fused.state_dict().items()})
    for name, parameter in loaded.named_parameters():
        assert torch.equal(parameter, getattr(fused, name)) and parameter.stride(1) == 1
