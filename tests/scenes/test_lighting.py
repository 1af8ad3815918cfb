"""Light at vertices against closed forms: uniform sky, rectangle over a plane, shadow, integrating sphere."""

import numpy as np
import pytest

from s3im_methods.scenes.geometry import box, ellipsoid, quad, revolve
from s3im_methods.scenes.lighting import _cosine_directions, rectangle_light, sphere_light, vertex_light
from s3im_methods.scenes.materials import plain
from s3im_methods.scenes.solid import Solid

WHITE, GREY = plain("#ffffff"), plain("#bcbcbc")
RHO = 0.5029  # Linear albedo of #bcbcbc.


def _floor(size: float = 2.0):
    return quad((-size / 2, size / 2, 0), (size, 0, 0), (0, -size, 0), WHITE, spacing=size / 2)


def _at_origin(solid: Solid, light: np.ndarray) -> np.ndarray:
    return light[np.argmin(np.linalg.norm(solid.vertices, axis=-1))]


def test_uniform_sky_gives_its_own_radiance():
    sky = np.array([0.2, 0.5, 1.5])
    light = vertex_light(Solid([_floor()]), [], lambda d: np.broadcast_to(sky, d.shape), 16)
    assert np.allclose(light, sky, atol=1e-6)


def test_sky_is_weighted_by_the_cosine():
    # E / pi = integral of L(z) = z times z over the hemisphere / pi = 2/3.
    light = vertex_light(Solid([_floor()]), [], lambda d: np.repeat(d[:, 2:], 3, axis=1), 256)
    assert np.allclose(light, 2 / 3, atol=3e-3)


def test_rectangle_over_a_plane_matches_its_form_factor():
    a, b, height = 0.8, 0.5, 0.6
    solid = Solid([_floor()])
    lamp = rectangle_light((0, 0, height), (a, 0, 0), (0, b, 0), (3.0, 3.0, 3.0), 12)
    x, y = a / height, b / height
    factor = x / np.hypot(1, x) * np.arctan(y / np.hypot(1, x)) + y / np.hypot(1, y) * np.arctan(x / np.hypot(1, y))
    found = _at_origin(solid, vertex_light(solid, [lamp], None, 1))
    assert found == pytest.approx([3.0 * factor / (2 * np.pi)] * 3, rel=0.01)


def test_rectangle_shines_on_one_side_only():
    lamp = rectangle_light((0, 0, 0.6), (0, 0.5, 0), (0.5, 0, 0), (1.0, 1.0, 1.0), 4)
    assert vertex_light(Solid([_floor()]), [lamp], None, 1).max() == 0


def test_light_stays_finite_beside_a_lamp():
    lamp = rectangle_light((-0.01, -0.01, 5e-3), (0.02, 0, 0), (0, 0.02, 0), (5.0, 5.0, 5.0), 1)
    assert 0 < vertex_light(Solid([_floor()]), [lamp], None, 1).max() <= 5.0


def test_opaque_plate_casts_a_shadow():
    lamp = rectangle_light((-0.1, -0.1, 1.0), (0.2, 0, 0), (0, 0.2, 0), (1.0, 1.0, 1.0), 3)
    plate = box((-0.5, -0.5, 0.5), (0.5, 0.5, 0.51), plain("#000000"))
    open_floor, shaded = Solid([_floor()]), Solid([_floor(), *plate])
    assert _at_origin(open_floor, vertex_light(open_floor, [lamp], None, 1)).min() > 0
    assert _at_origin(shaded, vertex_light(shaded, [lamp], None, 1)).max() == 0


@pytest.mark.parametrize("bounces", [0, 1, 3])
def test_integrating_sphere(bounces):
    angle = np.linspace(np.pi, 0, 49)
    shell = revolve(np.stack([np.sin(angle).clip(0), np.cos(angle)], -1), GREY, sides=96)
    light = vertex_light(Solid(shell), [sphere_light((0, 0, 0), 0.1, (1.0, 1.0, 1.0), 32)], None, 64, bounces)
    direct = 0.1**2
    expected = direct * sum(RHO**k for k in range(bounces + 1))
    assert np.allclose(light, expected, rtol=0.05)
    assert light.mean() == pytest.approx(expected, rel=0.02)


def test_glowing_surfaces_pass_no_light_on():
    lamp = ellipsoid((0, 0, 1), (0.5, 0.5, 0.5), WHITE, emission=4.0)
    above = sphere_light((0, 0, 3), 0.5, (9.0, 9.0, 9.0), 16)
    solid = Solid([_floor(), lamp])
    first, bounced = (vertex_light(solid, [above], None, 64, bounces)[:9] for bounces in (0, 3))
    assert np.array_equal(first, bounced)


def test_directions_are_unit_and_in_front():
    normals = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    normals = np.concatenate([normals / np.linalg.norm(normals, axis=-1, keepdims=True), [[0, 0, -1]]]).astype("f4")
    directions = _cosine_directions(normals, 32)
    assert np.allclose(np.linalg.norm(directions, axis=-1), 1, atol=1e-5)
    cosine = np.einsum("vsj,vj->vs", directions, normals)
    assert (cosine > 0).all()
    assert cosine.mean() == pytest.approx(2 / 3, abs=0.01)
