"""What the benchmarks have in common: measurements in turn, and rows of ``s3im bench``'s table."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3im_methods.bench.row import Row, write_rows
from s3im_methods.bench.table import detail_lines, table_lines


@dataclass
class Settings:
    """Flags that every benchmark of the table takes."""

    device: str = "cpu"
    """Where to compute: cpu or cuda."""
    rows: Path | None = None
    """File to write the ratios to, as JSON; s3im bench asks for it."""


def milliseconds(work: Callable[[], Any], device: str = "cpu") -> float:
    """Wall time of one call, with what it started on a GPU."""
    began = time.perf_counter()
    work()
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - began)


def in_turn(
    works: Mapping[str, Callable[[], float | Sequence[float]]], repeats: int, warm_up: int = 0
) -> dict[str, list[float]]:
    """Measure several things turn by turn, so that what else the machine does meets all of them.

    Args:
        works: By name; each call returns one measurement or several.
        repeats: How many turns each has.
        warm_up: How many turns come before those, and do not count.

    Returns:
        The measurements by name.
    """
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(warm_up + repeats):
        for name, work in works.items():
            measured = work()
            if turn >= warm_up:
                found[name] += [measured] if isinstance(measured, int | float) else measured
    return found


def finish(settings: Settings, rows: Sequence[Row]) -> None:
    """Print the rows as a table, and write them where it was asked for."""
    details = [line for row in rows for line in detail_lines(row)]
    print("\n".join([*table_lines(rows), *details]))
    if settings.rows is not None:
        write_rows(settings.rows, rows)
