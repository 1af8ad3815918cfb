"""A module is changed when it is imported, and not before."""

import sys

import pytest

from s3im_methods.compat.on_import import when_imported


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    finders = list(sys.meta_path)
    yield tmp_path
    sys.meta_path[:] = finders
    for name in [name for name in sys.modules if name.startswith("changed_")]:
        del sys.modules[name]


def test_a_module_is_changed_after_its_own_code(folder):
    (folder / "changed_later.py").write_text("value = 1\n")
    finders = list(sys.meta_path)
    when_imported("changed_later", lambda module: setattr(module, "value", module.value + 1))
    assert "changed_later" not in sys.modules
    import changed_later  # type: ignore[import-not-found]

    assert changed_later.value == 2
    assert sys.meta_path == finders


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
    import changed_before  # type: ignore[import-not-found]

    when_imported("changed_before", lambda module: setattr(module, "value", 5))
    assert changed_before.value == 5


def test_a_module_that_is_not_complete_is_left_alone(folder):
    (folder / "changed_within.py").write_text(
        "from s3im_methods.compat.on_import import when_imported\n"
        "when_imported('changed_within', lambda module: setattr(module, 'value', 5))\n"
        "value = globals().get('value', 1)\n"
    )
    import changed_within  # type: ignore[import-not-found]

    assert changed_within.value == 1


def test_a_module_that_does_not_exist_is_still_missing(folder):
    when_imported("changed_nowhere", lambda module: None)
    with pytest.raises(ModuleNotFoundError, match="changed_nowhere"):
        import changed_nowhere  # type: ignore[import-not-found]  # noqa: F401
