"""S3IM's Triton kernel: right in Triton's interpreter, compiled for GPUs without one, and on a GPU if there is one."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from s3im_methods.losses.grouped import gpu_kernels_for, grouped_s3im

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed.")


def test_in_the_interpreter():
    script = Path(__file__).with_name("interpreted_grouped_triton.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(script)]
    done = subprocess.run(
        command, env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "passed" in done.stdout, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("held", [False, True])
def test_it_compiles_for_a_gpu(held):
    """To machine code, for which no GPU is needed; without atomic additions, so that it repeats itself."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    from triton.compiler import compile as build

    from s3im_methods.losses import grouped_triton

    kernel = grouped_triton.value_and_gradient
    constants = {"size": 16, "padded": 16, "channels": 3, "block": grouped_triton.BLOCK, "held": held}
    types = {"permutations": "*i64", "full": "*i64", "rays": "i32", "c1": "fp32", "c2": "fp32"}
    types |= dict.fromkeys(constants, "constexpr")
    signature = {argument: types.get(argument, "*fp32") for argument in kernel.arg_names}
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    built = build(ASTSource(kernel, signature, places), target=GPUTarget("cuda", 80, 32))
    assert len(built.asm["cubin"]) > 1000
    assert "red.global" not in built.asm["ptx"]
    assert "atom.global" not in built.asm["ptx"]


def test_a_cpu_has_no_gpus_kernel():
    assert gpu_kernels_for(torch.zeros(1)) is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no GPU.")
@pytest.mark.parametrize("held", [False, True])
def test_on_a_gpu_it_is_plain_torchs(held):
    x, y = torch.rand(2, 4096, 3, device="cuda")
    permutations = torch.stack([torch.randperm(4096, device="cuda") for _ in range(10)])
    assert gpu_kernels_for(x) is not None
    x.requires_grad_()
    found, expected = (grouped_s3im(x, y, permutations, 4, fused=fused, held=held) for fused in (None, False))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    gradients = [torch.autograd.grad(loss, x)[0] for loss in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-7)
