"""A module is changed when it is complete: before, while and after someone imports it; and none is imported for it."""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader

import pytest

from s3im_methods.compat.on_import import when_imported


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("changed_")]:
        del sys.modules[name]


def double(module) -> None:
    module.value *= 2


def test_a_module_that_is_imported_later(folder):
    (folder / "changed_later.py").write_text("value = 1\n")
    when_imported("changed_later", double)
    when_imported("changed_later", double)
    assert "changed_later" not in sys.modules
    from changed_later import value  # type: ignore[import-not-found]

    assert value == 4
    assert import_module("changed_later").value == 4
    assert type(sys.modules["changed_later"]).__name__ == "module"


def test_who_imports_a_name_gets_the_changed_one(folder):
    package = folder / "changed_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("def work():\n    return 'slow'\n")
    (package / "user.py").write_text("from changed_package.part import work\n")
    when_imported("changed_package.part", lambda module: setattr(module, "work", lambda: "quick"))
    import changed_package.user  # type: ignore[import-not-found]

    assert changed_package.user.work() == "quick"


def test_an_imported_module_is_changed_at_once(folder):
    (folder / "changed_before.py").write_text("value = 1\n")
    module = import_module("changed_before")
    when_imported("changed_before", double)
    assert vars(module)["value"] == 2


def test_a_module_that_imports_its_plugins_first(folder):
    (folder / "changed_within.py").write_text("import changed_plugin\nvalue = 1\nseen = changed_plugin.seen\n")
    (folder / "changed_plugin.py").write_text(
        "from s3im_methods.compat.on_import import when_imported\n"
        "import changed_within\n"
        "def double(module): module.value *= 2\n"
        "when_imported('changed_within', double)\n"
        # Whoever asks meanwhile gets what is there.
        "seen = getattr(changed_within, 'value', None)\n"
    )
    from changed_within import seen, value  # type: ignore[import-not-found]

    assert (seen, value) == (None, 2)


def test_a_module_that_another_finder_has(folder, monkeypatch):
    """As packages that are installed to be edited are."""
    source = folder / "elsewhere.py"
    source.write_text("value = 1\n")

    class Editable:
        @staticmethod
        def find_spec(name, path=None, target=None):
            return ModuleSpec(name, SourceFileLoader(name, str(source))) if name == "changed_elsewhere" else None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Editable])
    when_imported("changed_elsewhere", double)
    assert import_module("changed_elsewhere").value == 2


def test_a_module_whose_import_fails_is_changed_when_it_succeeds(folder):
    (folder / "changed_broken.py").write_text("raise RuntimeError\n")
    when_imported("changed_broken", double)
    with pytest.raises(RuntimeError):
        import_module("changed_broken")
    (folder / "changed_broken.py").write_text("value = 100 + 1\n")
    assert import_module("changed_broken").value == 202


def test_a_module_that_does_not_exist_is_still_missing(folder):
    when_imported("changed_nowhere", double)
    with pytest.raises(ModuleNotFoundError, match="changed_nowhere"):
        import_module("changed_nowhere")
