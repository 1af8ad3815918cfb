"""A drawing of where a scene's cameras stand: their frusta, the box or sphere that the method learns in, and points."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_BACKGROUND, _INK, _FRAME = (250, 250, 250), (40, 40, 40), (150, 150, 150)
_TRAINING, _HELD_OUT, _POINT = (30, 90, 200), (225, 110, 20), (170, 170, 170)
_AXES = (("x", (200, 40, 40)), ("y", (40, 150, 40)), ("z", (40, 40, 200)))
_AZIMUTH, _ELEVATION = np.radians(35.0), np.radians(28.0)
# Lines are drawn at twice the size and shrunk, which smooths them.
_OVERSAMPLE = 2
_FRUSTUM, _BORDER = 0.06, 0.06
_MOST_POINTS = 4000


@dataclass(frozen=True)
class Placement:
    """What is drawn, all in scene units.

    Args:
        poses: ``[N, 3, 4]``, camera to world, looking along -z.
        half_sizes: ``[N, 2]``, half of the image's width and height, over the focal length.
        held_out: ``[N]``, bool: which cameras are for evaluation.
        sphere: Centre and radius, or None.
        box: Its lower and upper corner, ``[2, 3]``, or None.
        points: ``[P, 3]``, a reconstruction's points, or None.
    """

    poses: NDArray[np.float64]
    half_sizes: NDArray[np.float64]
    held_out: NDArray[np.bool_]
    sphere: tuple[tuple[float, float, float], float] | None = None
    box: NDArray[np.float64] | None = None
    points: NDArray[np.float64] | None = None


def draw_placement(placement: Placement, side: int) -> Image.Image:
    """Draw the cameras from obliquely above, z up, without perspective.

    Args:
        placement: What to draw.
        side: Width and height of the drawing, in pixels.

    Returns:
        An RGB image.
    """
    origins = placement.poses[:, :, 3]
    seen = [origins]
    if placement.sphere is not None:
        center, radius = np.array(placement.sphere[0]), placement.sphere[1]
        # The outline of a sphere is a circle in the drawing's own plane.
        seen.append(center + radius * _circle(np.eye(2) @ view_axes()))
    if placement.box is not None:
        seen.append(_corners(placement.box))
    flat = np.concatenate(seen) @ view_axes().T
    low, high = flat.min(0), flat.max(0)
    span = float((high - low).max()) or 1.0
    pixels = side * _OVERSAMPLE
    scale = (1 - 2 * _BORDER) * pixels / span
    middle = (low + high) / 2

    def on_paper(points: NDArray) -> list[tuple[float, float]]:
        places = (points @ view_axes().T - middle) * scale
        return [(pixels / 2 + x, pixels / 2 - y) for x, y in places.tolist()]

    canvas = Image.new("RGB", (pixels, pixels), _BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    if placement.points is not None:
        step = max(1, len(placement.points) // _MOST_POINTS)
        draw.point(on_paper(placement.points[::step]), fill=_POINT)
    if placement.box is not None:
        for edge in _edges(_corners(placement.box)):
            draw.line(on_paper(edge), fill=_FRAME, width=_OVERSAMPLE)
    if placement.sphere is not None:
        center, radius = np.array(placement.sphere[0]), placement.sphere[1]
        for plane in (view_axes(), np.eye(3)[:2]):
            draw.line(on_paper(center + radius * _circle(plane)), fill=_FRAME, width=_OVERSAMPLE)
    for pose, half, held_out in zip(placement.poses, placement.half_sizes, placement.held_out, strict=True):
        colour = _HELD_OUT if held_out else _TRAINING
        for line in _frustum(pose, half, _FRUSTUM * span):
            draw.line(on_paper(line), fill=colour, width=_OVERSAMPLE)
    drawing = canvas.resize((side, side), Image.Resampling.LANCZOS)
    _label(drawing, placement)
    return drawing


def view_axes() -> NDArray[np.float64]:
    """The drawing's right and up in the scene, ``[2, 3]``, both of length 1."""
    (c, s), (ce, se) = (np.cos(_AZIMUTH), np.sin(_AZIMUTH)), (np.cos(_ELEVATION), np.sin(_ELEVATION))
    return np.array([[c, s, 0.0], [-s * se, c * se, ce]])


def _circle(axes: NDArray) -> NDArray[np.float64]:
    turn = np.linspace(0, 2 * np.pi, 97)
    return np.cos(turn)[:, None] * axes[0] + np.sin(turn)[:, None] * axes[1]


def _corners(box: NDArray) -> NDArray[np.float64]:
    pick = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
    return np.take_along_axis(box, pick, axis=0).astype(np.float64)


def _edges(corners: NDArray) -> list[NDArray]:
    # Corners are numbered by three bits, and an edge changes one of them.
    return [corners[[k, k | bit]] for k in range(8) for bit in (1, 2, 4) if not k & bit]


def _frustum(pose: NDArray, half: NDArray, length: float) -> list[NDArray]:
    # A lens of 120 degrees and more would fill the drawing.
    right, up = np.minimum(half, 1.5) * length
    local = np.array([[-right, up, -length], [right, up, -length], [right, -up, -length], [-right, -up, -length]])
    corners = local @ pose[:, :3].T + pose[:, 3]
    rim = [corners[[k, (k + 1) % 4]] for k in range(4)]
    return rim + [np.stack([pose[:, 3], corner]) for corner in corners]


def _label(drawing: Image.Image, placement: Placement) -> None:
    draw, font = ImageDraw.Draw(drawing), ImageFont.load_default(size=13)
    held_out = int(placement.held_out.sum())
    lines = [(f"{len(placement.held_out) - held_out} training views", _TRAINING)]
    lines += [(f"{held_out} held-out views", _HELD_OUT)] if held_out else []
    if placement.sphere is not None:
        lines.append((f"sphere of radius {placement.sphere[1]:.3g}", _FRAME))
    elif placement.box is not None:
        lines.append(("box", _FRAME))
    for number, (text, colour) in enumerate(lines):
        draw.text((8, 6 + 17 * number), text, fill=colour, font=font)
    corner = np.array([34.0, drawing.height - 34.0])
    for (name, colour), axis in zip(_AXES, np.eye(3), strict=True):
        x, y = view_axes() @ axis
        end = corner + 24 * np.array([x, -y])
        draw.line([tuple(corner), tuple(end)], fill=colour, width=2)
        draw.text((end[0] + 2, end[1] - 7), name, fill=_INK, font=font)
