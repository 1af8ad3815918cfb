"""What torch calls at the end of its import makes nerfstudio's quick and quiet."""

import ast
import importlib.metadata
import os
import subprocess
import sys
from types import ModuleType

from s3im_methods.compat import early

NERFSTUDIO = """
import nerfstudio
import torch
{call}
import nerfstudio.models.splatfacto, nerfstudio.models.nerfacto, nerfstudio.configs.external_methods
import inspect, sys
print([
    "torch._inductor.compile_fx" in sys.modules,
    nerfstudio.configs.external_methods.inspect is inspect,
])
"""


def outcome(call: str = "", **environment: str) -> tuple[list, str]:
    """Whether torch's compiler was imported, and whether the stack is inspected; and what was printed as errors."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, "-c", NERFSTUDIO.format(call=call)],
        capture_output=True,
        text=True,
        check=True,
        env={**kept, **environment},
    )
    return ast.literal_eval(done.stdout.splitlines()[-1]), done.stderr


def test_it_starts_with_nerfstudio_alone(monkeypatch):
    calls = []
    monkeypatch.setattr(early, "start", lambda: calls.append(1))
    monkeypatch.setitem(sys.modules, "nerfstudio", ModuleType("nerfstudio"))
    early.prepare()
    assert calls == [1]
    monkeypatch.delitem(sys.modules, "nerfstudio")
    early.prepare()
    assert calls == [1]


def test_a_fault_of_ours_leaves_torch_usable(monkeypatch):
    def broken() -> None:
        raise ImportError("half of the package is gone")

    monkeypatch.setattr(early, "start", broken)
    monkeypatch.setitem(sys.modules, "nerfstudio", ModuleType("nerfstudio"))
    early.prepare()


def test_torch_calls_it():
    """A failure after an update of pyproject.toml means that the package is to be installed again."""
    points = [point for point in importlib.metadata.entry_points(group="torch.backends") if "s3im" in point.value]
    assert [point.load() for point in points] == [early.prepare]


def test_a_start_imports_no_compiler_and_prints_no_warnings():
    (compiler, inspects), errors = outcome("from s3im_methods.compat.early import prepare; prepare()")
    assert (compiler, inspects, errors) == (False, False, "")


def test_upstream_still_starts_slowly_and_with_warnings():
    """When this fails, remove ``compat.lazy_compile``, or shorten ``compat.library_warnings``."""
    (compiler, inspects), errors = outcome(TORCH_DEVICE_BACKEND_AUTOLOAD="0")
    assert compiler and inspects
    assert "torch.cuda.amp.custom_fwd" in errors and "torch.jit.script" in errors
