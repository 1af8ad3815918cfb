"""The part of the page that shows pictures: side by side, enlarged where they differ, with errors, under a slider."""

from collections.abc import Iterator, Sequence

from s3im_methods.compare.markup import Node, node
from s3im_methods.compare.pictures import error_map, jpeg_uris
from s3im_methods.compare.report_data import Results, Run
from s3im_methods.compare.report_tables import variant_label
from s3im_methods.compare.shown_views import Shown, ShownView, kept_views, read_view
from s3im_methods.compare.statistics import variant_name

_CROP_BYTES, _ERROR_BYTES = 0.1, 0.6
"""How much of what a picture may take its crop and its error map may take."""


def picture_sections(results: Results, most_bytes: float) -> Iterator[tuple[str, Node]]:
    """For each scene with pictures its name and a section with its kept views.

    Args:
        results: What was read; of each variant the first seed with a picture is shown.
        most_bytes: About how long all sections may become together.
    """
    views = kept_views(results)
    count = sum(1 + len(runs) for kept in views.values() for _, runs in kept)
    share = most_bytes / (count * (1 + _CROP_BYTES + _ERROR_BYTES)) if count else 0
    for scene, kept in views.items():
        blocks = [_view(results, view, share) for name, runs in kept if (view := read_view(name, runs)) is not None]
        for block in blocks[:1]:
            block.set("open", "open")
        if blocks:
            yield scene, node("section", node("h3", scene), *blocks, class_="scene")


def _view(results: Results, view: ShownView, share: float) -> Node:
    truth, shown, window = view.truth, view.shown, view.window
    pictures = ([] if truth is None else [truth]) + [each.pixels for each in shown]
    uris = jpeg_uris(pictures, share * len(pictures))
    crops = jpeg_uris([picture[window] for picture in pictures], share * len(pictures) * _CROP_BYTES)
    maps = [] if truth is None else [error_map(truth, each.pixels) for each in shown]
    errors: list[str | None] = [*jpeg_uris(maps, share * len(pictures) * _ERROR_BYTES)]
    cards, titles = [], []
    shape = shown[0].pixels.shape
    frame = _frame(window, shape)
    if truth is not None:
        cards.append(_card(node("span", "truth", class_="variant"), "truth", uris[0], crops[0], None, frame))
        titles.append("truth")
        uris, crops = uris[1:], crops[1:]
    for each, uri, crop, error in zip(shown, uris, crops, errors or [None] * len(shown), strict=True):
        title = _title(each.run, results)
        label = node("span", variant_label(each.run.variant, results.variants))
        if len(results.methods) > 1:
            label.append(node("span", each.run.method, class_="method"))
        label.append(node("small", each.numbers))
        cards.append(_card(label, title, uri, crop, error, frame))
        titles.append(title)
    block = node("details", node("summary", f"View {view.name}"), class_="view")
    block.append(node("div", *cards, class_="cards"))
    if view.unusable:
        unusable = ", ".join(_title(run, results) for run in view.unusable)
        text = f"Not shown, because the picture cannot be read or has another size: {unusable}."
        block.append(node("p", text, class_="note"))
    if len(titles) > 1:
        block.append(_slider(titles, _first_two(titles, shown, truth is not None), shape))
    return block


def _title(run: Run, results: Results) -> str:
    return variant_name(run.variant) + (f" ({run.method})" if len(results.methods) > 1 else "")


def _frame(window: tuple[slice, slice], shape: Sequence[int]) -> str:
    """The window as the style of a box over the picture."""
    rows, columns = window
    sides = {
        "left": columns.start / shape[1],
        "top": rows.start / shape[0],
        "width": (columns.stop - columns.start) / shape[1],
        "height": (rows.stop - rows.start) / shape[0],
    }
    return ";".join(f"{side}:{100 * part:.2f}%" for side, part in sides.items())


def _card(label: Node, title: str, picture: str, crop: str, error: str | None, frame: str) -> Node:
    images = [
        node(
            "div",
            node("img", src=picture, alt=f"{title}: picture", class_="full", data_title=title),
            node("span", class_="frame", style=frame),
            class_="framed",
        ),
        node("img", src=crop, alt=f"{title}: the framed part, enlarged", class_="crop"),
    ]
    if error is not None:
        images.append(node("img", src=error, alt=f"{title}: error"))
    return node("figure", node("figcaption", label), *images)


def _first_two(titles: Sequence[str], shown: Sequence[Shown], has_truth: bool) -> tuple[int, int]:
    """What the slider shows at first: the control against add, else the first two variants, else truth and variant."""
    losses = [dict(each.run.variant).get("loss") for each in shown]
    first = 1 if has_truth else 0
    if "control" in losses and "add" in losses:
        return first + losses.index("control"), first + losses.index("add")
    return (first, first + 1) if len(titles) > first + 1 else (0, 1)


def _slider(titles: Sequence[str], chosen: tuple[int, int], shape: Sequence[int]) -> Node:
    def choice(side: str, selected: int) -> Node:
        options = [
            node("option", title, value=index, selected="selected" if index == selected else None)
            for index, title in enumerate(titles)
        ]
        return node("label", f"{side} ", node("select", *options, class_=side))

    knob = node("input", type="range", min=0, max=100, value=50, step="any", aria_label="where the two pictures meet")
    stage = node("div", node("span", class_="edge"), knob, class_="stage", style=f"--ratio:{shape[1] / shape[0]:.4f}")
    return node("div", node("div", choice("left", chosen[0]), choice("right", chosen[1])), stage, class_="slider")
