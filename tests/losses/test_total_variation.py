"""Total variation of planes: hand-computed, nerfstudio's, torch's own gradient, in any layout."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from s3im_methods.losses import total_variation as module
from s3im_methods.losses.total_variation import total_variation


def plain(planes: list[Tensor]) -> Tensor:
    """In plain torch, as on a GPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fused_available", lambda: False)
        return total_variation(planes)


def random_plane(*shape: int, last: bool = True, dtype: torch.dtype = torch.float64) -> Tensor:
    plane = torch.randn(1, *shape, dtype=dtype)
    return plane.contiguous(memory_format=torch.channels_last)[0] if last else plane[0]


def test_a_ramp():
    ramp = 3.0 * torch.arange(5.0)[:, None] + 0.5 * torch.arange(7.0)
    assert total_variation([ramp.expand(4, 5, 7)] * 3).item() == pytest.approx(3 * 2 * (3.0**2 + 0.5**2))


def test_it_is_three_times_nerfstudios():
    from nerfstudio.model_components.losses import tv_loss

    planes = torch.randn(3, 4, 6, 6)
    torch.testing.assert_close(total_variation(list(planes)), 3 * tv_loss(planes))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(2, 7), st.integers(2, 7), st.booleans(), st.sampled_from(["float32", "float64"]))
def test_value_and_gradient_are_torchs(components, rows, columns, last, name):
    shape = components, rows, columns
    planes = [random_plane(*shape, last=last, dtype=getattr(torch, name)).requires_grad_() for _ in range(2)]
    torch.testing.assert_close(total_variation(planes), plain(planes))
    actual, expected = (torch.autograd.grad(0.3 * f(planes), planes) for f in (total_variation, plain))
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_left_to_torch(dtype):
    planes = [random_plane(2, 5, 6).to(dtype).requires_grad_()]
    value = total_variation(planes)
    assert value.dtype == dtype and torch.isfinite(torch.autograd.grad(value, planes)[0]).all()
    torch.testing.assert_close(value.double(), plain([planes[0].double()]), rtol=0.02, atol=0)


def test_gradcheck():
    planes = [random_plane(2, 3, 4).requires_grad_(), random_plane(3, 2, 2, last=False).requires_grad_()]
    assert torch.autograd.gradcheck(lambda *values: total_variation(values), planes)


def test_the_number_of_threads_changes_nothing():
    before, results = torch.get_num_threads(), []
    plane = random_plane(5, 9, 8, dtype=torch.float32).requires_grad_()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            value = total_variation([plane])
            results.append((value, *torch.autograd.grad(value, plane)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(*pair) for pair in zip(*results, strict=True))
