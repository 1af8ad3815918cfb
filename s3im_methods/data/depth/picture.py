"""One picture of a scene's depth: images beside colour-mapped depth, all on one scale in metres."""

import numpy as np
import torch
from nerfstudio.utils import colormaps
from PIL import Image, ImageDraw, ImageFont

from s3im_methods.data.depth.report import ReportView

_MARGIN = 6
_LINE = 20
_LARGEST_SIDE = 480
_BACKGROUND, _INK, _NONE = (250, 250, 250), (40, 40, 40), (205, 205, 205)


def colour_depth(metres: np.ndarray, nearest: float, farthest: float) -> np.ndarray:
    """Colours of depth, near in blue and far in red; grey where there is none.

    Args:
        metres: ``[H, W]``, 0 for none.
        nearest: Depth of the scale's lower end, in metres.
        farthest: Depth of its upper end.

    Returns:
        ``[H, W, 3]``, uint8.
    """
    share = np.clip((metres - nearest) / max(farthest - nearest, 1e-9), 0.0, 1.0).astype(np.float32)
    options = colormaps.ColormapOptions(colormap="turbo")
    colours = colormaps.apply_colormap(torch.from_numpy(share)[..., None], options)
    return np.where(
        (metres > 0)[..., None], (colours.numpy() * 255 + 0.5).astype(np.uint8), np.array(_NONE, dtype=np.uint8)
    )


def one_scale(views: list[ReportView]) -> tuple[float, float]:
    """The range of depth that the picture shows: all but the nearest and farthest 1 % of the pixels, in metres.

    Args:
        views: At least one view.
    """
    valid = np.concatenate([view.metres[view.metres > 0] for view in views])
    if len(valid) == 0:
        return 0.0, 1.0
    low, high = np.quantile(valid, [0.01, 0.99])
    return float(low), float(high)


def draw_report(title: str, views: list[ReportView]) -> Image.Image:
    """Draw the picture: one row per view, then the scale.

    Args:
        title: Its first line.
        views: At least one view; all may differ in size.
    """
    low, high = one_scale(views)
    rows = []
    for view in views:
        pair = [_shrunk(Image.fromarray(array)) for array in (view.colour, colour_depth(view.metres, low, high))]
        words = f"{view.row.name}   depth on {100 * view.row.coverage:.1f} % of its pixels"
        rows.append((f"{words}, median {view.row.median:.2f} m" if view.row.coverage else words, pair))
    font = ImageFont.load_default(size=13)
    width = max(480, max(sum(tile.width + _MARGIN for tile in pair) for _, pair in rows) + _MARGIN)
    height = sum(_LINE + pair[0].height + _MARGIN for _, pair in rows) + 4 * _LINE
    canvas = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    draw.text((_MARGIN, 3), title, fill=_INK, font=font)
    y = _LINE
    for caption, pair in rows:
        draw.text((_MARGIN, y), caption, fill=_INK, font=font)
        x, y = _MARGIN, y + _LINE
        for tile in pair:
            canvas.paste(tile, (x, y))
            x += tile.width + _MARGIN
        y += pair[0].height + _MARGIN
    ramp = np.tile(np.linspace(low, high, width - 2 * _MARGIN), (_LINE, 1))
    canvas.paste(Image.fromarray(colour_depth(np.maximum(ramp, 1e-9), low, high)), (_MARGIN, y))
    draw.text((_MARGIN, y + _LINE), f"{low:.2f} m", fill=_INK, font=font)
    draw.text((width - _MARGIN, y + _LINE), f"{high:.2f} m   (grey: none)", fill=_INK, font=font, anchor="ra")
    return canvas


def _shrunk(image: Image.Image) -> Image.Image:
    share = _LARGEST_SIDE / max(image.size)
    # Nearest, because mixed colours of the scale would show depths that nobody measured.
    return (
        image
        if share >= 1
        else image.resize(
            (max(1, round(image.width * share)), max(1, round(image.height * share))), Image.Resampling.NEAREST
        )
    )
