"""One picture that shows how good a run is: truth, render, depth and error of held-out views, with PSNR and SSIM."""

from dataclasses import dataclass

import numpy as np
import torch
from nerfstudio.utils import colormaps
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

_TITLES = ("truth", "render", "depth", "error x 4")
_MARGIN = 6
# Pillow warns of larger pictures when they are opened, and refuses those of twice as many pixels.
_MOST_PIXELS = 64_000_000
_BACKGROUND, _INK = (250, 250, 250), (40, 40, 40)


@dataclass(frozen=True)
class ViewResult:
    """One held-out view.

    All images are on the CPU: ``truth`` and ``render`` are ``[H, W, 3]`` in [0, 1], ``depth`` and ``accumulation`` are
    ``[H, W, 1]``, depth in scene units along the ray.
    """

    name: str
    truth: Tensor
    render: Tensor
    depth: Tensor
    accumulation: Tensor
    psnr: float
    ssim: float
    masked_psnr: float | None = None
    """PSNR of the pixels that the view's mask keeps, if it has one."""

    @property
    def caption(self) -> str:
        """Name and measures, in a line."""
        masked = "" if self.masked_psnr is None else f" (where the mask keeps pixels: {self.masked_psnr:.2f} dB)"
        return f"{self.name}   PSNR {self.psnr:.2f} dB{masked}   SSIM {self.ssim:.3f}"


def error_image(truth: Tensor, render: Tensor) -> Tensor:
    """Absolute error, mean over channels, times 4 so that small errors show, as colours.

    Args:
        truth: ``[H, W, 3]`` in [0, 1].
        render: ``[H, W, 3]`` in [0, 1].

    Returns:
        ``[H, W, 3]`` in [0, 1].
    """
    error = (truth - render).abs().mean(-1, keepdim=True)
    return colormaps.apply_float_colormap((4 * error).clamp(0, 1), "inferno")


def depth_image(depth: Tensor, accumulation: Tensor) -> Tensor:
    """Depth as colours, from the nearest to three times the median; what is farther has the last colour.

    A few rays that see through a wall end a hundred times as far away, and would leave one colour to all others.

    Args:
        depth: ``[H, W, 1]``.
        accumulation: ``[H, W, 1]`` in [0, 1]; empty rays are white.

    Returns:
        ``[H, W, 3]`` in [0, 1].
    """
    seen = depth[accumulation > 0.5] if (accumulation > 0.5).any() else depth
    far = min(float(seen.max()), 3 * float(seen.median()))
    return colormaps.apply_depth_colormap(depth, accumulation, near_plane=float(seen.min()), far_plane=far)


def draw_overview(title: str, views: list[ViewResult]) -> Image.Image:
    """Draw the picture: one row per view, one column each for truth, render, depth and error.

    Args:
        title: First line of the picture.
        views: At least one view; all may differ in size. Where all of them together are very large, they are drawn
            smaller.
    """
    pixels = len(_TITLES) * sum(view.truth.shape[0] for view in views) * max(view.truth.shape[1] for view in views)
    share = min(1.0, (_MOST_PIXELS / pixels) ** 0.5)
    rows = [
        (
            view.caption,
            [
                _to_image(tile, share)
                for tile in (
                    view.truth,
                    view.render,
                    depth_image(view.depth, view.accumulation),
                    error_image(view.truth, view.render),
                )
            ],
        )
        for view in views
    ]
    font = ImageFont.load_default(size=13)
    line = 20
    width = max(sum(tile.width + _MARGIN for tile in tiles) for _, tiles in rows) + _MARGIN
    height = 2 * line + sum(line + tiles[0].height + _MARGIN for _, tiles in rows) + _MARGIN
    canvas = Image.new("RGB", (max(width, 480), height), _BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    draw.text((_MARGIN, 3), title, fill=_INK, font=font)
    x = _MARGIN
    for name, tile in zip(_TITLES, rows[0][1], strict=True):
        draw.text((x, line), name, fill=_INK, font=font)
        x += tile.width + _MARGIN
    y = 2 * line
    for caption, tiles in rows:
        draw.text((_MARGIN, y), caption, fill=_INK, font=font)
        x, y = _MARGIN, y + line
        for tile in tiles:
            canvas.paste(tile, (x, y))
            x += tile.width + _MARGIN
        y += tiles[0].height + _MARGIN
    return canvas


def _to_image(tile: Tensor, share: float) -> Image.Image:
    """A tile ``[H, W, 3]`` in [0, 1], with this share of its height and width."""
    image = Image.fromarray((tile.clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy().astype(np.uint8))
    if share == 1:
        return image
    return image.resize((max(1, int(share * image.width)), max(1, int(share * image.height))), Image.Resampling.BOX)
