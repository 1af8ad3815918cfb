"""The table of ratios."""

from collections.abc import Mapping, Sequence

from s3im_methods.bench.row import Row


def figure(value: float) -> str:
    """A measurement for the reader, with about three digits.

    Example:
        >>> figure(0.4321), figure(62.04), figure(1234.5)
        ('0.43', '62.0', '1,234')
    """
    magnitude = abs(value)
    return f"{value:,.0f}" if magnitude >= 100 else f"{value:.1f}" if magnitude >= 10 else f"{value:.2f}"


def ratio_text(kind: str, ratio: float) -> str:
    """A ratio for the reader: a factor, or a share in percent.

    Example:
        >>> ratio_text("times", 2.871), ratio_text("share", 0.0123)
        ('2.87', '1.2 %')
    """
    return figure(ratio) if kind == "times" else f"{100 * ratio:.1f} %"


def table_lines(rows: Sequence[Row], stored: Mapping[str, Row] | None = None) -> list[str]:
    """The table, as lines of markdown.

    Args:
        rows: What was measured.
        stored: An earlier measurement, by name, for two more columns; None for none.
    """
    header = ["name", "ours", "against", "ratio", "target", "met"]
    header += [] if stored is None else ["stored", "change"]
    cells = [[*_cells(row), *([] if stored is None else _stored_cells(row, stored.get(row.name)))] for row in rows]
    return ["| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *cells)]


def detail_lines(row: Row) -> list[str]:
    """What a benchmark measured besides, a line each."""
    return [f"{row.name}: {what}: {figure(value)} {row.unit}" for what, value in row.details.items()]


def _cells(row: Row) -> list[str]:
    target = ""
    if row.target is not None:
        target = f"{'at least' if row.kind == 'times' else 'at most'} {_short(row.kind, row.target)}"
    return [
        row.name,
        f"{row.ours}: {figure(row.our_median)} {row.unit}",
        f"{row.against}: {figure(row.their_median)} {row.unit}",
        ratio_text(row.kind, row.ratio),
        target,
        {True: "yes", False: "no", None: ""}[row.met],
    ]


def _short(kind: str, ratio: float) -> str:
    return f"{ratio:g}" if kind == "times" else f"{100 * ratio:g} %"


def _stored_cells(row: Row, stored: Row | None) -> list[str]:
    if stored is None:
        return ["", ""]
    return [ratio_text(stored.kind, stored.ratio), f"{100 * (row.ratio / stored.ratio - 1):+.0f} %"]
