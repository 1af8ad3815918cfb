"""The table of a comparison: means and standard deviations over seeds, and differences between runs of one seed."""

import csv
import io
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s3im_methods.compare.results import read_about, read_runs

Variant = tuple[tuple[str, str], ...]
"""Axes and values, in the order of the axes."""

_COSTS = {"train_seconds": 1, "peak_memory_mb": 0}
_DIGITS = {"psnr": 2, **_COSTS}
_USUAL_DIGITS = 4
_FIRST = ("psnr", "ssim", "lpips")


@dataclass(frozen=True)
class Spread:
    """Some values.

    Args:
        mean: Their mean.
        std: Their standard deviation (n - 1 in the denominator); None of fewer than two.
        count: How many there are.
    """

    mean: float
    std: float | None
    count: int


@dataclass(frozen=True)
class Row:
    """All runs that differ in their seed only.

    Args:
        scene: The scene.
        method: The method.
        variant: The variant.
        seeds: How many runs there are.
        values: Of each metric and cost.
        to_base: Difference of each metric to the run with the same seed and the first value of the first axis; empty
            where there is none, and for that value itself.
        to_control: The same to the value control of the axis loss.
    """

    scene: str
    method: str
    variant: Variant
    seeds: int
    values: dict[str, Spread]
    to_base: dict[str, Spread]
    to_control: dict[str, Spread]


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation.

    Example:
        >>> spread([1.0, 2.0, 3.0])
        Spread(mean=2.0, std=1.0, count=3)
    """
    return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


def paired(mine: Mapping[int, float], other: Mapping[int, float]) -> Spread | None:
    """The differences of values with the same seed, whose spread is free of what the seed changes in both.

    Args:
        mine: From seeds to values.
        other: From seeds to the values to take away.

    Example:
        >>> paired({0: 3.0, 1: 5.0, 2: 9.0}, {0: 2.0, 1: 3.0})
        Spread(mean=1.5, std=0.7071067811865476, count=2)
    """
    both = [mine[seed] - other[seed] for seed in mine if seed in other]
    return spread(both) if both else None


def summarise(runs: Sequence[Mapping[str, Any]], axes: Mapping[str, Sequence[str]]) -> list[Row]:
    """One row per scene, method and variant.

    Args:
        runs: What run.json of each run holds.
        axes: From each axis to its values, in order; the first axis is the one whose first value is the base.

    Returns:
        Rows in the order of scenes, methods and the axes' values.
    """
    groups: dict[tuple[str, str, Variant], dict[int, dict[str, float]]] = {}
    for run in runs:
        variant = tuple(run["variant"].items())
        costs = {name: run[name] for name in _COSTS}
        groups.setdefault((run["scene"], run["method"], variant), {})[run["seed"]] = {**run["metrics"], **costs}

    def place(key: tuple[str, str, Variant]) -> tuple:
        order = [(list(axes).index(axis), list(axes[axis]).index(value)) for axis, value in key[2]]
        return key[0], key[1], order

    rows = []
    for key in sorted(groups, key=place):
        scene, method, variant = key
        by_seed = groups[key]
        base = _with_value(variant, *_base(variant, axes))
        control = _with_value(variant, "loss", "control")
        rows.append(
            Row(
                scene=scene,
                method=method,
                variant=variant,
                seeds=len(by_seed),
                values={name: spread(list(found.values())) for name, found in _by_metric(by_seed).items()},
                to_base={} if base == variant else _differences(by_seed, groups.get((scene, method, base), {})),
                to_control=(
                    {} if control == variant else _differences(by_seed, groups.get((scene, method, control), {}))
                ),
            )
        )
    return rows


def _base(variant: Variant, axes: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    if not variant:
        return "", ""
    first = min((axis for axis, _ in variant), key=list(axes).index)
    return first, axes[first][0]


def _with_value(variant: Variant, axis: str, value: str) -> Variant:
    return tuple((name, value if name == axis else own) for name, own in variant)


def _by_metric(by_seed: Mapping[int, Mapping[str, float]]) -> dict[str, dict[int, float]]:
    names = dict.fromkeys(name for metrics in by_seed.values() for name in metrics)
    ordered = sorted(names, key=lambda name: (_FIRST.index(name) if name in _FIRST else 9, name in _COSTS))
    return {name: {seed: metrics[name] for seed, metrics in by_seed.items() if name in metrics} for name in ordered}


def _differences(
    mine: Mapping[int, Mapping[str, float]], other: Mapping[int, Mapping[str, float]]
) -> dict[str, Spread]:
    others = _by_metric(other)
    found = {name: paired(values, others.get(name, {})) for name, values in _by_metric(mine).items()}
    return {name: value for name, value in found.items() if value is not None}


def markdown(rows: Sequence[Row], axes: Mapping[str, Sequence[str]]) -> str:
    """The rows as markdown: a table of values, and one of differences for each thing that they are taken to.

    Args:
        rows: As :func:`summarise` makes them.
        axes: The same as there.
    """
    names = [name for name in _all_names(rows) if _is_shown(name, rows)]
    parts = ["Mean ± standard deviation over the seeds.", _values_table(rows, axes, names)]
    first = next(iter(axes), None)
    wanted = [] if first is None else [(f"{first}={axes[first][0]}", [row.to_base for row in rows])]
    if wanted and wanted[0][0] != "loss=control":
        wanted.append(("loss=control", [row.to_control for row in rows]))
    for title, differences in wanted:
        if any(differences):
            parts.append(f"Differences to {title}, of runs with the same seed: mean ± standard deviation.")
            parts.append(_difference_table(rows, differences, axes, names))
    return "\n\n".join(parts) + "\n"


def comma_separated(rows: Sequence[Row], axes: Mapping[str, Sequence[str]]) -> str:
    """The rows as CSV, with all digits: ``METRIC``, and with ``_std``, ``_minus_base`` and ``_minus_control``."""
    names = _all_names(rows)
    kinds = ("", "_minus_base", "_minus_control")
    columns = [f"{name}{kind}{part}" for name in names for kind in kinds for part in ("", "_std")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["scene", "method", *axes, "seeds", *columns])
    for row in rows:
        cells: list[Any] = []
        for name in names:
            for found in (row.values, row.to_base, row.to_control):
                value = found.get(name)
                cells += ["", ""] if value is None else [value.mean, "" if value.std is None else value.std]
        variant = dict(row.variant)
        writer.writerow([row.scene, row.method, *(variant.get(axis, "") for axis in axes), row.seeds, *cells])
    return text.getvalue()


def write_table(out: Path) -> str:
    """Write results.csv and results.md of all runs in a comparison's folder.

    Args:
        out: The folder.

    Returns:
        The markdown.
    """
    about = read_about(out) or {"axes": {}}
    rows = summarise(read_runs(out), about["axes"])
    text = markdown(rows, about["axes"])
    (out / "results.csv").write_text(comma_separated(rows, about["axes"]), encoding="utf-8")
    (out / "results.md").write_text(text, encoding="utf-8")
    return text


def _all_names(rows: Sequence[Row]) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in row.values)
    return sorted(names, key=lambda name: name in _COSTS)


def _is_shown(name: str, rows: Sequence[Row]) -> bool:
    """Markdown leaves out what nearly repeats another metric."""
    if name.startswith("expected_"):
        return False
    return not (name == "depth_rmse" and any("depth_rmse_metres" in row.values for row in rows))


def _values_table(rows: Sequence[Row], axes: Mapping[str, Sequence[str]], names: Sequence[str]) -> str:
    lines = [
        [*_place(row, axes), str(row.seeds), *(_cell(row.values.get(name), name, "") for name in names)] for row in rows
    ]
    return _table(["scene", "method", *axes, "seeds", *names], lines)


def _difference_table(
    rows: Sequence[Row],
    differences: Sequence[Mapping[str, Spread]],
    axes: Mapping[str, Sequence[str]],
    names: Sequence[str],
) -> str:
    lines = []
    for row, found in zip(rows, differences, strict=True):
        if found:
            pairs = str(max(value.count for value in found.values()))
            lines.append([*_place(row, axes), pairs, *(_cell(found.get(name), name, "+") for name in names)])
    return _table(["scene", "method", *axes, "pairs", *names], lines)


def _place(row: Row, axes: Mapping[str, Sequence[str]]) -> list[str]:
    variant = dict(row.variant)
    return [row.scene, row.method, *(variant.get(axis, "") for axis in axes)]


def _cell(value: Spread | None, name: str, sign: str) -> str:
    if value is None:
        return ""
    digits = _DIGITS.get(name, _USUAL_DIGITS)
    mean = f"{value.mean:{sign}.{digits}f}"
    return mean if value.std is None or math.isnan(value.std) else f"{mean} ± {value.std:.{digits}f}"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
