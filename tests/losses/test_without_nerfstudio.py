"""S3IM serves other PyTorch code, where nerfstudio, Numba or both may be missing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# As if they were not installed: their import fails.
PROGRAM = """
import json, sys
for name in sys.argv[1:]:
    sys.modules[name] = None
import torch
from s3im_methods.losses import S3IM, balanced
torch.manual_seed(0)
x, y = torch.rand(96, 3, requires_grad=True), torch.rand(96, 3)
found = {}
for mode in ("grouped", "both", "patch", "official"):
    s3im = S3IM(mode=mode, patch_height=16, seed=1, denominators="held")
    colours = x * 1
    mse = torch.nn.functional.mse_loss(colours, y)
    loss = balanced(mse, s3im(colours, y, num_patches=1, patch_size=8), colours)
    (gradient,) = torch.autograd.grad(loss, x)
    found[mode] = [float(loss), float(gradient.norm())]
print(json.dumps(found))
"""


def losses(*missing: str) -> tuple[dict[str, list[float]], str]:
    """Loss and length of the gradient by mode, and what else was printed."""
    command = [sys.executable, "-c", PROGRAM, *missing]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    *said, results = done.stdout.splitlines()
    return json.loads(results), " ".join(said)


@pytest.mark.parametrize(
    "missing", [("nerfstudio",), ("nerfstudio", "tyro", "rich", "nerfacc", "viser", "numba", "llvmlite")]
)
def test_it_needs_torch_and_numpy_only(missing):
    found, said = losses(*missing)
    expected, _ = losses()
    assert found.keys() == expected.keys()
    for mode, values in found.items():
        assert values == pytest.approx(expected[mode], rel=1e-4), mode
    assert ("Numba cannot be imported" in said) is ("numba" in missing)
