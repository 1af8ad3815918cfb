"""One ratio of two measurements that were taken in turn."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from s3im_methods.errors import InputError
from s3im_methods.outputs import written


@dataclass(frozen=True)
class Row:
    """What one row of the table says.

    Args:
        name: As ``s3im bench --only`` takes it.
        ours: What was measured.
        against: What it is compared with.
        kind: ``times`` says how many times as much the other one takes (the more the better), ``share`` how much of
            the other one ours takes (the less the better).
        unit: Of all values.
        our_values: Measurements of ours, one or more.
        their_values: Measurements of the other one, one or more.
        target: The ratio to reach: at least for ``times``, at most for ``share``; None where none is set.
        details: Other medians of the same benchmark, by what they are of.

    Example:
        >>> row = Row("step", "ours", "stock", "times", "ms", (60.0, 62.0, 90.0), (180.0, 186.0, 190.0), target=3.0)
        >>> row.ratio, row.met
        (3.0, True)
    """

    name: str
    ours: str
    against: str
    kind: Literal["times", "share"]
    unit: str
    our_values: Sequence[float]
    their_values: Sequence[float]
    target: float | None = None
    details: dict[str, float] = field(default_factory=dict)

    @property
    def our_median(self) -> float:
        """Median of our measurements."""
        return statistics.median(self.our_values)

    @property
    def their_median(self) -> float:
        """Median of the other one's measurements."""
        return statistics.median(self.their_values)

    @property
    def ratio(self) -> float:
        """Of the medians: theirs to ours for ``times``, ours to theirs for ``share``."""
        if self.kind == "times":
            return self.their_median / self.our_median
        return self.our_median / self.their_median

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None where none is set."""
        if self.target is None:
            return None
        return self.ratio >= self.target if self.kind == "times" else self.ratio <= self.target


def write_rows(path: Path, rows: Sequence[Row], machine: dict[str, Any] | None = None) -> None:
    """Write rows with all their measurements as JSON, one row per line.

    Args:
        path: The file; its folder is made where it is missing.
        rows: What was measured.
        machine: On what, see :func:`~s3im_methods.bench.machine.describe_machine`.
    """
    lines = ",\n".join(f"  {json.dumps(_as_json(row))}" for row in rows)
    with written(path) as file:
        file.write_text(f'{{"machine": {json.dumps(machine)},\n "rows": [\n{lines}\n ]}}\n', encoding="utf-8")


def read_rows(path: Path) -> list[Row]:
    """Read what :func:`write_rows` wrote.

    Raises:
        InputError: If there is no such file, or it is another one.
    """
    if not path.is_file():
        raise InputError(f"No results at '{path}': give a file that s3im bench --output wrote.")
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["rows"]
        names = Row.__dataclass_fields__
        return [Row(**{name: value for name, value in line.items() if name in names}) for line in listed]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"'{path}' holds no results: give a file that s3im bench --output wrote.") from None


def _as_json(row: Row) -> dict[str, Any]:
    values = asdict(row)
    for name in ("our_values", "their_values"):
        # Six digits are finer than any clock is true.
        values[name] = [float(f"{value:.6g}") for value in values[name]]
    return {**values, "our_median": row.our_median, "their_median": row.their_median, "ratio": row.ratio}
