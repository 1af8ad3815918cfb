"""The page's table is what the methods do on this machine."""

from pathlib import Path

import pytest
import torch
from nerfstudio.utils import external
from table_of_methods import installed, markdown

PAGE = Path(__file__).parents[3] / "docs" / "any-method.md"


def listed() -> list[str]:
    """The page's rows of methods that nerfstudio brings."""
    return [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]


@pytest.mark.skipif(external.TCNN_EXISTS or torch.cuda.is_available(), reason="the table is of CPUs without tinycudann")
def test_the_page_has_the_table():
    assert markdown(installed()) == listed()
