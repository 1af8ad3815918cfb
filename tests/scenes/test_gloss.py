"""A clear coat on a ball and a wall, against closed forms; without it nothing changes."""

import numpy as np
import pytest

from s3im_methods.scenes.cameras import Camera, look_at
from s3im_methods.scenes.config import ObjectConfig
from s3im_methods.scenes.geometry import ellipsoid, quad
from s3im_methods.scenes.gloss import schlick, studio
from s3im_methods.scenes.materials import plain
from s3im_methods.scenes.render import Renderer
from s3im_methods.scenes.solid import Solid
from s3im_methods.scenes.texture_store import linear_to_srgb

BLACK = plain("#000000")


def coated(surfaces, surroundings) -> Renderer:
    solid = Solid(surfaces)
    return Renderer(solid, np.ones_like(solid.vertices), 1.0, surroundings)


def test_a_wall_shows_what_lies_behind_the_camera():
    camera = Camera(look_at((0, -2, 0), (0, 0, 0)), focal=40.0, width=31, height=21)
    wall = quad((-5, 0, 5), (10, 0, 0), (0, 0, -10), BLACK)
    view = coated([wall], lambda directions: 3 * np.abs(directions)).render(camera, 1)
    x, z = (np.arange(31) + 0.5 - 15.5) / 40, -(np.arange(21) + 0.5 - 10.5) / 40
    towards = np.stack(np.broadcast_arrays(x[None], -1.0, z[:, None]), axis=-1)
    towards = towards / np.linalg.norm(towards, axis=-1, keepdims=True)
    share = schlick(-towards[..., 1:2])
    expected = linear_to_srgb(1 - np.exp(-share * 3 * np.abs(towards)))
    assert np.abs(view.colour.astype(int) - expected).max() <= 1


def test_a_balls_coat_follows_the_camera():
    ball = ellipsoid((0, 0, 0), (0.3, 0.3, 0.3), BLACK, sides=96)
    renderer = coated([ball], lambda directions: np.where(directions[:, 2:] > 0.9, 5.0, 0.0) * np.ones(3))
    # The lamp overhead is seen where the normal halves the angle to it: nearer to the camera than the lamp.
    brightest = []
    for height in (0.0, 1.5):
        view = renderer.render(Camera(look_at((0, -2, height), (0, 0, 0)), 60.0, 41, 41), 1)
        brightest.append(np.argwhere(view.colour[..., 0] == view.colour.max())[:, 0].mean())
    assert brightest[0] < 20 and brightest[1] > brightest[0]


def test_the_share_grows_from_straight_on_to_grazing_and_the_studio_has_panes():
    shares = schlick(np.linspace(1, 0, 20))
    assert shares[0] == pytest.approx(0.08) and shares[-1] == 1 and (np.diff(shares) >= 0).all()
    random = np.random.default_rng(0).normal(size=(5000, 3))
    light = studio(random / np.linalg.norm(random, axis=-1, keepdims=True))
    assert (light >= 0).all() and light.max() > 3 and 0.02 < (light.max(axis=-1) > 2).mean() < 0.2


def test_a_rocket_is_not_glossy_unless_asked():
    assert ObjectConfig().glossy is False
