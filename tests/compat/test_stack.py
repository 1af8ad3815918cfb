"""nerfstudio's list of other methods is made without reading source."""

import importlib.util
import inspect
from types import ModuleType
from typing import Any

import pytest
from nerfstudio.configs import external_methods

from s3im_methods.compat.stack import read_no_source, stack


@pytest.fixture
def fresh() -> Any:
    """A second copy of nerfstudio's module, as upstream wrote it."""
    spec = importlib.util.spec_from_file_location("external_methods_copy", external_methods.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_names_the_same_callers_as_inspect():
    def inner() -> tuple[list, list]:
        return stack(), inspect.stack(0)

    ours, expected = inner()
    assert [(at.function, at.filename, at.frame) for at in ours] == [
        (at.function, at.filename, at.frame) for at in expected
    ]
    assert ours[0].function == "inner"


def test_the_list_is_whole_and_nothing_reads_source(fresh, monkeypatch):
    monkeypatch.setattr(inspect, "stack", lambda context=1: pytest.fail("inspect.stack was called"))
    read_no_source(fresh)
    methods, descriptions = fresh.get_external_methods()
    listed = [slug for method in fresh.external_methods for slug, _ in method.configurations]
    assert list(methods) == list(descriptions) == listed


def test_who_chooses_such_a_method_is_still_told_how_to_install_it(fresh, capsys):
    read_no_source(fresh)
    method = fresh.ExternalMethod("How to install it.", [("other", "")])
    with pytest.raises(SystemExit):
        fresh.ExternalMethodDummyTrainerConfig(method_name="other", method=method)
    assert "How to install it." in capsys.readouterr().out


def test_a_module_that_uses_something_else_is_left_alone():
    module = ModuleType("other")
    read_no_source(module)
    assert not hasattr(module, "inspect")


def test_upstream_still_inspects_the_stack(fresh, monkeypatch):
    """When this fails, nerfstudio asks otherwise who makes its objects: remove ``compat.stack``."""
    calls = []
    monkeypatch.setattr(inspect, "stack", lambda context=1: calls.append(1) or stack()[1:])
    methods, _ = fresh.get_external_methods()
    assert len(calls) == len(methods)
