"""The page that shows a comparison: one HTML file that needs nothing else, neither a network nor a server."""

from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from string import Template

from s3im_methods.compare.markup import Node, node, to_html
from s3im_methods.compare.pictures import MAX_WIDTH
from s3im_methods.compare.report_curves import curve_section
from s3im_methods.compare.report_data import Results, read_results
from s3im_methods.compare.report_pictures import picture_sections
from s3im_methods.compare.report_tables import DASH, difference_table, runs_table, summary_table
from s3im_methods.compare.tabulation import (
    Table,
    collect,
    columns,
    differences,
    fewest_seeds,
    judged,
    remarks,
    what_a_mark_says,
)

_MOST_PICTURE_BYTES = 13_000_000
"""Above this the pictures are made smaller, so that a page can still be sent by mail."""

_SUMMARY = (
    "Mean ± standard deviation over the n seeds. ★ marks a mean that is better than every other one of its scene "
    "by more than the noise. All metrics, with all digits, are in results.csv."
)
_DIFFERENCES = (
    "Mean of the differences at equal seeds, ± its standard error. ▲ is a gain and ▼ a loss of more than twice "
    "the standard error; everything else is within the noise."
)
_PICTURES = (
    "Held-out views as the first seed with a picture renders them. The frame is where the variants differ most; below "
    "it is enlarged, and at the bottom stands the error: the absolute difference from the truth, mean over the "
    "channels, times 4, from black over red to yellow. Pictures are JPEG of at most "
    f"{MAX_WIDTH} pixels' width, smaller where there are many; enlarged parts and errors are cut out and computed "
    "before that."
)


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into the folder of a comparison, from the runs that are done.

    Args:
        folder: What ``s3im compare`` wrote. Runs that failed, or were broken off, are named and not counted; what was
            not measured is shown as a dash.

    Returns:
        The page. A reader who opens it while it is written again sees the old one, never half of the new one.

    Raises:
        InputError: If the folder holds no readable ``compare.json``.
    """
    results = read_results(folder)
    page = folder / "report.html"
    unfinished = folder / "report.html.part"
    unfinished.write_text(_page(results), encoding="utf-8", errors="replace")
    unfinished.replace(page)
    return page


def _page(results: Results) -> str:
    methods = list(dict.fromkeys(run.method for run in results.runs))
    scenes = list(dict.fromkeys(run.scene for run in results.runs))
    table = collect(results)
    parts = [_how_to_read(results, table)]
    if not results.runs:
        parts.append(_section("summary", "Results", node("p", "No run is finished yet.", class_="empty")))
    else:
        summaries = [summary_table(results, table, method) for method in methods]
        differences = [found for each in methods if (found := difference_table(results, table, each))]
        parts.append(_section("summary", "Results", node("p", _SUMMARY), *summaries))
        if differences:
            parts.append(_section("differences", "Differences", node("p", _DIFFERENCES), *differences))
        parts.append(_section("curves", "PSNR over training", *curve_section(results, methods, scenes)))
        parts.append(_pictures(dict(picture_sections(results, _MOST_PICTURE_BYTES))))
    parts.append(_runs(results))
    files = resources.files("s3im_methods.compare") / "page"
    return Template((files / "page.html").read_text(encoding="utf-8")).substitute(
        style=(files / "page.css").read_text(encoding="utf-8"),
        script=(files / "page.js").read_text(encoding="utf-8"),
        title=to_html(node("title", _title(results))),
        body="\n".join(map(to_html, [_header(results, parts), *parts])),
    )


def _title(results: Results) -> str:
    scenes = ", ".join(results.scenes) if len(results.scenes) <= 3 else f"{len(results.scenes)} scenes"
    return f"{', '.join(results.methods) or 'A comparison'} on {scenes or 'no scene'}"


def _header(results: Results, sections: Sequence[Node]) -> Node:
    ends = [f"{results.steps:,} steps"] if results.steps is not None else []
    ends += [f"{results.seconds:g} s of training"] if results.seconds is not None else []
    budget = f"{'at most ' if len(ends) > 1 else ''}{' and '.join(ends)} each" if ends else DASH
    facts = {
        "method" if len(results.methods) == 1 else "methods": ", ".join(results.methods),
        "variants": "; ".join(f"{axis}: {', '.join(values)}" for axis, values in results.axes.items()),
        "scenes": ", ".join(results.scenes),
        "seeds": ", ".join(map(str, results.seeds)),
        "training": budget,
        "device": _alternatives(run.device for run in results.runs),
        "versions": _alternatives(run.software for run in results.runs),
        "runs": f"{len(results.runs)} counted, {len(results.not_counted)} not",
    }
    listed = [part for name, text in facts.items() for part in (node("dt", name), node("dd", text or DASH))]
    links = [node("a", section.findtext("h2", ""), href=f"#{section.get('id')}") for section in sections]
    return node(
        "header",
        node("p", "s3im compare", class_="kicker"),
        node("h1", _title(results)),
        node("pre", node("code", results.command or DASH), class_="command"),
        node("dl", *listed),
        node("nav", *links, aria_label="parts of the page"),
    )


def _alternatives(texts: Iterable[str]) -> str:
    """Each different text once: several mean that the runs were not made under the same conditions."""
    return " | ".join(dict.fromkeys(text for text in texts if text))


def _how_to_read(results: Results, table: Table) -> Node:
    lines = [
        "The variants of a method were trained under the same conditions and evaluated on the same held-out views"
        f"{'' if any(results.trained_on.values()) else ', which no run has trained on'}. Every number is a mean over "
        "those views."
    ]
    losses = results.axes.get("loss", [])
    in_balance = [
        name
        for name in ("s3im", "keep")
        if name in losses
        and any(
            dict(run.variant).get("loss") == name and run.settings.get("pipeline.model.s3im.balance", "keep") == "keep"
            for run in results.runs
        )
    ]
    if in_balance:
        lines.append(
            f"In {' and '.join(in_balance)}, S3IM and the method's own colour loss are scaled together at every step. "
            "Their joint gradient at the rendered colours has the norm of the method's own, so compare "
            f"{'them' if len(in_balance) > 1 else 'it'} with none."
        )
        if "add" in losses:
            lines.append(
                "keep and add differ in two settings, unless one of them was set: with keep SSIM's denominators are "
                "held out of the gradient, and with add they are free, as in the paper."
            )
    if "control" in losses:
        lines.append(
            "The control is the method alone. At every step its colour loss is scaled to the gradient norm, at the "
            "rendered colours, that it has with S3IM added. Compare add with it, because with add the colours count "
            "more against everything else in the loss."
        )
    elif "add" in losses:
        lines.append(
            "There is no control here. With add the colours count more against everything else in the loss, as they do "
            "with a larger weight, and the gain may be no more than that. Put control into the axis loss to find out."
        )
    lines.append(what_a_mark_says(fewest_seeds(differences(table, results.axes, judged(columns(table))))))
    lines += remarks(results)
    lines.append("A dash stands for what was not measured.")
    return _section("reading", "How to read this", node("ul", *(node("li", line) for line in lines)))


def _pictures(sections: dict[str, Node]) -> Node:
    if not sections:
        return _section("pictures", "Pictures", node("p", "No pictures were kept.", class_="empty"))
    for index, section in enumerate(sections.values()):
        section.set("id", f"scene-{index}")
    links = [node("a", scene, href=f"#scene-{index}") for index, scene in enumerate(sections)]
    nav = [node("nav", *links, aria_label="scenes")] if len(links) > 1 else []
    return _section("pictures", "Pictures", node("p", _PICTURES), *nav, *sections.values())


def _runs(results: Results) -> Node:
    parts: list[Node] = []
    if results.runs:
        summary = node("summary", f"{len(results.runs)} runs, with the command that repeats each")
        parts.append(node("details", summary, runs_table(results)))
    if results.not_counted:
        listed = [node("li", node("code", name), f": {why}.") for name, why in results.not_counted.items()]
        parts += [node("p", f"Not counted ({len(listed)}):"), node("ul", *listed, class_="failed")]
    return _section("runs", "Runs", *(parts or [node("p", "No run was started.", class_="empty")]))


def _section(name: str, heading: str, *content: Node) -> Node:
    return node("section", node("h2", heading), *content, id=name)
