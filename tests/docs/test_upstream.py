"""What the page of upstream defects names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_test_that_is_named_exists_and_each_that_exists_is_named():
    page = (ROOT / "docs" / "upstream.md").read_text()
    # Those of compat are named by the hook that writes their sections.
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if path.parent.name != "compat"]
    there = {name for path in files for name in re.findall(r"^def (test_upstream_still_\w+)", path.read_text(), re.M)}
    assert set(re.findall(r"`(test_upstream_still_\w+)`", page)) == there
    for place in re.findall(r"\| `([a-z_/]+\.py)` \|", page):
        assert (ROOT / "s3im_methods" / place).is_file(), place
