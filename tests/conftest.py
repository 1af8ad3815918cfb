"""What holds for every test."""

import importlib
import pkgutil

import pytest

import s3im_methods


@pytest.fixture(scope="session")
def all_modules():
    for module in pkgutil.walk_packages(s3im_methods.__path__, "s3im_methods."):
        importlib.import_module(module.name)


@pytest.fixture
def monkeypatch(all_modules, monkeypatch):
    """Patches with all modules imported, because one that is first imported under a patch would keep the fake."""
    return monkeypatch
