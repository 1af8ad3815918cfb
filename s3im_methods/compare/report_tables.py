"""The tables of the page that compares variants: means over seeds, paired differences, and the runs themselves."""

from collections.abc import Iterable, Sequence

from s3im_methods.compare.curves import series_class
from s3im_methods.compare.markup import Node, node
from s3im_methods.compare.report_data import Results
from s3im_methods.compare.statistics import (
    Summary,
    Variant,
    best,
    greater_is_better,
    is_better,
    summarise,
    variant_name,
)
from s3im_methods.compare.tabulation import COSTS, MINUS, Table, by_scene, columns, decimals, differences, judged

DASH = "\N{EN DASH}"
_ARROWS = {True: " ↑", False: " ↓", None: ""}
_TITLES = {
    "psnr": "PSNR in dB",
    "masked_psnr": "PSNR in dB where masks keep pixels",
    "ssim": "SSIM",
    "lpips": "LPIPS",
    "train_seconds": "training in s",
    "peak_memory_mb": "peak memory in MB",
    "peak_gpu_memory_mb": "peak GPU memory in MB",
}


def variant_label(variant: Variant, variants: Sequence[Variant]) -> Node:
    """A variant's name beside its colour."""
    swatch = node("span", class_=f"swatch {series_class(variants.index(variant))}", aria_hidden="true")
    return node("span", swatch, variant_name(variant), class_="variant")


def summary_table(results: Results, table: Table, method: str) -> Node:
    """Mean and standard deviation over seeds: a block of rows for each scene, a row for each variant."""
    scenes = by_scene(table, method)
    metrics = _columns(scenes.values())
    digits = {
        metric: decimals(
            summarise(values.get(metric, {}).values()).mean for groups in scenes.values() for values in groups.values()
        )
        for metric in metrics
    } | COSTS
    bodies = []
    for scene, groups in scenes.items():
        body = _scene_body(scene, len(metrics))
        winners = {
            metric: best(metric, {group.variant: values.get(metric, {}) for group, values in groups.items()})
            for metric in metrics
        }
        for group, values in groups.items():
            count = len({run.seed for run in results.runs if run.group == group})
            row = node("tr", node("th", variant_label(group.variant, results.variants), scope="row"))
            row.append(node("td", str(count)))
            for metric in metrics:
                summary = summarise(values.get(metric, {}).values())
                row.append(_summary_cell(summary, count, digits[metric], winners[metric] == group.variant))
            body.append(row)
        bodies.append(body)
    return _table("summary", method, "variant", metrics, bodies)


def difference_table(results: Results, table: Table, method: str) -> Node | None:
    """Paired differences with their standard errors; None where there are no two variants to compare."""
    scenes = by_scene(table, method)
    metrics = judged(_columns(scenes.values()))
    rows = [row for groups in scenes.values() for row in differences(groups, results.axes, metrics)]
    if not rows or not metrics:
        return None
    # A standard error needs the digits too: of 0.001 +- 0.0002 nothing may be rounded away.
    digits = {metric: decimals((row.values[metric].mean for row in rows), significant=3) for metric in metrics}
    bodies: dict[str, Node] = {}
    for row in rows:
        body = bodies.setdefault(row.group.scene, _scene_body(row.group.scene, len(metrics)))
        count = max(value.count for value in row.values.values())
        cells = [_difference_cell(metric, row.values[metric], count, digits[metric]) for metric in metrics]
        body.append(node("tr", node("th", row.title, scope="row"), node("td", str(count or DASH)), *cells))
    return _table("differences", method, "difference", metrics, bodies.values())


def runs_table(results: Results) -> Node:
    """Every run that is counted, with the command that repeats it."""
    titles = ("scene", "method", "variant", "seed", "steps", "training in s", "device", "command")
    body = node("tbody")
    for run in results.runs:
        steps = DASH if run.steps is None else f"{run.steps:,}"
        seconds = DASH if run.train_seconds is None else f"{run.train_seconds:.1f}"
        texts = (run.scene, run.method, variant_name(run.variant), str(run.seed), steps, seconds, run.device or DASH)
        command = node("td", node("code", run.command or DASH), class_="command")
        body.append(node("tr", *(node("td", text) for text in texts), command))
    head = node("thead", node("tr", *(_head(title) for title in titles)))
    return _scrolling(node("table", head, body, class_="runs"))


def metric_title(metric: str) -> str:
    """A metric's name as the page writes it.

    Example:
        >>> metric_title("psnr"), metric_title("f_score@0.01")
        ('PSNR in dB', 'f score at 0.01')
    """
    return _TITLES.get(metric) or metric.replace("_", " ").replace("@", " at ")


def _table(kind: str, method: str, first: str, metrics: Sequence[str], bodies: Iterable[Node]) -> Node:
    heads = [_head(f"{metric_title(metric)}{_ARROWS[greater_is_better(metric)]}") for metric in metrics]
    head = node("thead", node("tr", _head(first), _head("n"), *heads))
    return _scrolling(node("table", node("caption", method), head, *bodies, class_=kind))


def _scene_body(scene: str, metrics: int) -> Node:
    return node("tbody", node("tr", node("th", scene, colspan=metrics + 2, scope="rowgroup", class_="scene")))


def _columns(scenes: Iterable[Table]) -> list[str]:
    return columns({group: values for groups in scenes for group, values in groups.items()})


def _summary_cell(summary: Summary, runs: int, digits: int, best_here: bool) -> Node:
    if not summary.count:
        return node("td", DASH, class_="missing")
    spread = f" ± {summary.std:.{digits}f}" if summary.count > 1 else ""
    few = f" (n = {summary.count})" if summary.count < runs else ""
    mean = node("b" if best_here else "span", f"{summary.mean:.{digits}f}")
    cell = node("td", mean, node("span", spread + few, class_="spread"), class_="best" if best_here else None)
    if best_here:
        cell.append(node("span", "★", class_="star", title="better than every other variant by more than the noise"))
    return cell


def _difference_cell(metric: str, difference: Summary, pairs_of_row: int, digits: int) -> Node:
    if not difference.count:
        return node("td", DASH, class_="missing")
    sign = MINUS if difference.mean < 0 else "+"
    mean = f"{sign}{abs(difference.mean):.{digits}f}"
    few = f" (n = {difference.count})" if difference.count < pairs_of_row else ""
    verdict = is_better(metric, difference)
    kind = {None: "noise", True: "gain", False: "loss"}[verdict]
    words = {"noise": "noise" if difference.count > 1 else "one seed", "gain": "▲ gain", "loss": "▼ loss"}[kind]
    error = f" ± {difference.standard_error:.{digits}f}" if difference.count > 1 else ""
    spread = node("span", error + few, class_="spread")
    return node("td", mean, spread, " ", node("span", words, class_="verdict"), class_=kind)


def _head(text: str) -> Node:
    return node("th", text, scope="col")


def _scrolling(table: Node) -> Node:
    return node("div", table, class_="scrolling", tabindex="0")
