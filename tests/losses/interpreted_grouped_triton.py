"""S3IM's Triton kernel in Triton's interpreter, on the CPU, beside plain torch.

Run by test_grouped_triton.py in a process of its own, because the interpreter is chosen when Triton is imported.
"""

import pytest
import torch

from s3im_methods.losses import grouped, grouped_triton
from s3im_methods.losses.grouped import grouped_s3im

CPU = torch.device("cpu")


@pytest.fixture()
def by_kernel(monkeypatch):
    monkeypatch.setattr(grouped, "gpu_kernels_for", lambda x: grouped_triton)


def batch(rays: int, channels: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(rays)
    x, y = torch.rand(2, rays, channels, generator=random)
    return x.requires_grad_(), y, torch.stack([torch.randperm(rays, generator=random) for _ in range(3)])


def value_and_gradient(x: torch.Tensor, *given, **settings) -> tuple[torch.Tensor, torch.Tensor]:
    loss = grouped_s3im(x, *given, **settings)
    return loss.detach(), torch.autograd.grad(loss, x)[0]


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize(("rays", "kernel_size", "channels"), [(16, 4, 3), (50, 4, 3), (700, 4, 3), (200, 3, 1)])
def test_value_and_gradient_are_those_of_plain_torch(by_kernel, rays, kernel_size, channels, held):
    given = batch(rays, channels)
    found = value_and_gradient(*given, kernel_size, held=held)
    expected = value_and_gradient(*given, kernel_size, fused=False, held=held)
    assert expected[1].abs().max() > 1e-5
    torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[1], expected[1], rtol=1e-4, atol=1e-4 * float(expected[1].abs().max()))


@pytest.mark.parametrize("share", [0.5, 0.02])
def test_rays_that_do_not_count(by_kernel, share):
    x, y, permutations = batch(300, 3)
    valid = torch.rand(300, generator=torch.Generator().manual_seed(0)) < share
    y[~valid] = torch.nan
    found = value_and_gradient(x, y, permutations, 4, valid)
    expected = value_and_gradient(x, y, permutations, 4, valid, fused=False)
    assert (expected[0] > 0) == (share == 0.5)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found[1], expected[1], rtol=1e-4, atol=1e-7)


def test_equal_colours_have_a_loss_and_a_gradient_of_exactly_0(by_kernel):
    x, _, permutations = batch(64, 3)
    loss, gradient = value_and_gradient(x, x.detach().clone(), permutations, 4)
    assert loss == 0
    assert not gradient.any()


def test_too_few_rays_for_a_group(by_kernel):
    loss, gradient = value_and_gradient(*batch(10, 3), 4)
    assert loss == 0
    assert not gradient.any()


def test_the_check_finds_the_kernel():
    grouped._gpu_kernels.cache_clear()
    assert grouped._gpu_kernels(CPU) is grouped_triton


def test_a_kernel_that_computes_something_else_is_left_alone_with_a_line(monkeypatch, capsys):
    right = grouped_triton.Groups

    class Wrong(right):
        @staticmethod
        def backward(ctx, gradient):
            first, *others = right.backward(ctx, gradient)
            return 1.01 * first, *others

    grouped._gpu_kernels.cache_clear()
    monkeypatch.setattr(grouped_triton, "Groups", Wrong)
    assert grouped._gpu_kernels(CPU) is None
    printed = " ".join(capsys.readouterr().out.split())
    line = "S3IM is computed by torch's operators on cpu, not the faster Triton kernels: "
    assert printed == f"{line}they do not compute the same here."
