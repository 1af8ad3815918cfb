"""A page that shows runs with their pictures, for a browser."""

import os
import urllib.parse
from pathlib import Path

from s3im_methods.compare.markup import Node, node, to_html
from s3im_methods.data.wording import command_line
from s3im_methods.outputs import written
from s3im_methods.runs.listing import FoundRun
from s3im_methods.runs.table import COLUMNS, cells

_STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1200px;padding:0 1em}"
    "table{border-collapse:collapse}th,td{text-align:left;padding:.25em .8em;border-bottom:1px solid #ddd}"
    "img{max-width:100%;margin:.3em 0}code{background:#f3f3f3;padding:.1em .3em}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}code{background:#2a2a2a}}"
)


def write_page(path: Path, runs: list[FoundRun]) -> None:
    """Write the page; it refers to the pictures where they are.

    Args:
        path: The HTML file.
        runs: In the order in which they are shown.
    """
    rows = [
        node("tr", *(node("td", node("a", cell, href=f"#run-{index}") if first else cell) for first, cell in _row(run)))
        for index, run in enumerate(runs)
    ]
    body = node(
        "body",
        node("h1", f"{len(runs)} run{'' if len(runs) == 1 else 's'}"),
        node("table", node("tr", *(node("th", name) for name in COLUMNS)), *rows),
        *(_section(index, run, path.parent) for index, run in enumerate(runs)),
    )
    head = node("head", node("meta", charset="utf-8"), node("title", "Results"), node("style", _STYLE))
    with written(path) as place:
        place.write_text("<!DOCTYPE html>\n" + to_html(node("html", head, body, lang="en")), encoding="utf-8")


def _row(run: FoundRun) -> list[tuple[bool, str]]:
    return [(column == 0, cell) for column, cell in enumerate(cells(run))]


def _section(index: int, run: FoundRun, folder: Path) -> Node:
    pictures = [
        node("img", src=urllib.parse.quote(os.path.relpath(picture, folder)), alt=picture.name, loading="lazy")
        for picture in run.pictures
    ]
    config = run.folder / "config.yml"
    if not pictures:
        pictures = [
            node(
                "p",
                "No picture yet: ",
                node("code", command_line(["s3im", "overview", "--load-config", config])),
            )
        ]
    return node(
        "section",
        node("h2", f"{run.method} on {run.scene}", id=f"run-{index}"),
        node("p", node("code", str(config))),
        *pictures,
    )
