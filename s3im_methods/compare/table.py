"""The tables of a comparison as files: a short one in markdown for readers, and one of all numbers for programs."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from s3im_methods.compare.report_data import read_results
from s3im_methods.compare.statistics import Group, Summary, summarise, variant_name
from s3im_methods.compare.tabulation import (
    COSTS,
    Difference,
    Table,
    collect,
    columns,
    decimals,
    differences,
    fewest_seeds,
    judged,
    remarks,
    seeds_of,
    what_a_mark_says,
)

_MAIN = (
    "psnr",
    "masked_psnr",
    "ssim",
    "lpips",
    "depth_abs_rel",
    "chamfer",
    "f_score",
    "train_seconds",
    "peak_memory_mb",
)
_VALUES = "Mean ± standard deviation over the n seeds. All metrics, with all digits, are in results.csv."
_DIFFERENCES = "Mean of the differences at equal seeds, ± its standard error; clear ones are bold."


def write_table(folder: Path) -> str:
    """Write ``results.csv`` and ``results.md`` into the folder of a comparison, from the runs that are done.

    Args:
        folder: What ``s3im compare`` wrote.

    Returns:
        The markdown.

    Raises:
        InputError: If the folder holds no readable ``compare.json``.
    """
    results = read_results(folder)
    table = collect(results)
    text = markdown(table, results.axes) + "".join(f"\n{line}\n" for line in remarks(results))
    (folder / "results.csv").write_text(comma_separated(table, results.axes), encoding="utf-8")
    (folder / "results.md").write_text(text, encoding="utf-8")
    return text


def markdown(table: Table, axes: Mapping[str, Sequence[str]]) -> str:
    """The main metrics: a table of the variants, and one of their differences.

    Args:
        table: All numbers.
        axes: From each axis to its values, in order.
    """
    if not table:
        return "No run is finished yet.\n"
    names = main_metrics(columns(table))
    parts = [_values_table(table, axes, names), _VALUES]
    rows = differences(table, axes, judged(names))
    if different := _difference_table(rows, judged(names)):
        parts += [different, f"{_DIFFERENCES} {what_a_mark_says(fewest_seeds(rows))}"]
    return "\n\n".join(parts) + "\n"


def main_metrics(metrics: Iterable[str]) -> list[str]:
    """The few that fit beside each other; of a metric at several thresholds, the first. PSNR is there at each scale.

    Example:
        >>> main_metrics(["psnr", "depth_delta1", "f_score@0.01", "f_score@0.02", "train_seconds"])
        ['psnr', 'f_score@0.01', 'train_seconds']
    """
    first: dict[str, str] = {}
    for metric in metrics:
        first.setdefault(metric.split("@")[0], metric)
    return [metric for name, metric in first.items() if name in _MAIN or name.startswith("psnr_scale_")]


def comma_separated(table: Table, axes: Mapping[str, Sequence[str]]) -> str:
    """All metrics as CSV: for each its mean, and with ``_std`` and ``_n`` its standard deviation and the count.

    Args:
        table: All numbers.
        axes: From each axis to its values, in order.

    Returns:
        One row per scene, method and variant; then one for each difference, whose column ``minus`` names the variant
        that is taken away.
    """
    found = dict.fromkeys(metric for metrics in table.values() for metric in metrics)
    names = sorted(found, key=lambda name: name in COSTS)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["scene", "method", *axes, "minus", *(name + part for name in names for part in ("", "_std", "_n"))]
    )
    rows: list[tuple[Group, str, Mapping[str, Summary]]] = [
        (group, "", {name: summarise(values.values()) for name, values in metrics.items()})
        for group, metrics in table.items()
    ]
    rows += [(each.group, variant_name(each.reference), each.values) for each in differences(table, axes, names)]
    for group, minus, summaries in rows:
        cells = [cell for name in names for cell in _numbers(summaries.get(name))]
        writer.writerow([*_place(group, axes), minus, *cells])
    return text.getvalue()


def _numbers(summary: Summary | None) -> tuple[float | str, float | str, int]:
    if summary is None or not summary.count:
        return "", "", 0
    return summary.mean, summary.std if summary.count > 1 else "", summary.count


def _values_table(table: Table, axes: Mapping[str, Sequence[str]], names: Sequence[str]) -> str:
    rows = {
        group: {name: summarise(metrics.get(name, {}).values()) for name in names} for group, metrics in table.items()
    }
    digits = {name: decimals(row[name].mean for row in rows.values()) for name in names} | COSTS
    lines = []
    for group, row in rows.items():
        count = len(seeds_of(table[group]))
        cells = [_cell(row[name], row[name].std, f".{digits[name]}f", count) for name in names]
        lines.append([*_place(group, axes), str(count), *cells])
    return _table(["scene", "method", *axes, "n", *names], lines)


def _difference_table(rows: Sequence[Difference], names: Sequence[str]) -> str:
    # A standard error needs the digits too.
    digits = {name: decimals((row.values[name].mean for row in rows), significant=3) for name in names}
    lines = []
    for row in rows:
        cells = []
        count = max((value.count for value in row.values.values()), default=0)
        for name in names:
            value = row.values[name]
            text = _cell(value, value.standard_error, f"+.{digits[name]}f", count)
            cells.append(f"**{text}**" if value.is_clear else text)
        lines.append([row.group.scene, row.group.method, row.title, str(count), *cells])
    return _table(["scene", "method", "difference", "n", *names], lines) if lines and names else ""


def _place(group: Group, axes: Mapping[str, Sequence[str]]) -> list[str]:
    variant = dict(group.variant)
    return [group.scene, group.method, *(variant.get(axis, "") for axis in axes)]


def _cell(value: Summary, spread: float, form: str, seeds: int) -> str:
    """A number and its spread; over how many seeds, where these are fewer than the row's."""
    if not value.count:
        return ""
    noise = f" ± {spread:{form.lstrip('+')}}" if value.count > 1 else ""
    return f"{value.mean:{form}}{noise}" + (f" (n = {value.count})" if value.count < seeds else "")


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
