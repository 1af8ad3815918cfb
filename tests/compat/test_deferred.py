"""A deferred module waits until a name of it is read, and is the same module then."""

import ast
import importlib
import subprocess
import sys
import threading

import pytest

from s3im_methods.compat.deferred import defer, executed, is_waiting


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package ``later_package`` that notes what is executed."""
    folder = tmp_path / "later_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("import sys\nsys.later.append('package')\nfrom . import part\nvalue = 1\n")
    (folder / "part.py").write_text("import sys\nsys.later.append('part')\nvalue = 2\n")
    (folder / "other.py").write_text("import sys\nsys.later.append('other')\nvalue = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "later", [], raising=False)
    yield folder
    for name in [name for name in sys.modules if name.startswith("later_")]:
        del sys.modules[name]


def done() -> list[str]:
    return sys.later  # type: ignore[attr-defined]


def test_a_module_waits_until_a_name_is_read(package):
    defer("later_package")
    module = importlib.import_module("later_package")
    assert module.__spec__ is not None and module.__file__ == str(package / "__init__.py")
    assert (done(), is_waiting("later_package")) == ([], True)
    assert module.value == 1
    assert (done(), is_waiting("later_package")) == (["package", "part"], False)
    assert module is sys.modules["later_package"]
    assert type(module).__name__ == "module"
    assert module.__loader__.get_source("later_package").startswith("import sys")  # type: ignore[union-attr]


def test_a_name_that_it_has_not(package):
    defer("later_package")
    module = importlib.import_module("later_package")
    with pytest.raises(AttributeError, match="nothing"):
        _ = module.nothing
    assert done() == ["package", "part"]


@pytest.mark.parametrize("name", ["part", "other"])
def test_a_submodule_executes_its_package_first_and_once(package, name):
    """Whether the package imports the submodule itself, as that of ``part``, or not."""
    defer("later_package")
    import later_package  # type: ignore[import-not-found]

    module = importlib.import_module(f"later_package.{name}")
    assert done() == ["package", "part"] + ["other"] * (name == "other")
    assert module is getattr(later_package, name)
    assert module.__spec__ is not None and module.__spec__.origin == str(package / f"{name}.py")


def test_a_submodule_can_wait_too(package):
    defer("later_package")
    defer("later_package.other")
    import later_package.other as other  # type: ignore[import-not-found]

    assert done() == []
    assert other.value == 3
    assert done() == ["package", "part", "other"]


def test_functions_that_set_something_are_called_again(package):
    (package / "other.py").write_text("chosen = None\ndef choose(name):\n    global chosen\n    chosen = name\n")
    defer("later_package.other", kept=["choose"])
    from later_package import other  # type: ignore[import-not-found]

    other.choose("torch")
    assert is_waiting("later_package.other")
    assert other.chosen == "torch"
    other.choose("numpy")
    assert other.chosen == "numpy"


def test_functions_for_the_meantime(package):
    defer("later_package.other", meanwhile={"work": lambda: "in the meantime"})
    (package / "other.py").write_text("def work():\n    return 'itself'\n")
    from later_package import other  # type: ignore[import-not-found]

    assert other.work() == "in the meantime"
    assert is_waiting("later_package.other")
    assert executed("later_package.other").work() == "itself"
    assert other.work() == "itself"


def test_what_fails_fails_where_it_is_used_and_can_be_tried_again(package):
    (package / "other.py").write_text("raise RuntimeError('broken')\n")
    defer("later_package.other")
    from later_package import other  # type: ignore[import-not-found]

    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            _ = other.value
    assert is_waiting("later_package.other")


def test_a_module_that_does_not_exist_is_missing_at_once():
    defer("later_nowhere")
    with pytest.raises(ModuleNotFoundError, match="later_nowhere"):
        importlib.import_module("later_nowhere")


def test_a_module_that_is_there_is_left_alone(package):
    import later_package  # type: ignore[import-not-found]

    defer("later_package")
    assert later_package.value == 1 and not is_waiting("later_package")


THREADS = """
import sys, threading, time
sys.path.insert(0, {folder!r})
from s3im_methods.compat.deferred import defer
defer("later_package")
import later_package
found = []
def read():
    found.append(later_package.value)
def of_part():
    time.sleep(0.2)
    import later_package.part
    found.append(later_package.part.value)
threads = [threading.Thread(target=target, daemon=True) for target in (read, of_part, read, of_part)]
[thread.start() for thread in threads]
[thread.join(20) for thread in threads]
print([sorted(found), any(thread.is_alive() for thread in threads)])
"""


def test_threads_wait_for_each_other_and_not_for_ever(package):
    """One executes the package, which imports a submodule. Another imports that, which reads a name of the package."""
    (package / "__init__.py").write_text("import time\ntime.sleep(0.6)\nfrom . import part\nvalue = 1\n")
    reads = "import later_package\nseen = getattr(later_package, 'value', None)\n"
    (package / "part.py").write_text(f"import time\ntime.sleep(1.2)\n{reads}value = 2\n")
    finished = subprocess.run(
        [sys.executable, "-c", THREADS.format(folder=str(package.parent))],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert ast.literal_eval(finished.stdout) == [[1, 1, 2, 2], False], finished.stderr


def test_a_thread_gets_a_module_when_it_is_complete(package):
    (package / "other.py").write_text("import time\nfirst = 1\ntime.sleep(0.3)\nlast = 2\n")
    defer("later_package.other")
    from later_package import other  # type: ignore[import-not-found]

    found = []
    threads = [threading.Thread(target=lambda: found.append((other.first, other.last))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [(1, 2)] * 3


def test_a_waiting_part_has_its_names_for_its_package_too(package):
    """As torchvision, whose models read names of torchvision.utils, when that is the first part that somebody uses."""
    (package / "user.py").write_text("from .part import value\n")
    (package / "__init__.py").write_text("import sys\nsys.later.append('package')\nfrom . import user\nvalue = 1\n")
    defer("later_package")
    defer("later_package.part")
    part = importlib.import_module("later_package.part")
    assert done() == []
    assert part.value == 2
    assert done() == ["package", "part"]
