"""Shapes have the areas of their closed forms, outward normals and matching winding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.scenes.geometry import Surface, box, ellipsoid, quad, revolve, torus, yaw
from s3im_methods.scenes.materials import plain
from s3im_methods.scenes.rocket import rocket_surfaces
from s3im_methods.scenes.room import room_surfaces

WHITE = plain("#ffffff")


def _facing(surface: Surface) -> np.ndarray:
    """Twice the area times the geometric normal of each triangle, [T, 3]."""
    p, q, r = (surface.vertices[surface.triangles[:, i]] for i in range(3))
    return np.cross(q - p, r - p)


def _area(surfaces: list[Surface]) -> float:
    return sum(0.5 * float(np.linalg.norm(_facing(s), axis=-1).sum()) for s in surfaces)


def test_quad_places_the_textures_corner_and_looks_at_its_viewer():
    wall = quad((0, 0, 1), (2, 0, 0), (0, 0, -1), WHITE, spacing=0.5)
    top_left, bottom_right = (int(np.flatnonzero((wall.uv == uv).all(axis=1))[0]) for uv in ((0, 0), (1, 1)))
    assert wall.vertices[top_left] == pytest.approx([0, 0, 1])
    assert wall.vertices[bottom_right] == pytest.approx([2, 0, 0])
    assert np.allclose(wall.normals, [0, -1, 0])
    assert len(wall.vertices) == 5 * 3


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(-3, 3)] * 3), st.tuples(*[st.floats(0.05, 2)] * 3))
def test_box_is_closed_and_looks_outwards(low, size):
    parts = box(low, np.add(low, size), WHITE, spacing=0.5)
    a, b, c = size
    assert _area(parts) == pytest.approx(2 * (a * b + b * c + c * a))
    # Divergence theorem: a closed surface that looks outwards encloses its volume, with this sign.
    volume = sum(np.einsum("ij,ij->", s.vertices[s.triangles].mean(axis=1), _facing(s)) / 6 for s in parts)
    assert volume == pytest.approx(a * b * c, rel=1e-6, abs=1e-6)


def test_box_leaves_out_and_repaints_faces():
    red = plain("#ff0000")
    parts = box((0, 0, 0), (1, 1, 1), WHITE, {"+x": red}, skip=("-z",))
    assert len(parts) == 5
    (painted,) = [part for part in parts if part.texture[0, 0, 1] == 0]
    assert np.allclose(painted.normals, [1, 0, 0])


@pytest.mark.parametrize("smooth", [True, False])
def test_revolved_cone_has_its_closed_form_area_and_normals(smooth):
    (cone,) = revolve([(0.0, 1.0), (1.0, 0.0)], WHITE, sides=256, smooth=smooth)
    assert _area([cone]) == pytest.approx(np.pi * np.sqrt(2), rel=1e-3)
    assert np.allclose(cone.normals[:, 2], np.sqrt(0.5))


def test_reversed_profile_turns_inside_out():
    (tube,) = revolve([(1.0, 0.0), (1.0, 1.0)], WHITE, sides=16)
    assert (np.einsum("ij,ij->i", tube.vertices[:, :2], tube.normals[:, :2]) < 0).all()


def test_revolved_texture_runs_to_the_right_seen_from_outside():
    (tube,) = revolve([(1.0, 1.0), (1.0, 0.0)], WHITE, sides=64)
    front = np.flatnonzero((tube.vertices[:, 1] < -0.9) & (tube.uv[:, 1] == 0))
    assert (np.diff(tube.vertices[front[np.argsort(tube.uv[front, 0])], 0]) > 0).all()


def test_sharp_profile_gives_one_surface_per_piece():
    assert len(revolve([(0.0, 1.0), (1.0, 1.0), (1.0, 0.0)], WHITE, smooth=False)) == 2


def test_ellipsoid_and_torus_areas():
    assert _area([ellipsoid((1, 2, 3), (0.5, 0.5, 0.5), WHITE, 96)]) == pytest.approx(np.pi, rel=2e-3)
    assert _area([torus(1.0, 0.25, WHITE, 128, 64)]) == pytest.approx(4 * np.pi**2 * 0.25, rel=2e-3)


def test_ellipsoid_normals_are_the_gradient():
    radii = np.array([1.0, 0.5, 0.25])
    egg = ellipsoid((0, 0, 0), radii, WHITE, 32)
    gradient = egg.vertices / radii**2
    assert np.allclose(egg.normals, gradient / np.linalg.norm(gradient, axis=-1, keepdims=True))


def test_moving_rotates_before_it_shifts():
    wall = quad((1, 0, 1), (1, 0, 0), (0, 0, -1), WHITE, spacing=1.0).moved((3, 0, 5), yaw(90))
    assert np.allclose(wall.normals, [1, 0, 0])
    assert wall.vertices[0] == pytest.approx([3, 1, 6])


@pytest.mark.parametrize("scene", [room_surfaces, rocket_surfaces])
def test_every_surface_of_the_scenes_is_sound(scene):
    for surface in scene(1):
        facing = _facing(surface)
        assert np.allclose(np.linalg.norm(surface.normals, axis=-1), 1)
        assert (np.linalg.norm(facing, axis=-1) > 0).all()
        assert (np.einsum("ij,ij->i", facing, surface.normals[surface.triangles].sum(axis=1)) > 0).all()
        assert surface.uv.min() >= 0
        assert surface.uv.max() <= 1
