"""The Triton kernels in Triton's interpreter, on the CPU, beside nerfstudio's hash encoding.

Run by test_hash_grid_triton.py in a process of its own, because the interpreter is chosen when Triton is imported.
"""

import pytest
import torch
from nerfstudio.field_components.encodings import HashEncoding

from s3im_methods.encodings import gpu_kernels as checks
from s3im_methods.encodings import hash_grid_triton as kernels

CPU = torch.device("cpu")


def grid(width: int = 2, levels: int = 3) -> HashEncoding:
    torch.manual_seed(0)
    return HashEncoding(
        levels, 4, 32, log2_hashmap_size=7, features_per_level=width, hash_init_scale=1.0, implementation="torch"
    )


def some_points(count: int) -> torch.Tensor:
    """Nodes of the coarsest level, corners and points that share a cell among them."""
    points = torch.rand(count, 3, generator=torch.Generator().manual_seed(1))
    points[:3] = torch.tensor([[0.0], [1.0], [0.25]])
    points[3:9] = points[9]
    return points.requires_grad_()


def by_kernels(encoding: HashEncoding, points: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    return kernels.Encode.apply(points, table, encoding.scalings.float(), encoding.hash_table_size)


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("count", [10, kernels.BLOCK, 2 * kernels.BLOCK + 45])
def test_features_and_gradients_are_nerfstudios(width, count):
    encoding, points = grid(width), some_points(count)
    expected = encoding.pytorch_fwd(points)
    found = by_kernels(encoding, points, encoding.hash_table)
    assert torch.equal(found, expected)
    weights = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2))
    inputs = (encoding.hash_table, points)
    for ours, theirs in zip(
        *(torch.autograd.grad((f * weights).sum(), inputs) for f in (found, expected)), strict=True
    ):
        assert theirs.abs().max() > 1
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_table_in_half_precision_is_computed_with_in_full(dtype):
    encoding, points = grid(), some_points(50)
    table = encoding.hash_table.detach().to(dtype).requires_grad_()
    found = by_kernels(encoding, points, table)
    encoding.hash_table.data = table.detach().float()
    expected = encoding.pytorch_fwd(points)
    # The interpreter cuts numbers off where a GPU rounds them.
    torch.testing.assert_close(found, expected.to(dtype))
    (gradient,) = torch.autograd.grad(found.float().sum(), table)
    (full,) = torch.autograd.grad(expected.sum(), encoding.hash_table)
    assert gradient.dtype == dtype
    torch.testing.assert_close(gradient, full.to(dtype))


def test_no_points_have_no_features_and_no_gradient():
    encoding = grid()
    features = by_kernels(encoding, torch.zeros(0, 3), encoding.hash_table)
    assert features.shape == (0, 6)
    assert not torch.autograd.grad(features.sum(), encoding.hash_table)[0].any()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_points_that_are_no_numbers_touch_nothing_outside_the_table():
    encoding = grid()
    points = torch.tensor([[float("nan")] * 3, [float("inf")] * 3, [-1e9] * 3, [1e9] * 3])
    assert by_kernels(encoding, points, encoding.hash_table).shape == (4, 6)


def test_the_check_finds_the_kernels_and_is_made_once(monkeypatch):
    checks.gpu_kernels.cache_clear()
    state = torch.get_rng_state()
    with torch.inference_mode():
        assert checks.gpu_kernels(CPU) is kernels
    assert torch.equal(torch.get_rng_state(), state)
    monkeypatch.setattr(kernels, "Encode", None)
    assert checks.gpu_kernels(CPU) is kernels


Right = kernels.Encode


class Failing(Right):
    @staticmethod
    def forward(ctx, *inputs):
        raise RuntimeError("no [C] compiler\nand much more")


class WrongFeatures(Right):
    @staticmethod
    def forward(ctx, *inputs):
        return 1.01 * Right.forward(ctx, *inputs)


class WrongGradient(Right):
    @staticmethod
    def backward(ctx, gradient):
        points, table, *_ = Right.backward(ctx, gradient)
        assert points is not None
        return 1.01 * points, table, None, None


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (Failing, "RuntimeError: no [C] compiler."),
        (WrongFeatures, "they do not compute the same here."),
        (WrongGradient, "they do not compute the same here."),
    ],
)
def test_kernels_that_fail_are_left_alone_with_a_line(broken, reason, monkeypatch, capsys):
    checks.gpu_kernels.cache_clear()
    monkeypatch.setattr(kernels, "Encode", broken)
    assert checks.gpu_kernels(CPU) is None
    assert checks.gpu_kernels(CPU) is None
    printed = " ".join(capsys.readouterr().out.split())
    assert printed == f"The hash grids use nerfstudio's code on cpu, not the faster Triton kernels: {reason}"
