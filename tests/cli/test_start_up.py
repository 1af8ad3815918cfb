"""What each command imports before its work, by count and not by time."""

import ast
import gc
import json
import os
import subprocess
import sys

import pytest

from s3im_methods.cli import start_up
from s3im_methods.cli.start_up import imports_that_stay

RUN = """
import sys
from s3im_methods.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    if end.code:
        raise
executed = [name for name, module in sys.modules.items() if type(module).__name__ != "_Deferred"]
print()
print(executed)
"""

HEAVY = {"torch", "nerfstudio", "cv2", "scipy", "numpy", "numba", "matplotlib", "open3d", "trimesh", "skimage", "viser"}
FOR_FEW = {"torchvision", "torch._dynamo", "torch._inductor", "tensorly", "matplotlib.pyplot", "scipy.signal"}


def executed(*arguments: str) -> set[str]:
    """The modules that a command executes."""
    environment = {**os.environ, "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


def test_results_are_listed_without_torch(tmp_path):
    run = tmp_path / "fox" / "s3im-nerfacto-lite" / "2026-01-02_030405"
    (run / "nerfstudio_models").mkdir(parents=True)
    (run / "config.yml").write_text("!!python/object:nerfstudio.engine.trainer.TrainerConfig\nmethod_name: nerfacto\n")
    (run / "nerfstudio_models" / "step-000000099.ckpt").write_bytes(b"")
    (run / "metrics.json").write_text(json.dumps({"results": {"psnr": 20.0}}))
    modules = executed("results", str(tmp_path))
    assert "s3im_methods.runs.listing" in modules
    assert HEAVY & modules == set()


def test_a_method_is_configured_with_what_it_needs():
    modules = executed("train", "nerfacto", "--help")
    assert FOR_FEW & modules == set()
    assert {"open3d", "numba", "torchmetrics", "skimage", "trimesh", "sympy", "triton._C.libtriton"} & modules == set()
    # 3,983 of the same start before libraries waited; torch alone has 1,300.
    assert len(modules) < 2700


@pytest.mark.parametrize("command", [["scene", "room", "--help"], ["check", "--help"], ["--version"]])
def test_help_needs_no_torch(command):
    assert HEAVY & executed(*command) == set()


@pytest.fixture
def collector(monkeypatch):
    monkeypatch.setattr("atexit.register", lambda function: None)
    monkeypatch.delitem(sys.modules, "nerfstudio", raising=False)
    yield
    gc.enable()
    gc.unfreeze()


def test_the_collector_waits_while_things_are_imported(collector):
    with imports_that_stay():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 1000


def test_what_has_been_made_before_can_still_go(collector, monkeypatch):
    monkeypatch.setitem(sys.modules, "nerfstudio", sys)
    before = gc.get_freeze_count()
    with imports_that_stay():
        assert gc.isenabled()
    assert gc.get_freeze_count() == before


def test_it_is_back_after_an_error(collector):
    with pytest.raises(ImportError), imports_that_stay():
        raise ImportError
    assert gc.isenabled()


def test_it_collects_at_the_end_for_who_would_complain(collector, monkeypatch):
    with imports_that_stay():
        pass
    monkeypatch.delitem(sys.modules, "triton._C.libtriton", raising=False)
    start_up._leave()
    assert gc.get_freeze_count() > 0
    monkeypatch.setitem(sys.modules, "triton._C.libtriton", sys)
    start_up._leave()
    assert gc.get_freeze_count() == 0
