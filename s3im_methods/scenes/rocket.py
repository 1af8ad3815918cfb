"""The toy rocket on a turntable: smooth and sharp shapes, print and fine patterns, about the world's origin."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import ImageDraw

from s3im_methods.scenes.geometry import Surface, ellipsoid, grid, revolve, torus, yaw
from s3im_methods.scenes.lighting import AreaLight, rectangle_light
from s3im_methods.scenes.materials import checks, mixed, plain, stripes
from s3im_methods.scenes.prints import Draw, printed, write_centred

DOME_RADIUS = 2.0
"""Distance of the cameras to the origin in metres."""
_FLOOR = -0.42  # Height of the turntable's top.
_BODY = 0.155  # Largest radius of the body.


@dataclass(frozen=True)
class _Livery:
    paper: str
    main: str
    dark: str
    glow: str


_LIVERIES = (
    _Livery("#f4efe4", "#cf3f36", "#22304a", "#e9a83a"),
    _Livery("#eef1f2", "#1f7a8c", "#2b2438", "#f2bb4b"),
    _Livery("#f6ecd6", "#d9722e", "#1f3d3a", "#f0d068"),
    _Livery("#edf0ea", "#6a4c93", "#1d2b36", "#ef8354"),
)


def rocket_surfaces(seed: int, shift: ArrayLike = (0, 0, 0), rotation: ArrayLike | None = None) -> list[Surface]:
    """Every surface of rocket and turntable.

    Args:
        seed: Picks colours, number of fins and what is printed.
        shift: [3], by which the rocket has left its place on the turntable, metres.
        rotation: [3, 3], by which it is turned before that; None for not at all.
    """
    rng = np.random.default_rng([seed, 0])
    livery = _LIVERIES[seed % len(_LIVERIES)]
    parts = [*_body(rng, livery), *_fins(3 + int(rng.integers(0, 3)), livery), *_portholes(livery)]
    parts = [part.moved((0, 0, _FLOOR)).moved(shift, rotation) for part in parts]
    return parts + _turntable(rng, livery)


def rocket_lights() -> list[AreaLight]:
    """One large warm light above, to one side."""
    return [rectangle_light((1.2, -2.0, 1.7), (0.9, 0.9, 0), (-0.4, 0.4, 0.8), (20.0, 18.4, 15.6), 5)]


def rocket_sky(directions: NDArray) -> NDArray[np.float32]:
    """Radiance [N, 3] of an overcast sky: bright above, dim and warm below."""
    height = 0.5 + 0.5 * directions[:, 2:] / np.linalg.norm(directions, axis=-1, keepdims=True)
    return (np.array([0.10, 0.09, 0.08]) + height * np.array([0.36, 0.42, 0.52])).astype(np.float32)


def _outline(z: NDArray) -> NDArray:
    """Radius of the body at height z above the floor, from 0.2 (tail) to 1.0 (tip)."""
    t = (z - 0.2) / 0.8
    return _BODY * np.sqrt(np.clip(1 - np.clip((t - 0.3) / 0.7, -0.62, 1) ** 2, 0, 1)) ** 1.25


def _body(rng: Generator, livery: _Livery) -> list[Surface]:
    z = 1.0 - 0.8 * np.linspace(0, 1, 65) ** 1.3
    parts = revolve(np.stack([_outline(z), z], -1), printed(_hull(rng, livery), livery.paper, 700), sides=72)
    tail = float(_outline(np.array(0.2)))
    nozzle = [(tail, 0.2), (0.07, 0.17), (0.065, 0.15), (0.10, 0.06)]
    parts += revolve(nozzle, stripes((livery.dark, "#7c8594"), (0.006, 0.006), upright=False), 48, 4, smooth=False)
    inside = revolve([(0.10, 0.06), (0.0, 0.15)], stripes((livery.glow, livery.main), (0.02, 0.012)), 48, 4)
    return parts + inside


def _hull(rng: Generator, livery: _Livery) -> Draw:
    number = f"{int(rng.integers(10, 100))}"

    def draw(pen: ImageDraw.ImageDraw, w: int, h: int) -> None:
        pen.rectangle((0, 0, w, 0.2 * h), fill=livery.main)
        for k, colour in enumerate((livery.dark, livery.glow, livery.dark)):
            pen.rectangle((0, (0.2 + 0.012 * k) * h, w, (0.212 + 0.012 * k) * h), fill=colour)
        cell = w / 32
        for row in range(3):
            for k in range(32):
                if (k + row) % 2:
                    top = 0.80 * h + row * cell
                    pen.rectangle((k * cell, top, (k + 1) * cell - 1, top + cell), fill=livery.dark)
        pen.rectangle((0, 0.93 * h, w, h), fill=livery.main)
        for side in range(2):
            x = (0.25 + 0.5 * side) * w
            write_centred(pen, x, 0.58 * h, "S3IM", 0.115 * w, livery.main)
            write_centred(pen, x, 0.70 * h, f"UNIT {number}  HANDLE WITH CARE", 0.02 * w, livery.dark)
            for k in range(9):
                y = (0.735 + 0.006 * k) * h
                pen.line((x - 0.14 * w, y, x + 0.14 * w, y), fill=livery.dark, width=1 + k % 3)
        for y in (0.27, 0.49, 0.78):
            for k in range(64):
                pen.ellipse((k / 64 * w, y * h, k / 64 * w + 3, y * h + 3), fill="#8b8f98")
        for k in range(4):
            pen.line(((0.02 + k / 4) * w, 0.25 * h, (0.02 + k / 4) * w, 0.78 * h), fill="#a9acb3", width=1)

    return draw


def _fins(count: int, livery: _Livery) -> list[Surface]:
    """Swept fins: flat plates with a bevelled outer edge, joined to the hull."""
    root_top, root_low = np.array([0.10, 0.52]), np.array([0.09, 0.22])
    tip_top, tip_low = np.array([0.34, 0.20]), np.array([0.36, 0.0])
    thick = 0.014
    rows = np.linspace(0, 1, 17)[:, None]
    leading = (1 - rows) ** 2 * root_top + 2 * rows * (1 - rows) * np.array([0.26, 0.46]) + rows**2 * tip_top
    trailing = (1 - rows) ** 2 * root_low + 2 * rows * (1 - rows) * np.array([0.20, 0.22]) + rows**2 * tip_low
    across = np.linspace(0, 1, 9)[None, :, None]
    sheet = leading[:, None] * (1 - across) + trailing[:, None] * across
    paint = stripes((livery.main, livery.paper, livery.main, livery.dark), (0.045, 0.008, 0.012, 0.004), upright=False)
    fin: list[Surface] = []
    for side in (-1.0, 1.0):
        points = np.stack([sheet[..., 0], np.full(sheet.shape[:2], side * thick / 2), sheet[..., 1]], -1)
        fin.append(grid(points, np.broadcast_to([0.0, side, 0.0], points.shape), paint(0.3, 0.45)))
    rim = plain(livery.dark)
    for line in (leading, trailing, sheet[-1]):
        tangent = np.gradient(line, axis=0)
        outwards = np.stack([tangent[:, 1], -tangent[:, 0]], -1)
        outwards *= np.sign(((line - sheet.mean(axis=(0, 1))) * outwards).sum(axis=1, keepdims=True))
        outwards /= np.linalg.norm(outwards, axis=-1, keepdims=True)
        lift = np.array([-thick / 2, thick / 2])
        points = np.stack([np.stack([line[:, 0], np.full(len(line), y), line[:, 1]], -1) for y in lift], axis=1)
        normals = np.stack([np.stack([outwards[:, 0], np.zeros(len(line)), outwards[:, 1]], -1)] * 2, axis=1)
        fin.append(grid(points, normals, rim(1, 1)))
    return [part.moved(rotation=yaw(360 * k / count)) for k in range(count) for part in fin]


def _portholes(livery: _Livery) -> list[Surface]:
    parts: list[Surface] = []
    tip = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0.0]])
    for height, radius in ((0.70, 0.058), (0.84, 0.034)):
        ring = torus(
            radius, 0.26 * radius, stripes((livery.glow, mixed(livery.glow, "#000000", 0.35)), (0.012, 0.012)), 40, 14
        )
        glass = ellipsoid((0, 0, 0), (radius, radius, 0.5 * radius), plain(mixed(livery.dark, "#4f8fc0", 0.5)), 24)
        out = float(_outline(np.array(height))) - 0.1 * radius
        for turn in (-90, 90):
            parts += [part.moved((out, 0, height), tip).moved(rotation=yaw(turn)) for part in (ring, glass)]
    return parts


def _turntable(rng: Generator, livery: _Livery) -> list[Surface]:
    radius, thick = 0.45, 0.045
    reach, turn = np.linspace(0, 1, 15), np.linspace(0, 2 * np.pi, 73) % (2 * np.pi)
    x, y = np.outer(reach, np.cos(turn)), np.outer(reach, np.sin(turn))
    points = np.stack([radius * x, radius * y, np.full_like(x, _FLOOR)], -1)
    top = grid(
        points,
        np.broadcast_to([0.0, 0.0, 1.0], points.shape),
        printed(_dial(rng, livery), livery.paper, 700)(2 * radius, 2 * radius),
    )
    top.uv[:] = np.stack([0.5 + 0.5 * x, 0.5 - 0.5 * y], -1).reshape(-1, 2)
    rim = [(radius, _FLOOR), (radius, _FLOOR - thick)]
    return [top, *revolve(rim, checks(livery.paper, livery.dark, 0.025), 72, 3)]


def _dial(rng: Generator, livery: _Livery) -> Draw:
    """Degree scale, numerals and a ring of tiles in random tints."""
    tints = rng.uniform(0, 1, size=48)

    def draw(pen: ImageDraw.ImageDraw, w: int, h: int) -> None:
        centre, r = np.array([w, h]) / 2, w / 2

        def disc(reach: float, colour: str) -> None:
            pen.ellipse((*(centre - reach * r), *(centre + reach * r)), fill=colour)

        def at(degrees: float, reach: float) -> tuple[float, float]:
            a = np.radians(degrees)
            return float(centre[0] + reach * r * np.cos(a)), float(centre[1] - reach * r * np.sin(a))

        for k in range(180):
            long = 0.90 if k % 15 == 0 else 0.93 if k % 5 == 0 else 0.95
            pen.line((*at(2 * k, 0.98), *at(2 * k, long)), fill=livery.dark, width=3 if k % 15 == 0 else 2)
        for k in range(12):
            write_centred(pen, *at(30 * k, 0.83), f"{30 * k}", 0.09 * r, livery.dark)
        disc(0.76, livery.dark)
        for k in range(48):
            pen.pieslice(
                (*(centre - 0.74 * r), *(centre + 0.74 * r)),
                7.5 * k,
                7.5 * k + 6.6,
                fill=mixed(livery.main, livery.glow, tints[k]),
            )
        disc(0.62, livery.dark)
        disc(0.60, mixed(livery.paper, livery.dark, 0.12))
        for k in range(8):
            disc(0.56 - 0.06 * k, livery.paper if k % 2 else mixed(livery.paper, livery.dark, 0.3))

    return draw
