"""Printed things with text and fine lines: posters, book spines, a clock face, the view from the window."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from s3im_methods.scenes.geometry import Paint, Texture
from s3im_methods.scenes.materials import mixed

Draw = Callable[[ImageDraw.ImageDraw, int, int], None]

_WORDS = "LIGHT RAYS DEPTH FIELD SCENE COLOUR VIEW PIXEL SPACE WAVE FORM NOISE EDGE SHADOW HORIZON MOTION"


def printed(draw: Draw, ground: str, density: float = 450.0) -> Paint:
    """Paint that calls ``draw(pen, columns, rows)`` on a sheet of the ground colour."""

    def paint(width: float, height: float) -> Texture:
        sheet = Image.new("RGB", (max(1, round(width * density)), max(1, round(height * density))), ground)
        draw(ImageDraw.Draw(sheet), *sheet.size)
        return np.asarray(sheet)

    return paint


def write_centred(pen: ImageDraw.ImageDraw, x: float, y: float, text: str, size: float, colour: str) -> None:
    """Text centred at (x, y), ``size`` texels high."""
    pen.text((x, y), text, fill=colour, font=ImageFont.load_default(max(4.0, size)), anchor="mm")


def type_poster(rng: Generator, ink: str, accent: str) -> Draw:
    """Big letters, a ruled block and a column of words."""
    words = list(rng.permutation(_WORDS.split()))

    def draw(pen: ImageDraw.ImageDraw, w: int, h: int) -> None:
        write_centred(pen, w / 2, 0.17 * h, "S3IM", 0.36 * w, ink)
        pen.rectangle((0.08 * w, 0.30 * h, 0.92 * w, 0.33 * h), fill=accent)
        for k in range(7):
            write_centred(
                pen, w / 2, (0.39 + 0.06 * k) * h, f"{words[k]} {words[k + 7]}", 0.085 * w, ink if k % 3 else accent
            )
        for k in range(12):
            y = (0.83 + 0.009 * k) * h
            pen.line((0.08 * w, y, 0.92 * w, y), fill=ink, width=1 + k // 5)

    return draw


def ring_poster(rng: Generator, ink: str, accent: str) -> Draw:
    """Concentric rings cut by a disc, over a title."""
    shift = float(rng.uniform(-0.06, 0.06))

    def draw(pen: ImageDraw.ImageDraw, w: int, h: int) -> None:
        x, y = (0.5 + shift) * w, 0.42 * h
        for k in range(13, 0, -1):
            r = 0.034 * w * k
            pen.ellipse((x - r, y - r, x + r, y + r), fill=(ink, "#f4ecd8")[k % 2])
        pen.ellipse((x - 0.1 * w, y - 0.1 * w, x + 0.1 * w, y + 0.1 * w), fill=accent)
        write_centred(pen, w / 2, 0.84 * h, "RESONANCE", 0.13 * w, ink)
        write_centred(pen, w / 2, 0.92 * h, f"no. {int(rng.integers(10, 99))}  stochastic series", 0.055 * w, ink)

    return draw


def landscape_poster(rng: Generator, sky: str, ground: str) -> Draw:
    """Sun over layered hills and a lake of lines."""
    steps = rng.uniform(-1, 1, size=(5, 9))

    def draw(pen: ImageDraw.ImageDraw, w: int, h: int) -> None:
        for k in range(20):
            band = (0, h * 0.6 * k / 20, w, h * 0.6 * (k + 1) / 20)
            pen.rectangle(band, fill=mixed(sky, "#fbe3b4", k / 19))
        pen.ellipse((0.58 * w, 0.16 * h, 0.82 * w, 0.16 * h + 0.24 * w), fill="#e8583a")
        for layer in range(5):
            base = (0.36 + 0.075 * layer) * h
            ridge = [(w * i / 8, base + 0.05 * h * steps[layer, i]) for i in range(9)]
            pen.polygon([(0, h), *ridge, (w, h)], fill=mixed("#d9a37c", ground, (layer + 1) / 5))
        for k in range(9):
            y = (0.76 + 0.02 * k) * h
            pen.line((0.1 * w + 0.02 * w * (k % 3), y, (0.9 - 0.03 * (k % 4)) * w, y), fill="#fbe3b4", width=2)

    return draw


def eye_chart(rng: Generator) -> Draw:
    """Letters that shrink line by line."""
    letters = list("CDEFHKLNOPRSTVZ")
    lines = ["".join(rng.choice(letters, size=n)) for n in (1, 2, 3, 4, 5, 6, 7)]

    def draw(pen: ImageDraw.ImageDraw, w: int, h: int) -> None:
        y = 0.0
        for line, size in zip(lines, (0.30, 0.235, 0.185, 0.14, 0.11, 0.085, 0.066), strict=True):
            y += 0.72 * size * w + 0.014 * h
            for i, letter in enumerate(line):
                write_centred(
                    pen, w * (0.5 + (i - (len(line) - 1) / 2) * (0.78 / 7 + 0.3 * size)), y, letter, size * w, "#151515"
                )
            y += 0.36 * size * w
        pen.rectangle((0.1 * w, 0.955 * h, 0.5 * w, 0.97 * h), fill="#c0392b")
        pen.rectangle((0.5 * w, 0.955 * h, 0.9 * w, 0.97 * h), fill="#2e8b57")

    return draw


def star_chart() -> Draw:
    """Siemens star between groups of ever finer bars, as for testing lenses."""

    def draw(pen: ImageDraw.ImageDraw, w: int, h: int) -> None:
        x, y, r = 0.5 * w, 0.45 * h, 0.42 * w
        for k in range(24):
            pen.pieslice((x - r, y - r, x + r, y + r), 15 * k, 15 * k + 7.5, fill="#111111")
        left = 0.06 * w
        for pitch in (0.05, 0.035, 0.024, 0.017, 0.012):
            for _ in range(4):
                pen.rectangle((left, 0.82 * h, left + 0.5 * pitch * w, 0.94 * h), fill="#111111")
                left += pitch * w
            left += 0.06 * w

    return draw


def page(rng: Generator, title: str) -> Draw:
    """A printed page: title, picture and lines of small print."""
    lengths = rng.uniform(0.6, 0.86, size=40)

    def draw(pen: ImageDraw.ImageDraw, w: int, h: int) -> None:
        write_centred(pen, w / 2, 0.12 * h, title, 0.17 * w, "#1d1d28")
        pen.rectangle((0.1 * w, 0.2 * h, 0.9 * w, 0.48 * h), fill="#7fa8a0")
        pen.ellipse((0.35 * w, 0.24 * h, 0.35 * w + 0.2 * h, 0.44 * h), fill="#e7c15a")
        for k in range(13):
            y = (0.54 + 0.033 * k) * h
            pen.line((0.1 * w, y, lengths[k] * w, y), fill="#4a4a50", width=2)

    return draw


def clock_face(pen: ImageDraw.ImageDraw, w: int, h: int) -> None:
    """Ten past ten."""
    centre, r = np.array([w, h]) / 2, 0.5 * min(w, h)

    def at(turn: float, reach: float) -> tuple[float, float]:
        return tuple(centre + reach * r * np.array([np.sin(2 * np.pi * turn), -np.cos(2 * np.pi * turn)]))

    for k in range(60):
        pen.line((*at(k / 60, 0.93), *at(k / 60, 0.8 if k % 5 == 0 else 0.87)), fill="#222222", width=2 if k % 5 else 4)
    for k in range(1, 13):
        write_centred(pen, *at(k / 12, 0.64), str(k), 0.26 * r, "#222222")
    pen.line((*centre, *at(10.17 / 12, 0.45)), fill="#222222", width=max(2, w // 30))
    pen.line((*centre, *at(10 / 60, 0.72)), fill="#c0392b", width=max(2, w // 45))


def book_spine(rng: Generator, colour: str, ink: str, width: float, height: float, density: float = 500.0) -> Texture:
    """Spine of ``width`` x ``height`` metres with bands and a title that reads upwards."""
    w, h = max(2, round(width * density)), max(2, round(height * density))
    sheet = Image.new("RGB", (h, w), colour)
    pen = ImageDraw.Draw(sheet)
    for place in sorted(rng.choice([0.05, 0.09, 0.88, 0.92, 0.96], size=int(rng.integers(1, 4)), replace=False)):
        pen.rectangle((place * h, 0, (place + 0.018) * h, w), fill=ink)
    if rng.uniform() < 0.75:
        title = " ".join(rng.choice(_WORDS.split(), size=2, replace=False))
        write_centred(pen, 0.48 * h, 0.5 * w, title, min(0.62 * w, 0.085 * h), ink)
    return np.asarray(sheet.transpose(Image.Transpose.ROTATE_90))


def window_view(rng: Generator) -> Draw:
    """Sky with clouds over hills and trees."""
    clouds = rng.uniform(0, 1, size=(9, 3))
    hills = rng.uniform(-1, 1, size=(3, 13))
    trees = rng.uniform(0, 1, size=(26, 3))

    def draw(pen: ImageDraw.ImageDraw, w: int, h: int) -> None:
        for y in range(h):
            pen.line((0, y, w, y), fill=mixed("#7fb6ea", "#e9f4fb", y / h))
        for x, y, size in clouds:
            for k in range(5):
                r = (0.03 + 0.03 * size) * w * (1 - 0.18 * abs(k - 2))
                cx, cy = (x + 0.05 * (k - 2)) * w, (0.08 + 0.3 * y) * h
                pen.ellipse((cx - 1.6 * r, cy - 0.7 * r, cx + 1.6 * r, cy + 0.7 * r), fill="#fbfdff")
        for layer, colour in enumerate(("#93b8a8", "#6f9f6b", "#557f45")):
            base = (0.58 + 0.11 * layer) * h
            ridge = [(w * i / 12, base + 0.05 * h * hills[layer, i]) for i in range(13)]
            pen.polygon([(0, h), *ridge, (w, h)], fill=colour)
        for x, y, size in trees:
            foot, tall = (0.72 + 0.24 * y) * h, (0.05 + 0.1 * size) * h * (0.7 + y)
            pen.rectangle((x * w - 1, foot - 0.3 * tall, x * w + 2, foot), fill="#5a4632")
            half = 0.28 * tall
            pen.polygon(
                [(x * w - half, foot - 0.25 * tall), (x * w, foot - tall), (x * w + half, foot - 0.25 * tall)],
                fill=mixed("#2f5a33", "#4e8a43", size),
            )

    return draw
