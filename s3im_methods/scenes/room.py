"""The living room: x from -2 to 2 (window at 2), y from -1.5 to 1.5 (sofa at 1.5), floor at z = 0, ceiling at 2.6."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from s3im_methods.scenes.furniture import (
    bookshelf,
    chair,
    floor_lamp,
    framed,
    plant,
    sideboard,
    sofa,
    table,
    vase,
)
from s3im_methods.scenes.geometry import Surface, box, ellipsoid, grid, quad, revolve, yaw
from s3im_methods.scenes.lighting import AreaLight, rectangle_light, sphere_light
from s3im_methods.scenes.materials import bricks, checks, plain, planks, rug, stripes, weave, wood
from s3im_methods.scenes.prints import (
    clock_face,
    eye_chart,
    landscape_poster,
    page,
    printed,
    ring_poster,
    star_chart,
    type_poster,
)
from s3im_methods.scenes.window import window

X, Y, Z = 2.0, 1.5, 2.6
_WINDOW = (-0.75, 0.65, 0.98, 2.12)  # y0, y1, z0, z1
_PENDANT = (-0.2, 0.0, 2.12)
_LAMP = (-1.68, 1.17)


@dataclass(frozen=True)
class Palette:
    """Colours that go together."""

    wall: str
    sofa: str
    cushions: tuple[str, str]
    rug: tuple[str, str, str, str]
    curtain: tuple[str, str]
    accent: str


_PALETTES = (
    Palette(
        "#ece6da",
        "#3f6f78",
        ("#d98a3d", "#a63d40"),
        ("#efe4cd", "#2c3e50", "#c1553b", "#e0a83f"),
        ("#c9d6d3", "#8fa9a6"),
        "#d1493f",
    ),
    Palette(
        "#e9ebe6",
        "#8a5a44",
        ("#3d7a78", "#d9a441"),
        ("#f0e7d6", "#3b2f2f", "#3d7a78", "#d08c60"),
        ("#e4d3b8", "#c3a77d"),
        "#2a7f79",
    ),
    Palette(
        "#efe7dd",
        "#5d6b8a",
        ("#c95d63", "#e0b04a"),
        ("#ebe3d5", "#2f3550", "#5d7fb0", "#c95d63"),
        ("#d5cfe0", "#a79cc0"),
        "#c8873a",
    ),
    Palette(
        "#ebe8df",
        "#66784f",
        ("#e0a83f", "#7d3c4a"),
        ("#f2ead8", "#33402c", "#8fa35b", "#c96a3d"),
        ("#e0dcc3", "#b6b184"),
        "#3b6ea5",
    ),
)


def room_surfaces(seed: int) -> list[Surface]:
    """Every surface of the room; the seed picks colours and prints and shifts loose things a little."""
    rng = np.random.default_rng([seed, 0])
    palette = _PALETTES[seed % len(_PALETTES)]
    return [
        *_shell(rng, palette),
        *window(_WINDOW, X, rng, palette.curtain),
        *_sofa_side(rng, palette),
        *_shelf_side(rng, palette),
        *_brick_side(rng, palette),
        *_desk(rng, palette),
        *_middle(rng, palette),
    ]


def room_lights() -> list[AreaLight]:
    """Daylight through the window, a pendant, and the floor lamp's light on ceiling and floor."""
    y0, y1, z0, z1 = _WINDOW
    x, y = _LAMP
    disc = 0.2
    return [
        rectangle_light((X - 0.02, y1, z1), (0, y0 - y1, 0), (0, 0, z0 - z1), (6.0, 6.6, 7.4), 4),
        sphere_light(_PENDANT, 0.17, (9.0, 8.0, 6.6), 16),
        rectangle_light((x - disc / 2, y - disc / 2, 1.63), (disc, 0, 0), (0, disc, 0), (14.0, 10.5, 6.5), 2),
        rectangle_light((x - disc / 2, y + disc / 2, 1.32), (disc, 0, 0), (0, -disc, 0), (14.0, 10.5, 6.5), 2),
    ]


def _shell(rng: Generator, palette: Palette) -> list[Surface]:
    wall, (y0, y1, z0, z1) = plain(palette.wall), _WINDOW
    parts = [
        quad((-X, Y, 0), (2 * X, 0, 0), (0, -2 * Y, 0), planks(rng, "#b88654"), spacing=0.045),
        quad((-X, -Y, Z), (2 * X, 0, 0), (0, 2 * Y, 0), plain("#f4f1ea"), spacing=0.09),
        quad((-X, Y, Z), (2 * X, 0, 0), (0, 0, -Z), wall),
        quad((X, -Y, Z), (-2 * X, 0, 0), (0, 0, -Z), wall),
        quad((-X, -Y, Z), (0, 2 * Y, 0), (0, 0, -Z), bricks(rng, "#b4644a", "#d8cfc2")),
    ]
    for a, b, low, high in ((Y, y1, 0, Z), (y0, -Y, 0, Z), (y1, y0, 0, z0), (y1, y0, z1, Z)):
        parts.append(quad((X, a, high), (0, b - a, 0), (0, 0, low - high), wall))
    skirting = plain("#fbf8f2")
    for low, high in (
        ((-X, Y - 0.015, 0), (X, Y, 0.08)),
        ((-X, -Y, 0), (X, -Y + 0.015, 0.08)),
        ((X - 0.015, -Y, 0), (X, Y, 0.08)),
    ):
        parts += box(low, high, skirting, skip=("-z",), spacing=0.09)
    return parts


def _sofa_side(rng: Generator, palette: Palette) -> list[Surface]:
    parts = sofa(-1.38, 0.62, Y - 0.01, rng, palette.sofa, palette.cushions)
    ink = "#20242e"
    parts += framed((-1.02, Y, 1.66), 0.52, 0.72, "-y", type_poster(rng, ink, palette.accent), "#f6efdf")
    parts += framed((-0.33, Y, 1.66), 0.52, 0.72, "-y", landscape_poster(rng, "#6fb1c9", "#23424a"), "#f6efdf")
    parts += framed((0.36, Y, 1.66), 0.52, 0.72, "-y", ring_poster(rng, ink, palette.accent), "#f4ecd8")
    parts += floor_lamp(*_LAMP)
    return parts + plant(1.58, 1.08, rng)


def _shelf_side(rng: Generator, palette: Palette) -> list[Surface]:
    parts = bookshelf(-1.05, 0.35, -Y, 5, 1.95, rng, wood(rng, "#8a6440"))
    parts += vase(-0.75, -Y + 0.15, 1.95, plain(palette.accent), 0.26)
    parts += framed((0.86, -Y, 1.55), 0.52, 0.78, "+y", eye_chart(rng), "#fbfaf5")
    parts += framed((1.53, -Y, 1.55), 0.5, 0.62, "+y", star_chart(), "#fbfaf5")
    # An armchair would block the walk; a striped pouf does not.
    pouf = revolve([(0.0, 0.38), (0.19, 0.38), (0.23, 0.34), (0.23, 0.05), (0.2, 0.0)], _pouf_paint(palette), 36, 4)
    return parts + [part.moved((1.15 + float(rng.uniform(-0.05, 0.05)), -1.12, 0)) for part in pouf]


def _pouf_paint(palette: Palette):
    return stripes((palette.rug[2], palette.rug[0], palette.rug[1], palette.rug[0]), (0.05, 0.02, 0.03, 0.02))


def _brick_side(rng: Generator, palette: Palette) -> list[Surface]:
    parts = sideboard((-X, -0.95), (-X + 0.4, 0.55), 0.58, rng)
    parts += vase(-1.78, -0.72, 0.58, stripes(("#f1ede2", "#2f5d7c"), (0.018, 0.018), upright=False), 0.34)
    parts.append(ellipsoid((-1.77, 0.33, 0.58 + 0.12), (0.12, 0.12, 0.12), checks("#f5efe0", palette.accent, 0.06)))
    for k, colour in enumerate(("#8c2f39", "#d9a441", "#1f4e5f")):
        low, high = (-1.9, -0.28 + 0.02 * k, 0.58 + 0.035 * k), (-1.68, 0.03 - 0.015 * k, 0.615 + 0.035 * k)
        parts += box(low, high, plain(colour), {"+x": stripes(("#f3ead7", colour), (0.006, 0.02))}, skip=("-z",))
    parts += framed((-X, 0.1, 1.5), 0.44, 0.58, "+x", page(rng, "ATLAS"), "#f7f3e8")
    disc = revolve([(0.0, 0.02), (0.19, 0.02), (0.2, 0.0)], plain("#2b2420"), sides=40, smooth=False)
    upright = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0.0]])
    parts += [part.moved((-X, -0.62, 1.6), upright) for part in disc[1:]]
    return [*parts, _clock((-X + 0.02, -0.62, 1.6), 0.19)]


def _clock(centre: tuple[float, float, float], radius: float) -> Surface:
    """Round clock face looking in +x: a fan of rings whose texture coordinates are those of a square picture."""
    reach, turn = np.linspace(0, 1, 5), np.linspace(0, 2 * np.pi, 41) % (2 * np.pi)
    y, z = np.outer(reach, np.cos(turn)), np.outer(reach, np.sin(turn))
    points = np.stack([np.zeros_like(y), radius * y, radius * z], -1) + np.array(centre)
    normals = np.broadcast_to([1.0, 0.0, 0.0], points.shape)
    face = grid(points, normals, printed(clock_face, "#faf6ea", 500)(2 * radius, 2 * radius))
    face.uv[:] = np.stack([0.5 + 0.5 * y, 0.5 - 0.5 * z], -1).reshape(-1, 2)
    return face


def _desk(rng: Generator, palette: Palette) -> list[Surface]:
    parts = table((1.38, -0.7), (1.93, 0.6), 0.74, wood(rng, "#c99a62"))
    parts += chair(
        1.12,
        float(rng.uniform(-0.05, 0.1)),
        float(rng.uniform(-12, 12)),
        wood(rng, "#7b5233"),
        weave(rng, palette.cushions[0]),
    )
    sheet = printed(page(rng, "NOTES"), "#fdfbf3")
    parts.append(quad((0, 0, 0), (0, -0.21, 0), (-0.297, 0, 0), sheet).moved((1.75, 0.14, 0.742)))
    parts.append(quad((0, 0, 0), (0, -0.21, 0), (-0.297, 0, 0), sheet).moved((1.78, -0.2, 0.742), yaw(17)))
    mug = revolve(
        [(0.0, 0.1), (0.042, 0.1), (0.04, 0.0)], checks("#f4efe2", palette.accent, 0.016), sides=24, smooth=False
    )
    parts += [part.moved((1.55, -0.5, 0.74)) for part in mug]
    for k, colour in enumerate(("#3f6b4f", "#c96f4a", "#2b2b38", "#e6dcc8")):
        y = 0.42 - 0.05 * k
        parts += box(
            (1.68, y - 0.045, 0.74),
            (1.86, y, 0.74 + 0.2 + 0.02 * (k % 3)),
            plain(colour),
            {"-x": stripes(("#f3ead7", colour), (0.004, 0.03), upright=False)},
            skip=("-z",),
        )
    return parts


def _middle(rng: Generator, palette: Palette) -> list[Surface]:
    x, y = -0.42 + float(rng.uniform(-0.05, 0.05)), 0.02 + float(rng.uniform(-0.04, 0.04))
    parts = box(
        (-1.5, -0.68, 0), (0.66, 0.66, 0.012), plain(palette.rug[0]), {"+z": rug(rng, palette.rug)}, 0.045, ("-z",)
    )
    parts += table((x - 0.45, y - 0.26), (x + 0.45, y + 0.26), 0.41, wood(rng, "#9a6a3f"))
    parts += vase(x - 0.26, y + 0.05, 0.41, stripes((palette.accent, "#f6efdf"), (0.03, 0.015)), 0.24)
    sheet = printed(page(rng, "ROOM"), "#f7f1e1")
    parts.append(
        quad((-0.105, 0.148, 0), (0.21, 0, 0), (0, -0.297, 0), sheet).moved((x + 0.1, y - 0.04, 0.412), yaw(25))
    )
    bowl = revolve([(0.105, 0.07), (0.05, 0.0)], plain("#2f5d7c"), 28, 3)
    bowl += revolve([(0.0, 0.03), (0.06, 0.04), (0.105, 0.07)][::-1], plain("#e9e2d2"), 28, 2)
    parts += [part.moved((x + 0.32, y + 0.1, 0.41)) for part in bowl]
    for k, colour in enumerate(("#d98a3d", "#c0392b", "#9fb94a")):
        turn = 2.1 * k
        parts.append(
            ellipsoid(
                (x + 0.32 + 0.04 * np.cos(turn), y + 0.1 + 0.04 * np.sin(turn), 0.485), (0.036,) * 3, plain(colour), 14
            )
        )
    return parts + _pendant()


def _pendant() -> list[Surface]:
    x, y, z = _PENDANT
    parts = [ellipsoid(_PENDANT, (0.16, 0.16, 0.16), plain("#fff3da"), emission=1.6)]
    cord = revolve([(0.006, Z), (0.006, z + 0.15)], plain("#2b2420"), sides=6, per_segment=4)
    return parts + [part.moved((x, y, 0)) for part in cord]
