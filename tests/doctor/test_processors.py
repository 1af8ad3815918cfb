"""torch, and what can be said of a GPU without one."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from s3im_methods.doctor import processors
from s3im_methods.doctor.findings import Settings

HERE = Settings()


def test_torch_computes():
    finding = processors.look_at_torch(HERE)
    assert finding.state == "ok" and torch.__version__ in finding.detail


@pytest.mark.parametrize(
    ("devices", "hidden", "state", "said"),
    [
        ([], None, "ok", "no GPU here"),
        (["nvidia0"], None, "warning", "torch (built for"),
        (["nvidia0"], "", "warning", "CUDA_VISIBLE_DEVICES is ''"),
    ],
)
def test_a_gpu_that_torch_does_not_find_is_a_warning(devices, hidden, state, said, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(devices))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    finding = processors.look_at_cuda(HERE)
    assert finding.state == state and said in finding.detail


def test_a_gpu_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    properties = SimpleNamespace(name="Some GPU", major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    assert processors.look_at_cuda(HERE).detail == "Some GPU (compute capability 9.0) and 1 more"


@pytest.mark.parametrize(("free", "state"), [(2, "warning"), (60, "ok")])
def test_gpu_memory(free, state, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free * 2**30, 80 * 2**30))
    assert processors.look_at_gpu_memory(HERE).state == state


def test_a_step_with_half_precision():
    finding = processors.mixed_precision_step("cpu")
    assert finding.state == "ok" and 0 < finding.numbers["error"] < 0.08


def test_half_precision_that_computes_something_else_is_a_warning(monkeypatch):
    right = torch.nn.Linear.forward
    wrong = lambda self, rows: right(self, rows) * (1 + torch.is_autocast_enabled("cpu"))  # noqa: E731
    monkeypatch.setattr(torch.nn.Linear, "forward", wrong)
    assert processors.mixed_precision_step("cpu").state == "warning"
