"""Lookups of textures: exact at texel centres, linear between them, area averages at a distance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3im_methods.scenes.texture_store import TextureStore, _mip_levels, linear_to_srgb, srgb_to_linear

NEAR, FAR = 1e-6, 1e6


def _random(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size=(*shape, 3), dtype=np.uint8)


def test_srgb_round_trip_is_exact():
    every = np.arange(256, dtype=np.uint8)
    assert (linear_to_srgb(srgb_to_linear(every)) == every).all()
    assert srgb_to_linear(np.array(188)) == pytest.approx(0.5029, abs=1e-4)


def test_texel_centres_are_exact_and_textures_do_not_mix():
    images = [_random((3, 5)), _random((4, 2), 1)]
    store = TextureStore(images, [1.0, 1.0])
    for k, image in enumerate(images):
        rows, columns = (x.ravel() for x in np.mgrid[: image.shape[0], : image.shape[1]])
        uv = np.stack([(columns + 0.5) / image.shape[1], (rows + 0.5) / image.shape[0]], -1)
        found = store.lookup(np.full(len(uv), k), uv, np.full(len(uv), NEAR))
        assert np.allclose(found, srgb_to_linear(image).reshape(-1, 3), atol=1e-6)


def test_bilinear_between_texels_and_clamped_at_edges():
    image = np.array([[[0] * 3, [255] * 3]], dtype=np.uint8)
    u = np.array([0.0, 0.25, 0.5, 0.625, 1.0])
    uv = np.stack([u, np.full(5, 0.3)], -1)
    found = TextureStore([image], [1.0]).lookup(np.zeros(5, int), uv, np.full(5, NEAR))
    assert found[:, 0] == pytest.approx([0, 0, 0.5, 0.75, 1])


def test_footprint_in_metres_picks_the_level():
    stripes = np.zeros((64, 64, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    store = TextureStore([stripes], [4.0])  # 32 texels per metre.
    uv = np.array([[0.5 / 64, 0.5]])
    near, far = (store.lookup(np.zeros(1, int), uv, np.array([f]))[0, 0] for f in (1 / 32, 1 / 16))
    assert (near, far) == pytest.approx((1.0, 0.5))


def test_shared_images_are_stored_once_but_keep_their_own_scale():
    stripes = np.zeros((8, 8, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    store = TextureStore([stripes, stripes], [1.0, 1e-4])
    assert len(store._texels) == len(TextureStore([stripes], [1.0])._texels)
    found = store.lookup(np.array([0, 1]), np.array([[0.5 / 8, 0.5]] * 2), np.array([1 / 8] * 2))
    assert found[:, 0] == pytest.approx([1.0, 0.5])
    assert store.mean[:, 0] == pytest.approx([0.5, 0.5])


@given(st.integers(1, 37), st.integers(1, 37), st.integers(0, 99))
def test_every_mip_level_keeps_the_mean(height, width, seed):
    image = srgb_to_linear(_random((height, width), seed))
    levels = _mip_levels(image)
    assert levels[-1].shape == (1, 1, 3)
    for level in levels:
        assert np.allclose(level.mean(axis=(0, 1)), image.mean(axis=(0, 1)), atol=1e-5)


def test_odd_level_keeps_places():
    ramp = np.repeat(np.arange(5, dtype=np.float32)[:, None, None], 3, axis=2)
    # Three rows of 5/3 texels each: the mean of a ramp over an interval is its value in the middle.
    assert _mip_levels(ramp)[1][1, 0, 0] == pytest.approx(2.0)
    assert _mip_levels(ramp)[1][0, 0, 0] == pytest.approx((0 * 1 + 1 * 2 / 3) / (5 / 3))


def test_far_lookup_is_the_mean():
    image = _random((7, 9))
    found = TextureStore([image], [1.0]).lookup(np.zeros(1, int), np.array([[0.1, 0.9]]), np.array([FAR]))
    assert np.allclose(found[0], srgb_to_linear(image).mean(axis=(0, 1)), atol=1e-6)
