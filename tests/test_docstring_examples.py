"""The examples in docstrings give what they say; torch is at hand in all of them."""

import doctest
import importlib
from pathlib import Path

import pytest
import torch

import s3im_methods

ROOT = Path(s3im_methods.__file__).parent
FILES = [path for path in sorted(ROOT.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_run(path, capsys):
    name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    result = doctest.testmod(importlib.import_module(name), extraglobs={"torch": torch})
    assert result.attempted > 0 and result.failed == 0, capsys.readouterr().out


def test_there_are_examples():
    assert len(FILES) > 100
