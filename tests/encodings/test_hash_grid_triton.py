"""The Triton kernels: right in Triton's interpreter, compiled for GPUs without one, and on a GPU where there is one."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed.")


def test_in_the_interpreter():
    script = Path(__file__).with_name("interpreted_hash_grid_triton.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(script)]
    done = subprocess.run(
        command, env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and "passed" in done.stdout, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("table", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize("name", ["encode", "table_gradient", "point_gradient"])
def test_they_compile_for_a_gpu(name, table):
    """To machine code, for which no GPU is needed."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    from triton.compiler import compile as build

    from s3im_methods.encodings import hash_grid_triton

    kernel = getattr(hash_grid_triton, name)
    types = {"count": "i32", "slots": "i32", "levels": "i32", "width": "constexpr", "block": "constexpr"}
    given = dict.fromkeys(("table", "features", "gradient"), f"*{table}")
    signature = {argument: {**types, **given}.get(argument, "*fp32") for argument in kernel.arg_names}
    constants = {(kernel.arg_names.index("width"),): 2, (kernel.arg_names.index("block"),): hash_grid_triton.BLOCK}
    built = build(ASTSource(kernel, signature, constants), target=GPUTarget("cuda", 80, 32))
    assert len(built.asm["cubin"]) > 1000
    # Relaxed additions: the fences that others have would cost more than the additions.
    assert ("red.global.gpu.relaxed" in built.asm["ptx"]) == (name == "table_gradient")
    assert "acq_rel" not in built.asm["ptx"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="There is no GPU.")
def test_on_a_gpu_it_is_nerfstudios(monkeypatch):
    from nerfstudio.field_components.encodings import HashEncoding

    from s3im_methods.encodings import fuse_hash_encodings, hash_grid
    from s3im_methods.encodings.gpu_kernels import gpu_kernels

    encoding = HashEncoding(8, 16, 512, log2_hashmap_size=14, hash_init_scale=1.0, implementation="torch").cuda()
    assert gpu_kernels(encoding.hash_table.device) is not None
    points = torch.rand(5000, 3, device="cuda", requires_grad=True)
    inputs = (encoding.hash_table, points)
    expected = encoding(points)
    fuse_hash_encodings(encoding, point_gradients=True)
    found = encoding(points)
    for ours, theirs in zip(
        (found, *torch.autograd.grad(found.square().sum(), inputs)),
        (expected, *torch.autograd.grad(expected.square().sum(), inputs)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    monkeypatch.setattr(hash_grid, "gpu_kernels", lambda device: None)
    assert torch.equal(encoding(points), expected)
