"""Figures of s3im bench come into the page's table and into the reference, and nothing else changes."""

import importlib
import json
from pathlib import Path

import pytest

from s3im_methods.bench.plan import BENCHMARKS
from s3im_methods.bench.row import Row, read_rows, write_rows
from s3im_methods.errors import InputError

ROOT = Path(__file__).parents[2]
PAGE = """# Speed

| row | ours | against | target | measured |
|---|---|---|---|---|
| `step` | a step | stock | at least 3 | 1.00 / 2.00 ms: 2.00, **missed** |
| `share` | S3IM | a step | none | old |

| `step` | another table |
|---|---|
"""


@pytest.fixture()
def write_page(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("write_page")


def row(name: str, ours: float, theirs: float, kind: str = "times") -> Row:
    return Row(name, "ours", "theirs", kind, "ms", [ours], [theirs], target=3.0 if kind == "times" else None)  # type: ignore[arg-type]


def test_two_calls_are_joined_and_other_rows_stay(write_page, tmp_path):
    page, reference = tmp_path / "speed.md", tmp_path / "reference.json"
    page.write_text(PAGE)
    write_rows(reference, [row("other", 5, 6), row("step", 1, 2)], {"cpu": "old"})
    write_rows(tmp_path / "1.json", [row("step", 150, 1500)], {"cpu": "new"})
    write_rows(tmp_path / "2.json", [row("share", 0.35, 48.2, "share")], {"cpu": "new"})
    results = (tmp_path / "1.json", tmp_path / "2.json")
    write_page.main(write_page.Arguments(results, page, reference))
    expected = PAGE.replace("1.00 / 2.00 ms: 2.00, **missed**", "0.15 / 1.50 s: 10.0")
    assert page.read_text() == expected.replace("| old |", "| 0.35 / 48.2 ms: 0.7 % |")
    assert json.loads(reference.read_text())["machine"] == {"cpu": "new"}
    found = {row.name: row.ratio for row in read_rows(reference)}
    assert found == pytest.approx({"other": 1.2, "step": 10, "share": 0.35 / 48.2})


def test_a_row_that_the_page_lacks_is_told(write_page, tmp_path):
    with pytest.raises(InputError, match="no row new"):
        write_page.written_table(PAGE, {"new": row("new", 1, 2)})


def test_the_page_has_every_row(write_page):
    rows = {name: row(name, 150, 1500) for benchmark in BENCHMARKS for name in benchmark.rows}
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert write_page.written_table(page, rows).count("| 0.15 / 1.50 s: 10.0 |") == len(rows)
