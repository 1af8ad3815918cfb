"""The code that a page shows is that of the file that it names, because GitHub shows pages as they are."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SNIPPET = re.compile(
    r"^<!-- ([\w./-]+), (?:region ([\w-]+)|whole) -->\n```python\n(.*?)\n```$", re.MULTILINE | re.DOTALL
)
SNIPPETS = [
    pytest.param(*found, id=f"{page.stem}-{Path(found[0]).stem}-{found[1] or 'whole'}")
    for page in sorted((ROOT / "docs").rglob("*.md"))
    for found in SNIPPET.findall(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("source", "region", "shown"), SNIPPETS)
def test_a_page_shows_the_code_of_its_file(source, region, shown):
    text = (ROOT / source).read_text(encoding="utf-8")
    code = text.split('"""\n', 1)[1]  # without its docstring
    if region:
        (code,) = re.findall(rf"^# region {region}\n(.*?)^# endregion$", text, re.MULTILINE | re.DOTALL)
    assert shown == code.strip("\n")


def test_every_region_is_shown():
    examples = [*(ROOT / "docs" / "examples").glob("*.py"), *(ROOT / "tests" / "docs").glob("test_s3im_*.py")]
    regions = {
        (str(path.relative_to(ROOT)), region)
        for path in examples
        for region in re.findall(r"^# region (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(regions) > 8
    assert regions == {(snippet.values[0], snippet.values[1]) for snippet in SNIPPETS if snippet.values[1]}


def test_no_page_needs_the_site_to_be_read():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    assert [page.name for page in pages if re.search(r"^\s*--8<--", page.read_text(encoding="utf-8"), re.M)] == []
