"""Two surfaces with their errors as colours, seen from three sides without any graphics driver."""

from dataclasses import dataclass

import numpy as np
import torch
from nerfstudio.utils import colormaps
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from s3im_methods.metrics.surface import SurfacePoints

_SIDE = 360
_MARGIN = 6
_LINE = 20
_BACKGROUND, _INK = (250, 250, 250), (40, 40, 40)
_EYES = {"from the front": (0.0, -1.0, 0.35), "from the side": (1.0, -0.35, 0.35), "from above": (0.0, -0.2, 1.0)}


@dataclass(frozen=True)
class ColouredSurface:
    """What one row of the picture shows.

    Attributes:
        caption: Its line of text.
        surface: At least one point.
        error: Distance of each point to the other surface, ``[N]``.
    """

    caption: str
    surface: SurfacePoints
    error: NDArray[np.float64]


def draw_errors(title: str, rows: list[ColouredSurface], largest: float, unit: str) -> Image.Image:
    """Draw the surfaces from three sides, each row on the same scale of length and of colour; z is up.

    Only what faces the viewer is drawn, so that a room is looked into through its walls where their normals point
    inwards.

    Args:
        title: First line of the picture.
        rows: The surfaces; the last one says what part of space is drawn.
        largest: The error at the upper end of the colours, in the meshes' units; above 0.
        unit: The name of that unit.
    """
    font = ImageFont.load_default(size=13)
    width = len(_EYES) * (_SIDE + _MARGIN) + _MARGIN
    canvas = Image.new("RGB", (width, _LINE + len(rows) * (_LINE + _SIDE + _MARGIN) + 2 * _LINE + _MARGIN), _BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    draw.text((_MARGIN, 3), title, fill=_INK, font=font)
    low, high = rows[-1].surface.points.min(axis=0), rows[-1].surface.points.max(axis=0)
    centre, reach = (low + high) / 2, max(float(np.linalg.norm(high - low)) / 2, 1e-12)
    y = _LINE
    for row in rows:
        draw.text((_MARGIN, y), row.caption, fill=_INK, font=font)
        y += _LINE
        colours = error_colours(row.error, largest)
        for column, eye in enumerate(_EYES.values()):
            tile = splat(row.surface, colours, np.array(eye), centre, reach)
            canvas.paste(Image.fromarray(tile), (_MARGIN + column * (_SIDE + _MARGIN), y))
        y += _SIDE + _MARGIN
    ramp = error_colours(np.linspace(0, largest, width - 2 * _MARGIN), largest)
    canvas.paste(Image.fromarray(np.tile(ramp, (_LINE, 1, 1))), (_MARGIN, y))
    draw.text((_MARGIN, y + _LINE), "0", fill=_INK, font=font)
    draw.text((width - _MARGIN, y + _LINE), f"{largest:g} {unit} and more", fill=_INK, font=font, anchor="ra")
    return canvas


def error_colours(error: NDArray, largest: float) -> NDArray[np.uint8]:
    """Blue for none to red for ``largest`` and above, ``[N, 3]``, of errors ``[N]``."""
    share = torch.from_numpy(np.clip(error / largest, 0.0, 1.0).astype(np.float32))[:, None]
    colours = colormaps.apply_colormap(share, colormaps.ColormapOptions(colormap="turbo"))
    return (colours.numpy() * 255 + 0.5).astype(np.uint8)


def splat(
    surface: SurfacePoints, colours: NDArray[np.uint8], eye: NDArray, centre: NDArray, reach: float
) -> NDArray[np.uint8]:
    """Parallel projection of the points that face the viewer, the nearest of each pixel on top.

    Args:
        surface: ``N`` points.
        colours: ``[N, 3]``.
        eye: Direction to the viewer, ``[3]``, not along z.
        centre: What comes to the middle of the image, ``[3]``.
        reach: Half the side of the image in the mesh's units.

    Returns:
        A square image, ``[_SIDE, _SIDE, 3]``.
    """
    towards = eye / np.linalg.norm(eye)
    right = np.cross([0.0, 0.0, 1.0], towards)
    right /= np.linalg.norm(right)
    up = np.cross(towards, right)
    slant = surface.normals @ towards
    pixel = ((surface.points - centre) @ np.stack([right, -up], axis=1) / reach + 1) * (_SIDE / 2)
    inside = (slant > 0) & (pixel >= 0).all(axis=1) & (pixel < _SIDE).all(axis=1)
    nearness = (surface.points[inside] - centre) @ towards
    column, row = pixel[inside].astype(np.int64).T
    # Later writes win, so the nearest comes last.
    order = np.argsort(nearness)
    shaded = colours[inside] * (0.45 + 0.55 * slant[inside, None])
    image = np.full((_SIDE, _SIDE, 3), _BACKGROUND, dtype=np.uint8)
    image[row[order], column[order]] = shaded[order].astype(np.uint8)
    return image
