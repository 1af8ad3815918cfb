"""Textured surfaces with exact normals: quads, boxes, surfaces of revolution, tori, height fields.

Every surface is a grid of vertices, fine enough that light stored at the vertices varies smoothly between them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Texture = NDArray[np.uint8]
"""An sRGB image [h, w, 3], row 0 at v = 0."""
Paint = Callable[[float, float], Texture]
"""Draws the texture of a surface of the given width and height in metres."""

LIGHT_SPACING = 0.06
"""Default distance of neighbouring vertices in metres."""


@dataclass(frozen=True)
class Surface:
    """A triangle mesh with one texture.

    Attributes:
        vertices: [V, 3], metres.
        normals: [V, 3], unit, on the visible side.
        uv: [V, 2], texture coordinates in [0, 1]; (0, 0) is the texture's top left corner.
        triangles: [T, 3], counter-clockwise seen from the visible side.
        texture: sRGB image.
        emission: Radiance of a white texel, for lamps and windows; 0 for surfaces that are lit by others.
    """

    vertices: NDArray[np.float64]
    normals: NDArray[np.float64]
    uv: NDArray[np.float64]
    triangles: NDArray[np.int64]
    texture: Texture
    emission: float = 0.0

    def moved(self, offset: ArrayLike = (0, 0, 0), rotation: ArrayLike | None = None) -> "Surface":
        """Rotate about the origin ([3, 3] matrix), then shift by ``offset`` in metres."""
        turn = np.eye(3) if rotation is None else np.asarray(rotation, dtype=float)
        return replace(self, vertices=self.vertices @ turn.T + np.asarray(offset), normals=self.normals @ turn.T)


def yaw(degrees: float) -> NDArray[np.float64]:
    """Rotation [3, 3] about the z axis, counter-clockwise seen from above."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def grid(points: NDArray, normals: NDArray, texture: Texture, emission: float = 0.0) -> Surface:
    """Surface through a grid of points.

    Args:
        points: [rows, columns, 3]; rows run along the texture's v, columns along its u.
        normals: [rows, columns, 3], unit.
        texture: sRGB image.
        emission: Radiance of a white texel.
    """
    rows, columns = points.shape[:2]
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, d, c), (a, c, b))])
    vertices, flat_normals = points.reshape(-1, 3), normals.reshape(-1, 3)
    p, q, r = (vertices[triangles[:, i]] for i in range(3))
    facing = np.cross(q - p, r - p)
    # A pole of a surface of revolution or a pinched edge makes triangles without area.
    kept = np.linalg.norm(facing, axis=-1) > 1e-12
    triangles, facing = triangles[kept], facing[kept]
    inwards = np.einsum("ij,ij->i", facing, flat_normals[triangles].sum(axis=1)) < 0
    triangles[inwards] = triangles[inwards][:, ::-1]
    return Surface(vertices, flat_normals, np.stack([u, v], -1).reshape(-1, 2), triangles, texture, emission)


def quad(
    corner: ArrayLike,
    right: ArrayLike,
    down: ArrayLike,
    paint: Paint,
    spacing: float = LIGHT_SPACING,
    emission: float = 0.0,
) -> Surface:
    """Parallelogram given by its top left corner and its two edges, as seen from its visible side.

    Example:
        >>> from s3im_methods.scenes.materials import plain
        >>> quad((0, 0, 1), (1, 0, 0), (0, 0, -1), plain("#ffffff"), spacing=1.0).normals[0]
        array([ 0., -1.,  0.])
    """
    corner, right, down = (np.asarray(x, dtype=float) for x in (corner, right, down))
    normal = np.cross(down, right)
    normal /= np.linalg.norm(normal)
    width, height = float(np.linalg.norm(right)), float(np.linalg.norm(down))
    u = np.linspace(0, 1, max(1, round(width / spacing)) + 1)
    v = np.linspace(0, 1, max(1, round(height / spacing)) + 1)
    points = corner + v[:, None, None] * down + u[None, :, None] * right
    return grid(points, np.broadcast_to(normal + 0.0, points.shape), paint(width, height), emission)


def box(
    low: ArrayLike,
    high: ArrayLike,
    paint: Paint,
    faces: dict[str, Paint] | None = None,
    spacing: float = LIGHT_SPACING,
    skip: Sequence[str] = (),
) -> list[Surface]:
    """Axis-aligned box, textures upright on its four sides.

    Args:
        low: Corner with the smallest coordinates, metres.
        high: Corner with the largest coordinates, metres.
        paint: Paint of every face that ``faces`` does not name.
        faces: Paints of some faces: "-x", "+x", "-y", "+y", "-z", "+z".
        spacing: Distance of neighbouring vertices in metres.
        skip: Faces to leave out because nobody can see them.
    """
    (x0, y0, z0), (x1, y1, z1) = np.asarray(low, dtype=float), np.asarray(high, dtype=float)
    dx, dy, dz = x1 - x0, y1 - y0, z1 - z0
    edges = {
        "-y": ((x0, y0, z1), (dx, 0, 0), (0, 0, -dz)),
        "+y": ((x1, y1, z1), (-dx, 0, 0), (0, 0, -dz)),
        "-x": ((x0, y1, z1), (0, -dy, 0), (0, 0, -dz)),
        "+x": ((x1, y0, z1), (0, dy, 0), (0, 0, -dz)),
        "+z": ((x0, y1, z1), (dx, 0, 0), (0, -dy, 0)),
        "-z": ((x0, y0, z0), (dx, 0, 0), (0, dy, 0)),
    }
    paints = faces or {}
    return [
        quad(corner, right, down, paints.get(face, paint), spacing=spacing)
        for face, (corner, right, down) in edges.items()
        if face not in skip
    ]


def revolve(
    profile: ArrayLike, paint: Paint, sides: int = 32, per_segment: int = 1, smooth: bool = True, emission: float = 0.0
) -> list[Surface]:
    """Turn a profile of (radius, height) points about the z axis, listed from top to bottom for an outside surface.

    Args:
        profile: [P, 2], metres. Reversing the order turns the surface inside out.
        paint: Called with the circumference at the largest radius and the length of the profile.
        sides: Number of facets around the axis.
        per_segment: Subdivisions of each straight piece of the profile.
        smooth: Whether the profile is a curve (one surface) or has a sharp edge at every point (one per piece).
        emission: Radiance of a white texel.
    """
    points = np.asarray(profile, dtype=float)
    pieces = [points] if smooth else [points[i : i + 2] for i in range(len(points) - 1)]
    return [_revolve_piece(piece, paint, sides, per_segment, emission) for piece in pieces]


def _revolve_piece(profile: NDArray, paint: Paint, sides: int, per_segment: int, emission: float) -> Surface:
    knots = np.arange(len(profile))
    fine = np.linspace(0, len(profile) - 1, (len(profile) - 1) * per_segment + 1)
    radius, height = np.interp(fine, knots, profile[:, 0]), np.interp(fine, knots, profile[:, 1])
    slope_r, slope_h = np.gradient(radius), np.gradient(height)
    length = np.hypot(slope_r, slope_h)
    out, up = -slope_h / length, slope_r / length
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    # The last column repeats the first exactly, so that the seam has no crack.
    cos, sin = np.cos(angle % (2 * np.pi)), np.sin(angle % (2 * np.pi))
    ones = np.ones_like(angle)
    points = np.stack([np.outer(radius, cos), np.outer(radius, sin), np.outer(height, ones)], -1)
    normals = np.stack([np.outer(out, cos), np.outer(out, sin), np.outer(up, ones)], -1)
    run = float(np.hypot(np.diff(radius), np.diff(height)).sum())
    return grid(points, normals, paint(2 * np.pi * float(radius.max()), run), emission)


def ellipsoid(centre: ArrayLike, radii: ArrayLike, paint: Paint, sides: int = 24, emission: float = 0.0) -> Surface:
    """Ellipsoid with its axes along the coordinate axes; radii in metres."""
    polar = np.linspace(0, np.pi, sides // 2 + 1)
    scale = np.asarray(radii, dtype=float)
    texture = paint(2 * np.pi * float(scale[:2].max()), np.pi * float(scale[2]))
    profile = np.stack([np.sin(polar).clip(0), np.cos(polar)], -1)
    (ball,) = revolve(profile, lambda _width, _height: texture, sides, emission=emission)
    normals = ball.vertices / scale
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    return replace(ball, vertices=ball.vertices * scale + np.asarray(centre), normals=normals)


def torus(radius: float, tube: float, paint: Paint, sides: int = 32, tube_sides: int = 12) -> Surface:
    """Ring about the z axis, centred at the origin; radius of the ring and of its tube in metres."""
    a = np.linspace(0, 2 * np.pi, sides + 1) % (2 * np.pi)
    b = np.linspace(0, 2 * np.pi, tube_sides + 1) % (2 * np.pi)
    out = np.stack([np.cos(a), np.sin(a), np.zeros_like(a)], -1)[None]
    normals = np.cos(b)[:, None, None] * out + np.sin(b)[:, None, None] * np.array([0, 0, 1.0])
    return grid(radius * out + tube * normals, normals, paint(2 * np.pi * radius, 2 * np.pi * tube))
