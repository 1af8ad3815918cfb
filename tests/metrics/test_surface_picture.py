"""The picture shows what faces the viewer, nearest first, in the colours of its error."""

import numpy as np
import pytest

from s3im_methods.metrics.surface import SurfacePoints
from s3im_methods.metrics.surface_picture import ColouredSurface, draw_errors, error_colours, splat

EYE, CENTRE = np.array([0.0, -1.0, 0.0]), np.zeros(3)


def square(y: float, normal: float, side: float = 0.5) -> SurfacePoints:
    across = np.linspace(-side, side, 400)
    x, z = (axis.ravel() for axis in np.meshgrid(across, across))
    return SurfacePoints(np.stack([x, np.full_like(x, y), z], -1), np.tile([0.0, normal, 0.0], (len(x), 1)))


def painted(*squares) -> np.ndarray:
    points = SurfacePoints(*(np.concatenate([getattr(s, name) for s, _ in squares]) for name in ("points", "normals")))
    colours = np.concatenate([np.tile(np.uint8(colour), (len(s.points), 1)) for s, colour in squares])
    return splat(points, colours, EYE, CENTRE, 1.0)


def test_the_nearest_hides_the_rest():
    image = painted((square(-0.5, -1.0, 0.25), (255, 0, 0)), (square(0.5, -1.0), (0, 255, 0)))
    assert image[180, 180].tolist() == [255, 0, 0]
    assert image[180, 250].tolist() == [0, 255, 0]
    assert image[10, 10].tolist() == [250, 250, 250]


def test_what_faces_away_is_left_out():
    image = painted((square(-0.5, 1.0, 0.25), (255, 0, 0)), (square(0.5, -1.0), (0, 255, 0)))
    assert image[180, 180].tolist() == [0, 255, 0]


def test_x_runs_to_the_right_and_z_up():
    corner = square(0.0, -1.0)
    kept = (corner.points[:, 0] > 0) & (corner.points[:, 2] > 0)
    image = painted((corner.where(kept), (0, 0, 255)))
    rows, columns = np.nonzero((image == [0, 0, 255]).all(axis=-1))
    assert columns.min() >= 180
    assert rows.max() <= 180


def test_colours_run_from_blue_to_red_and_stop_there():
    none, half, all_of_it, more = error_colours(np.array([0.0, 0.5, 1.0, 9.0]), 1.0).astype(int)
    assert none[2] > none[0]
    assert half[1] > 200
    assert all_of_it[0] > all_of_it[2]
    assert more.tolist() == all_of_it.tolist()


def test_each_surface_has_its_own_colours():
    surface = square(0.0, -1.0)
    rows = [ColouredSurface("a", surface, np.full(len(surface.points), value)) for value in (0.0, 1.0)]
    image = np.asarray(draw_errors("title", rows, 1.0, "m")).astype(int)
    upper, lower = image[20 + 20 + 180, 186], image[20 + 386 + 20 + 180, 186]
    assert upper[2] > upper[0]
    assert lower[0] > lower[2]
    assert image.shape == pytest.approx((2 * 386 + 66, 3 * 366 + 6, 3))
