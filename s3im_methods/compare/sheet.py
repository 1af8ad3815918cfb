"""One picture of a comparison, to put into a text: a view of each scene, as it is and as each variant renders it."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont

from s3im_methods.compare.pictures import Picture
from s3im_methods.compare.report_data import Results, read_results
from s3im_methods.compare.shown_views import Shown, ShownView, kept_views, read_view
from s3im_methods.compare.statistics import variant_name

_COLUMN, _MARGIN, _LINE = 300, 6, 18
_BACKGROUND, _INK, _FRAME = (250, 250, 250), (40, 40, 40), (230, 60, 30)
_MOST_COLUMNS, _MOST_PIXELS = 6, 30_000
_LETTERS = 40
"""So many fit beside each other in a column."""


def write_sheet(folder: Path) -> Path | None:
    """Write ``pictures.jpg`` into the folder of a comparison, from the runs that are done.

    Args:
        folder: What ``s3im compare`` wrote.

    Returns:
        The file; None where no picture was kept.

    Raises:
        InputError: If the folder holds no readable ``compare.json``.
    """
    sheet, path = draw_sheet(read_results(folder)), folder / "pictures.jpg"
    if sheet is None:
        path.unlink(missing_ok=True)
        return None
    sheet.thumbnail((_MOST_PIXELS, _MOST_PIXELS))
    unfinished = folder / "pictures.jpg.part"
    sheet.save(unfinished, "JPEG", quality=88)
    return unfinished.replace(path)


def draw_sheet(results: Results) -> Image.Image | None:
    """Draw it: of each scene the first view that can be read, in columns of 300 pixels, at most six beside each other.

    Below each picture stands the part in which they differ most, enlarged.

    Args:
        results: What was read; of each variant the first seed with a picture is shown.

    Returns:
        None where no picture was kept.
    """
    several = len(results.methods) > 1
    strips = []
    for scene, kept in kept_views(results).items():
        view = next((view for name, runs in kept if (view := read_view(name, runs)) is not None), None)
        if view is not None:
            strips.append(_strip(f"{scene}, {view.name}", view, several))
    if not strips:
        return None
    sheet = Image.new("RGB", (max(s.width for s in strips), sum(s.height for s in strips)), _BACKGROUND)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet


def _strip(title: str, view: ShownView, several: bool) -> Image.Image:
    captions = [_caption(each, several) for each in view.shown]
    pictures = [each.pixels for each in view.shown]
    if view.truth is not None:
        captions, pictures = [["truth"], *captions], [view.truth, *pictures]
    lines = max(map(len, captions))
    cells = [_cell(each, lines, pixels, view.window) for each, pixels in zip(captions, pictures, strict=True)]
    rows = [cells[first : first + _MOST_COLUMNS] for first in range(0, len(cells), _MOST_COLUMNS)]
    width, height = cells[0].width + _MARGIN, cells[0].height + _MARGIN
    strip = Image.new("RGB", (_MARGIN + len(rows[0]) * width, _LINE + len(rows) * height), _BACKGROUND)
    _write(strip, (_MARGIN, 2), [title])
    for row, line in enumerate(rows):
        for column, cell in enumerate(line):
            strip.paste(cell, (_MARGIN + column * width, _LINE + row * height))
    return strip


def _caption(shown: Shown, several: bool) -> list[str]:
    name = [shown.run.method] if several else []
    return [*name, *wrap(variant_name(shown.run.variant), _LETTERS), shown.numbers]


def _cell(caption: Sequence[str], lines: int, picture: Picture, window: tuple[slice, slice]) -> Image.Image:
    whole, part = _scaled(picture), _scaled(picture[window])
    rows, columns = window
    scale = whole.width / picture.shape[1]
    corners = [scale * side for side in (columns.start, rows.start, columns.stop - 1, rows.stop - 1)]
    ImageDraw.Draw(whole).rectangle(corners, outline=_FRAME)
    top = lines * _LINE
    cell = Image.new("RGB", (_COLUMN, top + whole.height + _MARGIN + part.height), _BACKGROUND)
    _write(cell, (0, 0), caption)
    cell.paste(whole, (0, top))
    cell.paste(part, (0, top + whole.height + _MARGIN))
    return cell


def _scaled(picture: Picture) -> Image.Image:
    image = Image.fromarray(picture)
    height = max(1, round(image.height * _COLUMN / image.width))
    return image.resize((_COLUMN, height), Image.Resampling.LANCZOS)


def _write(image: Image.Image, place: tuple[int, int], lines: Sequence[str]) -> None:
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=13)
    for number, line in enumerate(lines):
        draw.text((place[0], place[1] + number * _LINE), line, fill=_INK, font=font)
