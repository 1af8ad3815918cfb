"""Pictures of a solid whose depth, normals and colours are known in closed form."""

import numpy as np
import pytest

from s3im_methods.scenes.cameras import Camera, look_at
from s3im_methods.scenes.geometry import ellipsoid, quad
from s3im_methods.scenes.materials import plain
from s3im_methods.scenes.render import Renderer
from s3im_methods.scenes.solid import Solid
from s3im_methods.scenes.texture_store import linear_to_srgb, srgb_to_linear

WHITE = plain("#ffffff")
CAMERA = Camera(look_at((0, -2, 0), (0, 0, 0)), focal=40.0, width=30, height=20)


def _wall(size=10.0, **kwargs):
    return quad((-size / 2, 0, size / 2), (size, 0, 0), (0, 0, -size), WHITE, spacing=size, **kwargs)


def _lit(surfaces, light=1.0, exposure=1.0):
    solid = Solid(surfaces)
    return Renderer(solid, np.full_like(solid.vertices, light), exposure)


def test_wall_ahead_has_constant_depth_and_its_normal():
    view = _lit([_wall()]).render(CAMERA, 2)
    assert view.depth == pytest.approx(np.full((20, 30), 2.0), abs=1e-6)
    assert np.allclose(view.normal, [0, -1, 0])
    assert (view.alpha == 255).all()


def test_slanted_wall_depth_is_that_of_the_pixel_centre():
    # Plane y = x: the ray (x, 1) t - (0, 2) meets it at t = 2 / (1 - x).
    wall = quad((-9, -9, 9), (18, 18, 0), (0, 0, -18), WHITE)
    view = _lit([wall]).render(CAMERA, 1)
    x = (np.arange(30) + 0.5 - 15) / 40
    assert np.allclose(view.depth, 2 / (1 - x), atol=1e-5)


def test_wall_seen_from_behind_shows_a_normal_towards_the_camera():
    behind = Camera(look_at((0, 2, 0), (0, 0, 0)), 40.0, 30, 20)
    assert np.allclose(_lit([_wall()]).render(behind, 1).normal, [0, 1, 0])


def test_nothing_is_zero_everywhere():
    away = Camera(look_at((0, -2, 0), (0, -4, 0)), 40.0, 30, 20)
    view = _lit([_wall()]).render(away, 2)
    assert not any(x.any() for x in (view.colour, view.alpha, view.depth, view.normal))


def test_alpha_is_the_covered_share_and_colour_is_straight():
    # The left edge of the plate runs through a quarter of pixel column 15: three quarters of it are covered.
    edge = 0.25 / 40 * 2
    plate = quad((edge, 0, 1), (1, 0, 0), (0, 0, -2), WHITE)
    view = _lit([plate]).render(CAMERA, 4)
    assert view.alpha[10, 13:18].tolist() == [0, 0, 191, 255, 255]
    assert np.ptp(view.colour[10, 15:17]) == 0


def test_tone_and_light():
    view = _lit([_wall()], light=0.7, exposure=1.6).render(CAMERA, 1)
    assert (view.colour == linear_to_srgb(np.array(1 - np.exp(-1.6 * 0.7)))).all()


def test_emission_replaces_light():
    view = _lit([_wall(emission=0.5)], light=9.0).render(CAMERA, 1)
    assert (view.colour == linear_to_srgb(np.array(1 - np.exp(-0.5)))).all()


def test_light_is_interpolated_between_vertices():
    solid = Solid([_wall(size=4.0)])
    light = np.repeat(0.25 + 0.1 * solid.vertices[:, :1], 3, axis=1)
    view = Renderer(solid, light).render(CAMERA, 1)
    x = (np.arange(30) + 0.5 - 15) / 40 * 2
    assert np.allclose(srgb_to_linear(view.colour[7, :, 0]), 1 - np.exp(-(0.25 + 0.1 * x)), atol=4e-3)


def test_supersampling_averages_in_linear_light():
    half = quad((-5, 0, 5), (5, 0, 0), (0, 0, -10), plain("#000000"))
    other = quad((0, 0, 5), (5, 0, 0), (0, 0, -10), WHITE)
    odd = Camera(CAMERA.pose, 40.0, 31, 20)
    middle = _lit([half, other], light=8.0).render(odd, 2).colour[5, 15]
    assert np.abs(middle.astype(int) - 188).max() <= 1


def test_large_images_are_rendered_in_bands(monkeypatch):
    renderer = _lit([_wall(), ellipsoid((0.1, -1, 0.1), (0.2, 0.3, 0.1), WHITE)])
    whole = renderer.render(CAMERA, 2)
    monkeypatch.setattr("s3im_methods.scenes.render._RAYS_AT_ONCE", 3 * 30 * 4)
    banded = renderer.render(CAMERA, 2)
    for name in ("colour", "alpha", "depth", "normal"):
        assert np.array_equal(getattr(whole, name), getattr(banded, name))


def test_vertex_colours_show_the_texture_near_the_vertex():
    halves = np.array([[[0] * 3, [255] * 3]], dtype=np.uint8)
    solid = Solid([quad((0, 0, 1), (1, 0, 0), (0, 0, -1), lambda _width, _height: halves, spacing=1.0)])
    colours = Renderer(solid, np.full_like(solid.vertices, 9.0)).vertex_colours()
    assert colours[:, 0].tolist() == [0 if x == 0 else 255 for x in solid.vertices[:, 0]]


def test_vertex_colours_carry_texture_and_light():
    solid = Solid([quad((0, 0, 1), (1, 0, 0), (0, 0, -1), plain("#ff0000")), _wall()])
    light = np.full_like(solid.vertices, 0.5)
    colours = Renderer(solid, light).vertex_colours()
    full = linear_to_srgb(np.array(1 - np.exp(-0.5)))
    red = np.arange(len(colours)) < len(colours) - 4
    assert (colours[red] == [full, 0, 0]).all()
    assert (colours[~red] == full).all()
