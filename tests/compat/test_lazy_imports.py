"""Libraries that few runs use are imported by none of nerfstudio's starts, and work when they are used."""

import ast
import os
import subprocess
import sys

import pytest
import torch

from s3im_methods.compat import lazy_imports

NOT_AT_THE_START = [
    "matplotlib",
    "requests",
    "scipy.interpolate",
    "tensorly",
    "torch._dynamo",
    "torch.utils.tensorboard",
    "torchvision",
]

START = f"""
import sys
import nerfstudio.scripts.train
import torch
optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))], fused=True)
optimizer.zero_grad()
optimizer.step()
def executed(name):
    module = sys.modules.get(name)
    return module is not None and type(module).__name__ != "_Deferred"
waiting = set(filter(executed, {NOT_AT_THE_START}))
import torchmetrics
with_metrics = list(filter(executed, ["torch._dynamo", "scipy.signal", "scipy.stats"]))
print([sorted(waiting), with_metrics, len(sys.modules)])
"""

USED = """
import warnings
warnings.simplefilter("ignore")
from s3im_methods.compat.early import start
start()
import nerfstudio.model_components.lib_bilagrid
import tensorly, torch, torchmetrics, torchvision.ops, scipy.signal, matplotlib.pyplot
from s3im_methods.compat.deferred import is_waiting
print([
    is_waiting("tensorly"), tensorly.get_backend(),
    is_waiting("scipy.signal"), len(scipy.signal.hamming(5)), hasattr(scipy.signal, "windows"),
    torchvision.ops.nms(torch.eye(4)[:2], torch.ones(2), 0.5).tolist(),
    is_waiting("torch._dynamo"),
    torch.compile(lambda x: 2 * x, backend="eager")(torch.ones(2)).tolist(),
    is_waiting("torch._dynamo"),
    torchvision.ops.roi_align(torch.ones(1, 1, 4, 4), [torch.tensor([[0.0, 0, 2, 2]])], 1).item(),
])
"""


def outcome(script: str, **environment: str) -> list:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={**kept, **environment}
    )
    return ast.literal_eval(done.stdout.splitlines()[-1])


def test_a_start_and_a_step_execute_none_of_them():
    at_the_start, with_metrics, modules = outcome(START)
    assert (at_the_start, with_metrics) == ([], [])
    # torch alone has 1300.
    assert modules < 3600


def test_upstream_still_imports_them_all():
    """When a name leaves this list, take it from ``compat.lazy_imports``."""
    at_the_start, with_metrics, modules = outcome(START, TORCH_DEVICE_BACKEND_AUTOLOAD="0")
    assert (at_the_start, with_metrics[0]) == (NOT_AT_THE_START, "torch._dynamo")
    assert modules > 4300


WRITTEN = """
import sys, tempfile
from pathlib import Path
from s3im_methods.compat.early import start
start()
import nerfstudio.configs.base_config
from nerfstudio.utils import writer
from s3im_methods.compat.deferred import is_waiting
waiting = is_waiting("torch.utils.tensorboard")
class Derived(writer.SummaryWriter):
    pass
with tempfile.TemporaryDirectory() as folder:
    event_writer = writer.TensorboardWriter(Path(folder))
    event_writer.write_scalar("loss", 0.5, 1)
    event_writer.tb_writer.close()
    Derived(folder).close()
    print([
        waiting, is_waiting("torch.utils.tensorboard"), len(list(Path(folder).iterdir())) > 0,
        isinstance(event_writer.tb_writer, writer.SummaryWriter), isinstance(1, writer.SummaryWriter),
    ])
"""


def test_tensorboard_writes_once_it_is_asked_to():
    assert outcome(WRITTEN) == [True, False, True, True, False]


def test_they_work_when_they_are_used():
    assert outcome(USED) == [
        *(True, "pytorch"),
        *(True, 5, True),
        *([0, 1], True, [2.0, 2.0], False, 1.0),
    ]


@pytest.fixture
def calls(monkeypatch):
    """What a compiler that is there is told."""
    told = []

    class Compiler:
        @staticmethod
        def disable(fn, recursive=True, **options):
            told.append((recursive, options))
            return lambda *inputs: ("disabled", fn(*inputs))

    monkeypatch.setattr(lazy_imports, "executed", lambda name: Compiler)
    return told


def test_a_function_is_kept_from_the_compiler_once_there_is_one(calls, monkeypatch):
    waiting = [True]
    monkeypatch.setattr(lazy_imports, "is_waiting", lambda name: waiting[0])
    double = lazy_imports._not_compiled(lambda x: 2 * x, False, wrapping=False)
    assert (double(2), calls) == (4, [])
    waiting[0] = False
    assert [double(2), double(3)] == [("disabled", 4), ("disabled", 6)]
    assert calls == [(False, {"wrapping": False})]


@pytest.mark.filterwarnings("error::UserWarning")
def test_the_compiler_leaves_such_a_function_alone():
    compiling = []

    def double(x):
        compiling.append(torch.compiler.is_compiling())
        return 2 * x

    kept = lazy_imports._not_compiled(double)
    compiled = torch.compile(lambda x: kept(x + 1) + 1, backend="eager")
    assert compiled(torch.ones(2)).tolist() == [5.0, 5.0]
    assert compiling == [False]
    with pytest.raises(Exception, match="disable"):
        torch.compile(lambda x: kept(x + 1), backend="eager", fullgraph=True)(torch.ones(2))


def test_an_optimizer_steps_as_ever():
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=0.5)
    (weight**2).sum().backward()
    optimizer.step()
    assert weight.item() == 0.0
    assert torch.is_grad_enabled()
