"""What Numba compiles is kept where that is possible; elsewhere kernels work too, and one line says what to do."""

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import s3im_methods
from s3im_methods.kernels import compiled as module

KERNELS = """
from s3im_methods.kernels.compiled import compiled

jit = compiled(fastmath={"reassoc", "contract"})
inlined = compiled(inline="always")


@inlined
def half(x):
    return x / 2


@jit
def halves(x):
    total = 0.0
    for k in range(x):
        total += half(k)
    return total
"""

PACKAGE = {
    "__init__.py": "",
    "constants.py": "OFFSET = 0.0\n",
    "lanes.py": """
from s3im_methods.kernels.compiled import compiled
from some_kernels.constants import OFFSET

@compiled()
def half(x):
    return x / 2 + OFFSET
""",
    "main.py": """
from s3im_methods.kernels.compiled import compiled
from some_kernels.lanes import half

@compiled()
def twice(x):
    return 2 * half(x)
""",
    "other.py": "UNUSED = 7\n",
}

# Loads all kernels of the package, runs one, and says where it is kept.
PROGRAM = """
import numpy as np
from s3im_methods.encodings import sdf_hash_grid_kernels, vm_kernels
from s3im_methods.losses import total_variation_kernels
from s3im_methods.losses.grouped_kernels import grouped_value_and_gradient as kernel

colours = np.linspace(0, 1, 12).reshape(4, 3)
arguments = np.arange(4)[None], np.full(4, 0.25), 1, False
value = kernel(colours, colours ** 2, *arguments, np.zeros((4, 3)))
assert abs(value - kernel.py_func(colours, colours ** 2, *arguments, np.zeros((4, 3)))) < 1e-12
print(kernel.stats.cache_path)
"""


@pytest.fixture()
def no_user_cache(tmp_path, monkeypatch) -> Path:
    """A user's cache folder that nobody can make, not even root, because it lies below a file."""
    file = tmp_path / "file"
    file.touch()
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr("numba.config.CACHE_DIR", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file / "cache"))
    module._say_that_nothing_is_kept.cache_clear()
    module._say_that_kernels_are_compiled.cache_clear()
    return file


def load(folder: Path):
    file = folder / "kernels.py"
    file.write_text(KERNELS)
    spec = importlib.util.spec_from_file_location("kernels", file)
    assert spec and spec.loader
    kernels = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kernels)
    return kernels


def test_kernels_work_where_nothing_can_be_written(no_user_cache, tmp_path, capsys):
    (tmp_path / "__pycache__").touch()
    kernels = load(tmp_path)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Compiled kernels cannot be kept: ") and "Set NUMBA_CACHE_DIR to a folder" in line
    assert kernels.halves(5) == 5.0
    assert kernels.halves.stats.cache_path is None


def test_kernels_are_kept_beside_their_source(no_user_cache, tmp_path, capsys):
    # Loaded again, they are found on the disk, as by another process.
    for found in (0, 1):
        kernels = load(tmp_path)
        assert kernels.halves(5) == 5.0
        assert kernels.halves.stats.cache_path == str(tmp_path / "__pycache__")
        assert len(kernels.halves.stats.cache_hits) == found
        module._say_that_kernels_are_compiled.cache_clear()
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == ("" if found else "Kernels are compiled for this machine, which takes some seconds.\n")


@pytest.mark.parametrize("what", ["_save_index", "_load_index"])
def test_kernels_work_where_a_disk_is_full_or_what_is_there_cannot_be_read(no_user_cache, tmp_path, capsys, what):
    kernels = load(tmp_path)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    setattr(kernels.halves._cache._cache_file, what, full)
    assert kernels.halves(5) == 5.0 and kernels.halves(7) == 10.5
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith("Compiled kernels cannot be kept (No space left on device): each start")
    assert said.count("cannot be kept") == 1


def test_a_kernel_is_compiled_again_when_a_file_that_it_imports_changes(no_user_cache, tmp_path):
    package = tmp_path / "some_kernels"
    package.mkdir()
    for name, text in PACKAGE.items():
        (package / name).write_text(text)
    program = "from some_kernels.main import twice; print(twice(8.0), sum(twice.stats.cache_hits.values()))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}

    def run_after(file: str, old: str, new: str) -> str:
        (package / file).write_text(PACKAGE[file].replace(old, new))
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert run_after("other.py", "", "") == "8.0 0"
    assert run_after("other.py", "7", "8") == "8.0 1"
    assert run_after("lanes.py", "x / 2", "x / 4") == "4.0 0"
    assert run_after("constants.py", "0.0", "3.0") == "10.0 0"


def test_numba_itself_still_keeps_old_code(tmp_path, monkeypatch):
    """When this fails, numba/numba#1833 is mended: the stamp in compiled.py can go."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "kept_lanes.py").write_text("from numba import njit\n\n@njit\ndef half(x):\n    return x / 2\n")
    (tmp_path / "kept_main.py").write_text(
        "from numba import njit\nfrom kept_lanes import half\n\n@njit(cache=True)\ndef f(x):\n    return half(x)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-c", "from kept_main import f; print(f(8.0))"]
    said = []
    for divisor in (2, 4):
        lanes = tmp_path / "kept_lanes.py"
        lanes.write_text(lanes.read_text().replace("x / 2", f"x / {divisor}"))
        said.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert said == ["4.0\n", "4.0\n"]


@pytest.mark.parametrize("kept", [True, False])
def test_options_reach_numba(no_user_cache, tmp_path, kept):
    if not kept:
        (tmp_path / "__pycache__").touch()
    kernels = load(tmp_path)
    common = {"nopython": True, "nogil": True, "error_model": "numpy"}
    assert common.items() <= kernels.halves.targetoptions.items()
    assert kernels.halves.targetoptions["fastmath"] == {"reassoc", "contract"}
    assert common.items() <= kernels.half.targetoptions.items()
    assert kernels.half.targetoptions["inline"] == "always"


def test_errors_of_a_kernel_are_not_hidden(no_user_cache, capsys):
    with pytest.raises(TypeError):
        module.compiled()("no function")  # type: ignore[arg-type]
    assert capsys.readouterr().out == ""


def test_the_package_runs_from_a_folder_that_cannot_be_written(no_user_cache, tmp_path):
    copy = tmp_path / "copy" / "s3im_methods"
    shutil.copytree(Path(s3im_methods.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("encodings", "losses"):
        (copy / folder / "__pycache__").touch()
    environment = {**os.environ, "PYTHONPATH": str(copy.parent), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", PROGRAM]
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    said, place = ended.stdout.splitlines()
    assert said.startswith("Compiled kernels cannot be kept: ") and place == "None"
