"""Put what ``s3im bench --output`` wrote into the table of docs/speed.md and into benchmarks/reference.json.

    python benchmarks/write_page.py speed.json

Several files are joined, so a call may be split by --only. Rows that no file has stay as they are.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import tyro

from s3im_methods.bench.row import Row, read_rows, write_rows
from s3im_methods.bench.table import figure, ratio_text
from s3im_methods.errors import InputError

_ROOT = Path(__file__).parents[1]


@dataclass
class Arguments:
    """What to write where."""

    results: tyro.conf.Positional[tuple[Path, ...]]
    """Files that s3im bench --output wrote, all on one machine."""
    page: Path = _ROOT / "docs" / "speed.md"
    """Whose table's last column is written."""
    reference: Path = _ROOT / "benchmarks" / "reference.json"
    """Whose rows are replaced."""


def measured(row: Row) -> str:
    """A row's last cell.

    Example:
        >>> measured(Row("view", "ours", "stock", "times", "ms", [320.0], [11800.0], target=50.0))
        '0.32 / 11.8 s: 36.9, **missed**'
        >>> measured(Row("share", "S3IM", "a step", "share", "ms", [0.35], [48.2]))
        '0.35 / 48.2 ms: 0.7 %'
    """
    values, unit = [row.our_median, row.their_median], row.unit
    if unit == "ms" and values[0] >= 100 and values[1] >= 1000:
        values, unit = [value / 1000 for value in values], "s"
    missed = ", **missed**" if row.met is False else ""
    return f"{figure(values[0])} / {figure(values[1])} {unit}: {ratio_text(row.kind, row.ratio)}{missed}"


def written_table(page: str, rows: dict[str, Row]) -> str:
    """The page with new last cells.

    Raises:
        InputError: If the table lacks a row.
    """
    lines, left = page.splitlines(keepends=True), dict(rows)
    for index, line in enumerate(lines):
        name = line.split("`")[1] if line.startswith("| `") else None
        if name in left and line.count("|") == 6:
            lines[index] = f"{line.rstrip().rsplit('|', 2)[0]}| {measured(left.pop(name))} |\n"
    if left:
        raise InputError(f"The page's table has no row {', '.join(left)}: add a line for it.")
    return "".join(lines)


def main(arguments: Arguments) -> None:
    """Write both files."""
    rows = {row.name: row for path in arguments.results for row in read_rows(path)}
    machine = json.loads(arguments.results[0].read_text(encoding="utf-8"))["machine"]
    text = written_table(arguments.page.read_text(encoding="utf-8"), rows)
    kept = {row.name: row for row in read_rows(arguments.reference)} if arguments.reference.is_file() else {}
    arguments.page.write_text(text, encoding="utf-8")
    write_rows(arguments.reference, list((kept | rows).values()), machine)
    print(f"Wrote {len(rows)} rows into {arguments.page} and {arguments.reference}.")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
