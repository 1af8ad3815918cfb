"""How much memory a mesh may take."""

from types import SimpleNamespace

import psutil
import pytest
import torch

from s3im_methods.exporters.mesh.memory import MemoryBudget


def test_memory_that_torch_keeps_on_a_gpu_is_free(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (1000, 9000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 5000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 2000)
    assert MemoryBudget.of_this_machine("cuda").free == pytest.approx(0.8 * (1000 + 5000 - 2000))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=700))
    assert MemoryBudget.of_this_machine("cpu").free == pytest.approx(0.8 * 700)
