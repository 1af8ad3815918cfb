"""The part of the page that shows how PSNR grew while the variants trained."""

from collections.abc import Sequence

from s3im_methods.compare.curves import average, draw_curves
from s3im_methods.compare.markup import Node, node
from s3im_methods.compare.report_data import Results
from s3im_methods.compare.report_tables import DASH, variant_label
from s3im_methods.compare.statistics import Group, variant_name

_EXPLANATION = (
    "PSNR in dB on a few held-out views, so that the last value may differ from the table's. The line is the "
    "mean over the seeds; the band goes from the worst to the best of them. Point at a diagram for its values."
)


def curve_section(results: Results, methods: Sequence[str], scenes: Sequence[str]) -> list[Node]:
    """The content of the section: a switch between steps and seconds, a legend, and a diagram per scene and method."""
    axes = [("step", "steps"), ("seconds", "seconds of training")]
    switch = node("div", "over ", role="radiogroup", aria_label="horizontal axis", class_="switch")
    for value, text in axes:
        checked = "checked" if value == "step" else None
        switch.append(node("label", node("input", type="radio", name="axis", value=value, checked=checked), text))
    figures = [
        _curve_figure(results, scene, method, len(methods) > 1)
        for scene in scenes
        for method in methods
        if any(run.scene == scene and run.method == method for run in results.runs)
    ]
    legend = [variant_label(variant, results.variants) for variant in results.variants]
    return [
        node("p", _EXPLANATION),
        node("div", switch, node("div", *legend, class_="legend"), class_="bar"),
        node("div", *figures, class_="figures"),
    ]


def _curve_figure(results: Results, scene: str, method: str, name_method: bool) -> Node:
    lines = []
    for variant in results.variants:
        group = Group(scene, method, variant)
        lines.append((variant_name(variant), average([run.curve for run in results.runs if run.group == group])))
    title = f"{scene}, {method}" if name_method else scene
    rows = [
        node(
            "tr",
            node("td", name),
            node("td", f"{mark.step:,.0f}"),
            node("td", DASH if mark.seconds is None else f"{mark.seconds:.1f}"),
            node("td", f"{mark.mean:.2f}"),
            node("td", f"{mark.least:.2f} to {mark.greatest:.2f}"),
        )
        for name, marks in lines
        for mark in marks
    ]
    heads = [node("th", text, scope="col") for text in ("variant", "steps", "seconds", "mean", "range")]
    numbers = node("table", node("thead", node("tr", *heads)), node("tbody", *rows))
    return node(
        "figure",
        node("figcaption", title, node("small", " PSNR in dB")),
        *(node("div", draw_curves(title, lines, axis), class_="plot", data_axis=axis) for axis in ("step", "seconds")),
        node("div", class_="tooltip", hidden="hidden"),
        node("details", node("summary", "Numbers"), node("div", numbers, class_="scrolling", tabindex="0")),
    )
