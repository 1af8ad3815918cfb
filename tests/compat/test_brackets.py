"""nerfstudio's own lines name folders as they are."""

import importlib.util
from typing import Any

import pytest
from nerfstudio.utils import rich_utils
from rich.panel import Panel
from rich.table import Table

from s3im_methods.compat.brackets import print_brackets_in_names


@pytest.fixture
def upstream() -> Any:
    """A second copy of nerfstudio's module, as upstream wrote it."""
    spec = importlib.util.spec_from_file_location("rich_utils_copy", rich_utils.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def printed(module: Any, *what: Any, **settings: Any) -> str:
    with module.CONSOLE.capture() as said:
        module.CONSOLE.print(*what, **settings)
    return said.get()


@pytest.mark.parametrize(
    "name", ["runs [v2]/a", "a[/b]", "[final] x", "[ö]", "runs[/]x", "a[/green] b", "[a=b]", "[[x]]"]
)
def test_a_folder_is_printed_whole(upstream, name):
    print_brackets_in_names(upstream)
    assert printed(upstream, f"[bold]Saved to[/bold] {name} now", soft_wrap=True) == f"Saved to {name} now\n"


def test_a_folder_is_printed_whole_in_a_table(upstream):
    print_brackets_in_names(upstream)
    table = Table()
    table.add_row("Config", "runs [v2]/config.yml")
    assert "runs [v2]/config.yml" in printed(upstream, Panel(table))


def test_markup_of_nerfstudio_stays(upstream):
    print_brackets_in_names(upstream)
    line = "[bold][green]:tada: Done [/bold]at [link=file:/tmp/x]x[/link], [#ff0000]red[/], [bold red on white]b[/]"
    assert printed(upstream, line) == "🎉 Done at x, red, b\n"
    assert printed(upstream, "[bold]a[/bold] [v2]", markup=False) == "[bold]a[/bold] [v2]\n"


def test_upstream_still_drops_what_stands_in_brackets(upstream):
    """When this fails, nerfstudio escapes the names that it prints: remove ``compat.brackets``."""
    assert printed(upstream, "Saving config to: runs [v2]/config.yml", soft_wrap=True) != (
        "Saving config to: runs [v2]/config.yml\n"
    )
