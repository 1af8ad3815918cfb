"""What the documentation's pages take from other files is there, and is marked as the site's builder reads it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
MARK = re.compile(r'^\s*--8<-- "([^":]+)(?::([\w-]+))?"$')


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_snippets_are_marked_as_the_builder_reads_them_and_exist(page):
    """A mark that is written differently is shown as it stands; a formatter once did that."""
    for line in page.read_text().splitlines():
        if "--8" not in line:
            continue
        found = MARK.match(line)
        assert found, line
        source = ROOT / found[1]
        assert source.is_file(), line
        if found[2]:
            for end in ("start", "end"):
                assert source.read_text().count(f"--8<-- [{end}:{found[2]}]") == 1, line
