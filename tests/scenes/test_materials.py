"""Paints draw textures of the asked size in metres, from their own random numbers alone."""

import numpy as np
import pytest

from s3im_methods.scenes.materials import bricks, checks, mixed, plain, planks, rug, smooth_noise, stripes, weave, wood
from s3im_methods.scenes.prints import book_spine, eye_chart, printed, type_poster

RANDOM = {
    "wood": lambda rng: wood(rng, "#a07040"),
    "planks": lambda rng: planks(rng, "#a07040"),
    "bricks": lambda rng: bricks(rng, "#b06040", "#dddddd"),
    "weave": lambda rng: weave(rng, "#406070"),
    "rug": lambda rng: rug(rng, ("#ffffff", "#000000", "#ff0000", "#00ff00")),
    "poster": lambda rng: printed(type_poster(rng, "#000000", "#ff0000"), "#ffffff"),
}


@pytest.mark.parametrize("name", RANDOM)
def test_texture_is_a_function_of_the_generator_and_follows_the_shape(name):
    first, again, other = (RANDOM[name](np.random.default_rng(seed))(1.2, 0.6) for seed in (0, 0, 1))
    assert first.dtype == np.uint8
    assert first.shape[1] == pytest.approx(2 * first.shape[0], abs=1)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_plain_is_one_texel():
    assert plain("#123456")(3.0, 2.0).tolist() == [[[0x12, 0x34, 0x56]]]


def test_stripes_have_their_widths():
    image = stripes(("#ffffff", "#000000"), (0.02, 0.01), density=1000)(0.06, 0.1)
    assert image.shape == (1, 60, 3)
    assert (image[0, :, 0] == np.tile([255] * 20 + [0] * 10, 2)).all()
    upward = stripes(("#ffffff", "#000000"), (0.02, 0.01), upright=False, density=1000)(0.1, 0.06)
    assert np.array_equal(upward[:, 0], image[0])


def test_checks_alternate_and_close_around():
    image = checks("#ffffff", "#000000", 0.1, density=100)(0.4, 0.2)[..., 0]
    centres = image[5::10, 5::10]
    assert centres.tolist() == [[255, 0, 255, 0], [0, 255, 0, 255]]


def test_eye_chart_has_seven_lines_that_shrink():
    chart = printed(eye_chart(np.random.default_rng(0)), "#ffffff")(0.52, 0.78)
    inked = (chart[: int(0.95 * len(chart))].max(axis=-1) < 100).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inked, [0]])))
    heights = edges[1::2] - edges[0::2]
    assert len(heights) == 7
    assert (np.diff(heights) < 0).all()


def test_book_title_reads_upwards():
    spine = book_spine(np.random.default_rng(2), "#000000", "#ffffff", 0.05, 0.3)
    assert spine.shape == (150, 25, 3)
    assert spine.max() > 200


def test_mixed_and_noise():
    assert mixed("#000000", "#ff8000", 0.5) == "#804000"
    noise = smooth_noise(np.random.default_rng(0), (40, 60), (10, 10))
    assert noise.shape == (40, 60)
    assert np.abs(np.diff(noise, axis=1)).max() < 0.5 < noise.max() - noise.min()
