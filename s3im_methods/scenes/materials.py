"""Paints: functions that draw the sRGB texture of a surface of a given size in metres."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageColor

from s3im_methods.scenes.geometry import Paint, Texture


def rgb(colour: str) -> NDArray[np.float64]:
    """[3], 0 to 255, from "#rrggbb"."""
    return np.array(ImageColor.getrgb(colour)[:3], dtype=float)


def mixed(a: str, b: str, share: float) -> str:
    """The colour between two colours, ``share`` of the way to the second.

    Example:
        >>> mixed("#000000", "#ffffff", 0.5)
        '#808080'
    """
    return "#" + "".join(f"{round(v):02x}" for v in rgb(a) + share * (rgb(b) - rgb(a)))


def smooth_noise(rng: Generator, shape: tuple[int, int], cell: tuple[float, float]) -> NDArray[np.float32]:
    """Noise in about [-1, 1] of an image shape, with features of ``cell`` (rows, columns) texels."""
    coarse = [max(2, round(n / c) + 1) for n, c in zip(shape, cell, strict=True)]
    image = Image.fromarray(rng.uniform(-1, 1, size=coarse).astype(np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def _finish(colour: NDArray) -> Texture:
    return np.clip(np.round(colour), 0, 255).astype(np.uint8)


def _texels(width: float, height: float, density: float) -> tuple[int, int]:
    return max(1, round(height * density)), max(1, round(width * density))


def plain(colour: str) -> Paint:
    """One colour."""
    texture = rgb(colour).astype(np.uint8).reshape(1, 1, 3)
    return lambda _width, _height: texture


def wood(rng: Generator, colour: str, density: float = 200.0) -> Paint:
    """Grain along the longer side."""

    def paint(width: float, height: float) -> Texture:
        shape = _texels(width, height, density)
        return _finish(rgb(colour) * (1 + _grain(rng, shape, along_columns=width >= height))[..., None])

    return paint


def _grain(rng: Generator, shape: tuple[int, int], along_columns: bool) -> NDArray[np.float32]:
    if not along_columns:
        return _grain(rng, (shape[1], shape[0]), True).T
    broad = smooth_noise(rng, shape, (9, 120))
    fine = smooth_noise(rng, shape, (1.5, 50))
    return np.float32(0.06) * np.sin(9 * broad) + np.float32(0.09) * fine


def planks(rng: Generator, colour: str, density: float = 220.0, board: float = 0.13) -> Paint:
    """Floor boards along u, ``board`` metres wide, with dark joints."""

    def paint(width: float, height: float) -> Texture:
        rows, columns = _texels(width, height, density)
        image = np.empty((rows, columns, 3))
        edges = np.linspace(0, rows, max(1, round(height / board)) + 1).round().astype(int)
        for top, bottom in pairwise(edges):
            left = -int(rng.uniform(0, 0.9) * density)
            while left < columns:
                right = left + int(rng.uniform(0.8, 1.4) * density)
                a, b = max(left, 0), min(right, columns)
                if b > a:
                    tint = 1 + rng.uniform(-0.16, 0.1) + _grain(rng, (bottom - top, b - a), True)
                    warm = np.array([1.0, 1.0 + rng.uniform(-0.03, 0.02), 1.0 + rng.uniform(-0.06, 0.03)])
                    image[top:bottom, a:b] = rgb(colour) * tint[..., None] * warm
                    image[top:bottom, a : a + 1] *= 0.5
                left = right
            image[top] *= 0.5
        return _finish(image)

    return paint


def bricks(rng: Generator, colour: str, mortar: str, density: float = 150.0, size: tuple[float, float] = (0.22, 0.075)):
    """Running bond of bricks of ``size`` (width, height) metres, each of its own shade."""

    def paint(width: float, height: float) -> Texture:
        shape = _texels(width, height, density)
        y, x = np.mgrid[: shape[0], : shape[1]] / density
        row = np.floor(y / size[1]).astype(int)
        shifted = x / size[0] + 0.5 * (row % 2)
        column = np.floor(shifted).astype(int)
        joint = (shifted - column < 0.045) | (y / size[1] - row < 0.13)
        shades = 1 + rng.uniform(-0.28, 0.16, size=(row.max() + 1, column.max() + 1))
        speckle = 1 + 0.10 * smooth_noise(rng, shape, (2, 2))
        brick = rgb(colour) * (shades[row, column] * speckle)[..., None]
        return _finish(np.where(joint[..., None], rgb(mortar) * speckle[..., None], brick))

    return paint


def weave(rng: Generator, colour: str, density: float = 250.0) -> Paint:
    """Cloth: a fine criss-cross of threads."""

    def paint(width: float, height: float) -> Texture:
        rows, columns = _texels(width, height, density)
        y, x = np.mgrid[:rows, :columns]
        thread = np.where((x // 2 + y // 2) % 2 == 0, 0.07, -0.07)
        return _finish(rgb(colour) * (1 + thread + 0.05 * smooth_noise(rng, (rows, columns), (3, 3)))[..., None])

    return paint


def stripes(colours: Sequence[str], widths: Sequence[float], upright: bool = True, density: float = 300.0) -> Paint:
    """Repeating stripes of the given widths in metres; upright ones follow each other along u."""

    def paint(width: float, height: float) -> Texture:
        rows, columns = _texels(width, height, density)
        count = columns if upright else rows
        place = (np.arange(count) + 0.5) / density % sum(widths)
        palette = np.stack([rgb(c) for c in colours])
        line = palette[np.searchsorted(np.cumsum(widths), place, side="right").clip(0, len(colours) - 1)]
        return _finish(line[None] if upright else line[:, None])

    return paint


def checks(light: str, dark: str, size: float, density: float = 300.0) -> Paint:
    """Chequerboard of squares of about ``size`` metres, a whole even number of them in each direction."""

    def paint(width: float, height: float) -> Texture:
        rows, columns = _texels(width, height, density)
        across, down = (max(2, 2 * round(length / size / 2)) for length in (width, height))
        y, x = np.mgrid[:rows, :columns]
        dark_here = (x * across // columns + y * down // rows) % 2
        return _finish(np.where(dark_here[..., None] == 1, rgb(dark), rgb(light)))

    return paint


def rug(rng: Generator, colours: Sequence[str], density: float = 260.0) -> Paint:
    """Woven rug: bands of stripes, zigzags and diamonds, mirrored about the middle; fringes at both ends.

    Args:
        rng: Shades the wool.
        colours: Ground, dark, bright and second bright colour.
        density: Texels per metre.
    """
    ground, dark, bright, second = colours

    def paint(width: float, height: float) -> Texture:
        rows, columns = _texels(width, height, density)
        y, x = np.mgrid[:rows, :columns] / density
        along = np.minimum(x, width - x)
        image = np.broadcast_to(rgb(ground), (rows, columns, 3)).copy()
        zigzag = np.abs((y / 0.10) % 1 - 0.5) * 0.10
        wave = (along + zigzag) % 0.22
        for low, high, colour in ((0.02, 0.035, dark), (0.05, 0.10, bright), (0.115, 0.13, dark), (0.16, 0.18, second)):
            image[(wave >= low) & (wave < high) & (along > 0.30)] = rgb(colour)
        diamond = np.abs((y / 0.15) % 1 - 0.5) + np.abs((along - 0.1) / 0.12 - 0.5)
        for limit, colour in ((0.5, dark), (0.38, second), (0.2, ground)):
            image[(diamond < limit) & (along > 0.1) & (along < 0.22)] = rgb(colour)
        for low, high, colour in (
            (0.06, 0.075, dark),
            (0.08, 0.095, bright),
            (0.235, 0.25, bright),
            (0.26, 0.28, dark),
        ):
            image[(along >= low) & (along < high)] = rgb(colour)
        fringe = along < 0.05
        image[fringe] = np.where(((y * density // 2) % 2)[fringe][:, None] == 0, rgb(ground), rgb(dark) * 0.9)
        return _finish(image * (1 + 0.09 * smooth_noise(rng, (rows, columns), (1.5, 3)))[..., None])

    return paint
