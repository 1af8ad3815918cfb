"""Without Numba every method computes the same in plain torch, and one line says so."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from nerfstudio.viewer_legacy.server.viewer_utils import IOChangeException, SetTrace

from s3im_methods import method_configs
from s3im_methods.kernels import available

ROOT = Path(__file__).parents[2]
LITE = [name for name in method_configs.__all__ if name.endswith("_lite")]

STEPS = """
import json, sys
import torch
if sys.argv[1] == "without":
    # As if they were not installed: an import fails, and importlib finds no spec.
    sys.modules["numba"] = sys.modules["llvmlite"] = None
import gpu_checks
found = {}
for name in sys.argv[2:]:
    model = gpu_checks._model(name.replace("_", "-"), "cpu").train()
    rays, batch = gpu_checks._rays("cpu", 64)
    torch.manual_seed(0)
    outputs = model(rays)
    losses = model.get_loss_dict(outputs, batch, model.get_metrics_dict(outputs, batch))
    torch.stack(list(losses.values())).sum().backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    model.eval()
    with torch.no_grad():
        picture = model(gpu_checks._rays("cpu", 64)[0])["rgb"]
    length = sum(float(gradient.coalesce().values().double().square().sum() if gradient.is_sparse
                       else gradient.double().square().sum()) for gradient in gradients) ** 0.5
    losses = {key: float(value) for key, value in losses.items()}
    found[name] = {**losses, "gradient": length, "rgb": picture.flatten().tolist()}
print(json.dumps({"numba": sys.modules.get("numba") is not None, "found": found}))
"""


def steps(numba: str) -> tuple[dict, str]:
    """Losses, length of the gradient and a picture of each lite method, and what else was printed."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks'}", "PYTHONWARNINGS": "ignore"}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "COLUMNS": "300"}
    command = [sys.executable, "-c", STEPS, numba, *LITE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr
    *said, results = done.stdout.splitlines()
    return json.loads(results), "\n".join(said)


def test_without_numba_methods_compute_the_same_and_one_line_says_so():
    with_numba, said = steps("with")
    assert with_numba["numba"] and "Numba" not in said
    without, said = steps("without")
    assert not without["numba"] and said.count("because Numba cannot be imported") == 1
    for name, expected in with_numba["found"].items():
        found = without["found"][name]
        # Float32's rounding, and what a sample that lands in the next bin changes.
        assert found.pop("rgb") == pytest.approx(expected.pop("rgb"), abs=2e-3), name
        assert found == pytest.approx(expected, rel=2e-3, abs=1e-5), name


def test_a_numba_that_refuses_to_be_imported_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    available.fused_available.cache_clear()
    try:
        assert not available.fused_available()
    finally:
        available.fused_available.cache_clear()


def test_what_the_viewer_interrupts_is_not_taken_for_a_kernel_that_fails(capsys):
    """nerfstudio renders for the viewer inside a trace function, which raises when the camera moves."""
    kernels = ModuleType("kernels")

    def compare(module, device):
        values = torch.ones(2)
        return [values], [values]

    def interrupt(frame, event, argument):
        if frame.f_code is compare.__code__:
            raise IOChangeException
        return interrupt

    kernels_for = available.agreeing_kernels(lambda: kernels, compare, "torch computes")
    with SetTrace(interrupt):
        found, tracer = kernels_for(torch.device("cpu")), sys.gettrace()
    assert found is kernels and tracer is interrupt and capsys.readouterr().out == ""
