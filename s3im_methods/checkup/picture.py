"""One picture of a scene: where its cameras stand, and four of its images with mask and depth over them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from s3im_methods.checkup.placement import Placement, draw_placement
from s3im_methods.data.depth.picture import colour_depth

SAMPLES = 4
_SIDE, _TILE, _MARGIN, _LINE = 560, 276, 6, 20
_BACKGROUND, _INK, _OFF = (250, 250, 250), (40, 40, 40), np.array([230, 30, 160])


@dataclass(frozen=True)
class Sample:
    """One image of the scene.

    Args:
        name: Below the images' folder.
        colour: ``[H, W, 3]``, uint8.
        mask: ``[H, W]``, bool: which pixels count; None for all.
        depth: ``[H, W]`` in metres, 0 for none; None without depth.
    """

    name: str
    colour: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None = None
    depth: NDArray[np.float32] | None = None


def overlaid(sample: Sample, nearest: float, farthest: float) -> NDArray[np.uint8]:
    """The image with what is off the mask in magenta, and its right half blended with its depth.

    Args:
        sample: The image.
        nearest: Depth of the scale's lower end, in metres.
        farthest: Depth of its upper end.

    Returns:
        ``[H, W, 3]``.
    """
    found = sample.colour.astype(np.float32)
    if sample.depth is not None:
        half = found.shape[1] // 2
        known = (sample.depth > 0)[:, half:, None]
        colours = colour_depth(sample.depth, nearest, farthest)[:, half:]
        found[:, half:] = np.where(known, 0.4 * found[:, half:] + 0.6 * colours, found[:, half:])
    if sample.mask is not None:
        found = np.where(sample.mask[..., None], found, 0.35 * found + 0.65 * _OFF)
    return found.round().astype(np.uint8)


def draw_scene(title: str, placement: Placement, samples: list[Sample]) -> Image.Image:
    """Draw the picture.

    Args:
        title: Its first line.
        placement: Where the cameras stand.
        samples: At most four images; they may differ in size.

    Returns:
        An RGB image.
    """
    known = [sample.depth[sample.depth > 0] for sample in samples if sample.depth is not None]
    depths = np.concatenate(known) if known else np.empty(0)
    low, high = np.quantile(depths, [0.01, 0.99]).tolist() if len(depths) else (0.0, 1.0)
    width = _SIDE + 2 * (_TILE + _MARGIN) + 2 * _MARGIN
    canvas = Image.new("RGB", (width, _SIDE + 2 * _LINE), _BACKGROUND)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=13)
    draw.text((_MARGIN, 3), title, fill=_INK, font=font)
    canvas.paste(draw_placement(placement, _SIDE), (0, _LINE))
    for number, sample in enumerate(samples):
        x = _SIDE + _MARGIN + (number % 2) * (_TILE + _MARGIN)
        y = _LINE + (number // 2) * (_SIDE // 2)
        tile = Image.fromarray(overlaid(sample, low, high))
        tile.thumbnail((_TILE, _SIDE // 2 - _LINE - _MARGIN))
        draw.text((x, y), sample.name, fill=_INK, font=font)
        canvas.paste(tile, (x, y + _LINE))
    words = ["magenta: off the mask"] if any(sample.mask is not None for sample in samples) else []
    words += [f"right half: depth, blue {low:.2f} m to red {high:.2f} m"] if len(depths) else []
    draw.text((_SIDE + _MARGIN, _SIDE + _LINE), "; ".join(words), fill=_INK, font=font)
    return canvas
