"""The check of a GPU is rehearsed on a CPU: it goes on after failures, keeps what was measured, and ends in time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "on_gpu.sh"

FAKE = """
import time
from collections import namedtuple
from contextlib import contextmanager
import json
Measurement = namedtuple("Measurement", "what value unit good")
Setting = namedtuple("Setting", "device tiny scene out seconds")

def good(setting):
    yield Measurement("number", 2.5, "ms", None)
    yield Measurement("text", f"{setting.device} {setting.tiny}", "", True)

def wrong(setting):
    yield Measurement("difference", 1.0, "", False)

def failing(setting):
    yield Measurement("before", 1.0, "", None)
    raise RuntimeError("The driver is gone | today.")

def hanging(setting):
    yield Measurement("before", 1.0, "", None)
    time.sleep(1000)

CHECKS = {"failing": (60, failing), "hanging": (1, hanging), "wrong": (60, wrong), "good": (60, good)}

@contextmanager
def lines_of(path):
    with path.open("a") as file:
        def write(measurement):
            file.write(json.dumps(measurement._asdict()) + "\\\\n")
            file.flush()
        yield write
"""


@pytest.fixture
def fake(tmp_path) -> Path:
    """The driver with checks that do what checks do on a bad day."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (folder / "gpu_checks.py").write_text(FAKE.replace("\\\\n", "\\n"))
    text = (ROOT / "benchmarks" / "on_gpu.py").read_text()
    (folder / "on_gpu.py").write_text(text.replace("_PATIENCE = 6", "_PATIENCE = 3"))
    return folder / "on_gpu.py"


def run(*command: str, timeout: float = 900.0) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout, env=environment)


def test_it_goes_on_after_a_failure_and_keeps_what_was_measured(fake, tmp_path):
    out = tmp_path / "out" / "on_gpu.json"
    done = run(sys.executable, str(fake), "--device", "cpu", "--tiny", "--output", str(out))
    assert done.returncode == 1
    results = json.loads(out.read_text())
    states = {check["name"]: check["state"] for check in results["checks"]}
    assert states == {
        "failing": "failed",
        "hanging": "ended: too long",
        "wrong": "not as it should be",
        "good": "ok",
    }
    for check in results["checks"][:2]:
        assert [one["what"] for one in check["results"]] == ["before"]
    assert results["machine"]["torch"] and results["device"] == "cpu"
    lines = done.stdout.splitlines()
    assert "| failing | **failed** | RuntimeError: The driver is gone / today. |  |" in lines
    assert "| good | number | 2.5 ms |  |" in lines and "| good | text | cpu True | yes |" in lines
    assert "| wrong | difference | 1 | **no** |" in lines


def test_it_ends_in_time(fake, tmp_path):
    out = tmp_path / "on_gpu.json"
    done = run(sys.executable, str(fake), "--device", "cpu", "--minutes", "0.1", "--output", str(out))
    assert {check["state"] for check in json.loads(out.read_text())["checks"]} == {"no time left"}
    assert done.returncode == 1


def test_checks_are_chosen_by_name(fake, tmp_path):
    out = tmp_path / "on_gpu.json"
    done = run(sys.executable, str(fake), "--device", "cpu", "--only", "good", "--output", str(out))
    assert done.returncode == 0 and len(json.loads(out.read_text())["checks"]) == 1
    done = run(sys.executable, str(fake), "--device", "cpu", "--only", "best", "--output", str(out))
    assert done.stderr.strip() == "--only names no check 'best': give some of failing, hanging, wrong, good."


BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"open3d", "pymeshlab", "trimesh", "xatlas", "psutil", "imageio_ffmpeg", "OpenEXR"}:
            raise ImportError(f"blocked: {name}")
sys.meta_path.insert(0, Block())
"""


@pytest.mark.slow
def test_all_checks_pass_on_a_cpu_with_what_a_training_needs_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "block").mkdir()
    (tmp_path / "block" / "sitecustomize.py").write_text(BLOCK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "block"))
    out = tmp_path / "on_gpu.json"
    flags = ["--device", "cpu", "--tiny", "--minutes", "40", "--output", str(out)]
    done = run(str(SCRIPT), *flags, timeout=2400.0)
    checks = json.loads(out.read_text())["checks"]
    bad = {check["name"]: check["error"][-500:] for check in checks if check["state"] not in ("ok", "not here")}
    assert not bad and done.returncode == 0, done.stderr
    assert {check["name"] for check in checks if check["state"] == "not here"} == {"tinycudann"}
    assert (tmp_path / "s3im-nerfacto.png").stat().st_size > 100


def test_every_full_size_method_is_checked():
    done = run(
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(ROOT / 'benchmarks')!r})\n"
        "import gpu_checks\n"
        "from s3im_methods import method_configs\n"
        "full = {name.replace('_', '-') for name in method_configs.__all__ if not name.endswith('_lite')}\n"
        "assert set(gpu_checks.FULL) == full, full\n"
        "assert full <= gpu_checks.CHECKS.keys()\n"
        "assert list(gpu_checks.CHECKS)[:2] == ['kernels', 's3im-nerfacto']",
    )
    assert done.returncode == 0, done.stderr
