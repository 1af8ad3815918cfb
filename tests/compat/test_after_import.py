"""Modules are changed when they are complete: before, while and after someone imports them."""

import sys
from importlib import import_module

import pytest

from s3im_methods.compat._after_import import after_import


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("late_module", "loading_module", "plugin_module"):
        sys.modules.pop(name, None)


def double(module) -> None:
    module.value *= 2


def test_a_module_that_is_there(folder):
    (folder / "late_module.py").write_text("value = 1")
    module = import_module("late_module")
    after_import("late_module", double)
    assert module.value == 2


def test_a_module_that_is_imported_later(folder):
    (folder / "late_module.py").write_text("value = 1")
    after_import("late_module", double)
    after_import("late_module", double)
    from late_module import value  # type: ignore[import-not-found]

    assert value == 4
    assert import_module("late_module").value == 4
    assert type(sys.modules["late_module"]).__name__ == "module"


def test_a_module_that_imports_its_plugins_first(folder):
    (folder / "loading_module.py").write_text("import plugin_module\nvalue = 1\nseen = plugin_module.seen\n")
    (folder / "plugin_module.py").write_text(
        "from s3im_methods.compat._after_import import after_import\n"
        "import loading_module\n"
        "def patch(module): module.value *= 2\n"
        "after_import('loading_module', patch)\n"
        # Whoever asks meanwhile gets what is there.
        "seen = getattr(loading_module, 'value', None)\n"
    )
    from loading_module import seen, value  # type: ignore[import-not-found]

    assert (seen, value) == (None, 2)
