"""Furniture made of boxes and turned shapes; each function returns the surfaces of one piece, in metres."""

import numpy as np
from numpy.random import Generator

from s3im_methods.scenes.geometry import Paint, Surface, box, ellipsoid, quad, revolve, yaw
from s3im_methods.scenes.materials import mixed, plain, stripes, weave, wood
from s3im_methods.scenes.prints import Draw, book_spine, printed

BOOK_COLOURS = ("#8c2f39", "#1f4e5f", "#d9a441", "#3f6b4f", "#5b4a7d", "#c96f4a", "#e6dcc8", "#2b2b38", "#7a9e9f")


def table(low: tuple[float, float], high: tuple[float, float], top: float, paint: Paint) -> list[Surface]:
    """Table over a rectangle, its surface at height ``top``."""
    (x0, y0), (x1, y1) = low, high
    parts = box((x0, y0, top - 0.035), (x1, y1, top), paint)
    for x in (x0 + 0.03, x1 - 0.08):
        for y in (y0 + 0.03, y1 - 0.08):
            parts += box((x, y, 0), (x + 0.05, y + 0.05, top - 0.035), paint, skip=("+z", "-z"), spacing=0.12)
    return parts


def chair(x: float, y: float, turn: float, paint: Paint, seat: Paint) -> list[Surface]:
    """Chair at (x, y), its back towards -x before a turn in degrees."""
    parts = box((-0.21, -0.21, 0.41), (0.21, 0.21, 0.44), paint)
    parts += box((-0.19, -0.19, 0.44), (0.20, 0.19, 0.475), seat, skip=("-z",))
    for a in (-0.21, 0.17):
        for b in (-0.21, 0.17):
            height = 0.90 if a < 0 else 0.41
            parts += box((a, b, 0), (a + 0.04, b + 0.04, height), paint, skip=("-z",), spacing=0.1)
    for low in (0.55, 0.67, 0.79):
        parts += box((-0.20, -0.17, low), (-0.18, 0.17, low + 0.07), paint)
    return [part.moved((x, y, 0), yaw(turn)) for part in parts]


def sofa(x0: float, x1: float, y: float, rng: Generator, cloth: str, cushions: tuple[str, str]) -> list[Surface]:
    """Sofa with its back against the wall at ``y``, facing -y, between x0 and x1."""
    paint, base = weave(rng, cloth), weave(rng, mixed(cloth, "#000000", 0.15))
    front, arm = y - 0.85, 0.17
    parts = box((x0, front + 0.04, 0.07), (x1, y, 0.30), base, skip=("-z", "+y"))
    parts += box((x0 + arm, y - 0.26, 0.30), (x1 - arm, y, 0.86), paint, skip=("-z", "+y"))
    for left in (x0, x1 - arm):
        parts += box((left, front, 0.24), (left + arm, y, 0.60), paint, skip=("+y",))
    half = (x1 - x0 - 2 * arm) / 2
    for k in range(2):
        left = x0 + arm + k * half
        parts += box((left + 0.01, front + 0.01, 0.30), (left + half - 0.01, y - 0.26, 0.45), paint, skip=("-z",))
    for x in (x0 + 0.05, x1 - 0.11):
        for b in (front + 0.08, y - 0.12):
            parts += box((x, b, 0), (x + 0.06, b + 0.06, 0.07), plain("#3a2a1e"), skip=("-z", "+z"))
    tilt = np.radians(-18)
    lean = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    patterns = (stripes((cushions[0], "#f3ead7"), (0.022, 0.022)), stripes((cushions[1], "#f3ead7"), (0.05, 0.012)))
    for k, x in enumerate((x0 + arm + 0.22, x1 - arm - 0.22)):
        pillow = ellipsoid((0, 0, 0), (0.22, 0.085, 0.21), patterns[k])
        parts.append(pillow.moved((x, y - 0.38, 0.63), yaw(12 if k == 0 else -10) @ lean))
    return parts


def bookshelf(x0: float, x1: float, y: float, rows: int, top: float, rng: Generator, paint: Paint) -> list[Surface]:
    """Shelf with its back against the wall at ``y``, facing +y, filled with books."""
    deep, board = 0.29, 0.025
    parts: list[Surface] = []
    for x in (x0, x1 - board):
        parts += box((x, y, 0), (x + board, y + deep, top), paint, skip=("-y", "-z"), spacing=0.1)
    inner0, inner1 = x0 + board, x1 - board
    parts.append(quad((inner1, y + 0.01, top), (inner0 - inner1, 0, 0), (0, 0, -top), plain("#6b5138"), spacing=0.1))
    heights = np.linspace(0.06, top - board, rows + 1)
    for z in heights:
        parts += box((inner0, y + 0.01, z), (inner1, y + deep, z + board), paint, skip=("-x", "+x", "-y"), spacing=0.1)
    for row in range(rows):
        floor, room = heights[row] + board, heights[row + 1] - heights[row] - board
        x = inner0 + 0.005
        stop = inner1 - float(rng.uniform(0.03, 0.32))
        while True:
            thick, tall = float(rng.uniform(0.022, 0.058)), float(rng.uniform(0.68, 0.93)) * room
            if x + thick > stop:
                break
            parts += _book(x, thick, y + deep - float(rng.uniform(0.02, 0.07)), floor, tall, rng)
            x += thick + 0.002
        if inner1 - x > 0.14:
            ball = ellipsoid(
                (0, 0, 0), (0.055, 0.055, 0.055), stripes(("#d9a441", "#1f4e5f"), (0.03, 0.03), upright=False)
            )
            parts.append(ball.moved(((x + inner1) / 2, y + 0.18, floor + 0.055)))
    return parts


def _book(x: float, thick: float, front: float, floor: float, tall: float, rng: Generator) -> list[Surface]:
    colour = str(rng.choice(BOOK_COLOURS))
    ink = "#f6ecd2" if sum(int(colour[i : i + 2], 16) for i in (1, 3, 5)) < 420 else "#3a2a1e"

    def spine(width: float, height: float):
        return book_spine(rng, colour, ink, width, height)

    low, high = (x, front - 0.17, floor), (x + thick, front, floor + tall)
    return box(low, high, plain(colour), {"+y": spine, "+z": plain("#ece3cf")}, spacing=0.1, skip=("-y", "-z"))


def framed(centre: tuple[float, float, float], width: float, height: float, facing: str, draw: Draw, paper: str):
    """Poster in a thin dark frame on a wall.

    Args:
        centre: Middle of the poster's back, on the wall.
        width: Along the wall, metres.
        height: Metres.
        facing: Direction in which the wall looks: "-x", "+x", "-y" or "+y".
        draw: Draws the poster.
        paper: Colour of its paper.
    """
    turn = {"-y": 0, "+x": 90, "+y": 180, "-x": 270}[facing]
    w, h, edge = width / 2, height / 2, 0.02
    face = printed(draw, paper)
    parts = [quad((-w, -0.018, h), (width, 0, 0), (0, 0, -height), face)]
    frame = plain("#2b2420")
    for low, high in (
        ((-w - edge, -0.03, h), (w + edge, 0, h + edge)),
        ((-w - edge, -0.03, -h - edge), (w + edge, 0, -h)),
        ((-w - edge, -0.03, -h), (-w, 0, h)),
        ((w, -0.03, -h), (w + edge, 0, h)),
    ):
        parts += box(low, high, frame, skip=("+y",), spacing=0.12)
    return [part.moved(centre, yaw(turn)) for part in parts]


def floor_lamp(x: float, y: float) -> list[Surface]:
    """Standing lamp with a glowing conical shade."""
    metal = plain("#4a4238")
    parts = revolve([(0.0, 0.025), (0.14, 0.025), (0.15, 0.0)], metal, sides=24, smooth=False)
    parts += revolve([(0.012, 1.35), (0.012, 0.025)], metal, sides=10, per_segment=12)
    shade = stripes(("#fff0cf", "#ffe2b0"), (0.02, 0.02))
    parts += revolve([(0.11, 1.62), (0.19, 1.33)], shade, sides=32, emission=1.15)
    parts += revolve([(0.19, 1.33), (0.11, 1.62)], plain("#fff3d8"), sides=32, emission=1.6)
    return [part.moved((x, y, 0)) for part in parts]


def plant(x: float, y: float, rng: Generator) -> list[Surface]:
    """Potted plant with long leaves."""
    parts = revolve([(0.0, 0.27), (0.13, 0.27)], plain("#4b3626"), sides=20)
    pot = stripes(("#c8603c", "#e9d9bd", "#c8603c"), (0.05, 0.02, 0.30), upright=False)
    parts += revolve([(0.13, 0.27), (0.15, 0.32), (0.16, 0.32), (0.115, 0.0)], pot, sides=28, per_segment=3)
    for k in range(16):
        length, width = float(rng.uniform(0.24, 0.40)), float(rng.uniform(0.04, 0.065))
        shade = mixed("#2f6b3a", "#7fae4e", float(rng.uniform()))
        leaf = ellipsoid(
            (0, 0, length), (width, 0.008, length), stripes((shade, mixed(shade, "#ffffff", 0.18)), (0.03, 0.006)), 12
        )
        tilt = np.radians(rng.uniform(8, 42))
        lean = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
        parts.append(leaf.moved((0, 0, 0.27), yaw(k * 137.5) @ lean))
    return [part.moved((x, y, 0)) for part in parts]


def vase(x: float, y: float, z: float, paint: Paint, tall: float = 0.28) -> list[Surface]:
    """Turned vase standing at height ``z``."""
    height = np.linspace(1, 0, 19)
    radius = 0.16 + 0.19 * np.sin(np.pi * (1 - height) ** 1.1) + 0.10 * (height > 0.97)
    outside = revolve(np.stack([radius, height], -1) * tall, paint, sides=32)
    inside = revolve(np.array([(0.22, 1.0), (0.0, 0.98)])[::-1] * tall, plain("#2a2a2a"), sides=32)
    return [part.moved((x, y, z)) for part in outside + inside]


def sideboard(low: tuple[float, float], high: tuple[float, float], top: float, rng: Generator) -> list[Surface]:
    """Low cabinet facing +x with three doors of different wood and round knobs."""
    (x0, y0), (x1, y1) = low, high
    parts = box((x0, y0, 0.08), (x1, y1, top), wood(rng, "#a9713f"), skip=("-x", "-z"))
    parts += box((x0, y0 + 0.05, 0), (x1 - 0.05, y1 - 0.05, 0.08), plain("#2b2420"), skip=("-x", "+z", "-z"))
    wide = (y1 - y0) / 3
    for k in range(3):
        left, right = y0 + k * wide + 0.015, y0 + (k + 1) * wide - 0.015
        door = wood(rng, ("#d8a868", "#c08a50", "#d8a868")[k])
        parts += box((x1, left, 0.11), (x1 + 0.018, right, top - 0.03), door, skip=("-x",))
        parts.append(ellipsoid((x1 + 0.03, right - 0.05, top * 0.6), (0.016, 0.016, 0.016), plain("#e8d9a8"), 10))
    return parts
