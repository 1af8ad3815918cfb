"""Worse images: how much worse, the same each time, and with their alpha."""

import numpy as np
import pytest

from s3im_methods.compare.corruption import USUAL_STRENGTH, Corruption, corrupt, parse_corruption

GREY = np.full((60, 80, 3), 128, dtype=np.uint8)


def test_noise_has_its_strength():
    change = corrupt(GREY, Corruption("noise", 0.1), "1.png").astype(float) / 255 - 128 / 255
    assert np.std(change) == pytest.approx(0.1, rel=0.03)
    assert np.mean(change) == pytest.approx(0, abs=0.003)
    # Each colour of each pixel by itself.
    assert abs(np.corrcoef(change[..., 0].ravel(), change[..., 1].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(change[:-1].ravel(), change[1:].ravel())[0, 1]) < 0.05


def test_blur_is_a_gaussian_of_its_strength():
    edge = np.zeros((41, 41, 3), dtype=np.uint8)
    edge[:, 20:] = 255
    profile = corrupt(edge, Corruption("blur", 2.0), "1.png")[20, :, 0].astype(float) / 255
    # The derivative of a blurred edge is the kernel.
    kernel, places = np.diff(profile), np.arange(40)
    centre = np.sum(kernel * places)
    assert centre == pytest.approx(19, abs=0.02)
    assert np.sqrt(np.sum(kernel * (places - centre) ** 2)) == pytest.approx(2.0, rel=0.03)
    assert (corrupt(GREY, Corruption("blur", 2.0), "1.png") == 128).all()


def test_exposure_is_one_factor_per_image():
    factors = []
    for number in range(400):
        result = corrupt(GREY[:1, :1] // 2, Corruption("exposure", 0.5), f"{number}.png")
        assert (result == result[0, 0, 0]).all()
        factors.append(np.log2(result[0, 0, 0] / 64))
    assert np.std(factors) == pytest.approx(0.5, rel=0.1)
    assert np.mean(factors) == pytest.approx(0, abs=0.07)


@pytest.mark.parametrize("kind", USUAL_STRENGTH)
def test_the_same_image_becomes_the_same_and_another_another(kind):
    image = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    worse = parse_corruption(kind)
    assert (corrupt(image, worse, "a.png") == corrupt(image, worse, "a.png")).all()
    assert (corrupt(image, worse, "a.png") != image).any()
    if kind != "blur":
        assert (corrupt(image, worse, "a.png") != corrupt(image, worse, "b.png")).any()


@pytest.mark.parametrize("kind", USUAL_STRENGTH)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_alpha_stays(kind, channels):
    image = np.random.default_rng(0).integers(0, 256, (12, 16, channels), dtype=np.uint8)
    result = corrupt(image, parse_corruption(kind), "a.png")
    assert result.shape == image.shape and result.dtype == np.uint8
    assert (result[..., 0] != image[..., 0]).any()
    if channels in (2, 4):
        assert (result[..., -1] == image[..., -1]).all()
    flat = image[..., 0]
    assert corrupt(flat, parse_corruption(kind), "a.png").shape == flat.shape
