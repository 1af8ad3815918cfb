"""A plugin that stops nerfstudio is named, and no other failure is blamed on one."""

import sys
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from s3im_methods.broken_plugin import broken_plugin_named
from s3im_methods.cli.commands import command_class
from s3im_methods.cli.main import main
from s3im_methods.errors import InputError
from s3im_methods.models.any_method.methods import known_methods


@pytest.fixture
def stopped(monkeypatch):
    """nerfstudio's import fails; the function that it returns says which plugins there are."""
    # A module that is None cannot be imported.
    monkeypatch.setitem(sys.modules, "nerfstudio.configs.method_configs", None)

    def plugins(*points: EntryPoint) -> None:
        found = {point.group: [point] for point in points}
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found.get(group, []))

    return plugins


def of_methods(value: str) -> EntryPoint:
    return EntryPoint("bad", value, "nerfstudio.method_configs")


def import_nerfstudio(*_: Any) -> None:
    import nerfstudio.configs.method_configs  # noqa: F401


def test_a_broken_plugin_is_named(stopped):
    stopped(of_methods("no_such_module_here:bad"))
    with pytest.raises(InputError) as refused:
        known_methods()
    sentence = str(refused.value)
    assert "The plugin no_such_module_here cannot be imported" in sentence and "ModuleNotFoundError" in sentence
    assert "pip uninstall" in sentence


def test_every_command_names_it(stopped, monkeypatch):
    stopped(EntryPoint("bad", "no_such_module_here:bad", "nerfstudio.dataparser_configs"))
    monkeypatch.setattr(command_class("overview"), "run", import_nerfstudio)
    with pytest.raises(InputError, match="The plugin no_such_module_here cannot be imported"):
        main(["overview", "--load-config", "run"])


def test_nerfstudios_own_failure_is_not_blamed_on_a_plugin(stopped):
    stopped()
    with pytest.raises(ImportError):
        known_methods()


def test_other_failures_pass():
    with pytest.raises(KeyError), broken_plugin_named():
        raise KeyError


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 accepts it")
def test_a_plugin_for_older_pythons_is_told_which(stopped, monkeypatch, tmp_path):
    (tmp_path / "older_plugin.py").write_text(
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Settings:\n    width: int = 1\n"
        "@dataclass\nclass Config:\n    settings: Settings = Settings()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    stopped(of_methods("older_plugin:Config"))
    with pytest.raises(InputError, match=r"mutable default .* use Python 3\.10, which accepts it"):
        known_methods()
