"""Colours that a viewer shows otherwise than training sees them."""

import cv2
import numpy as np
import pytest
from PIL import Image

from s3im_methods.data.misread_colours import misread_colour_warnings


def save(path, mode="RGB", **settings):
    """A picture of noise, with one pixel in black."""
    pixels = np.random.default_rng(0).integers(1, 256, (6, 8, 3), dtype=np.uint8)
    pixels[2, 3] = 0
    Image.fromarray(pixels).convert(mode).save(path, **settings)
    return path


@pytest.mark.parametrize(("mode", "black"), [("RGB", (0, 0, 0)), ("L", 0)])
def test_a_transparent_colour(tmp_path, mode, black):
    images = [save(tmp_path / "0.png", mode), save(tmp_path / "1.png", mode, transparency=black)]
    assert misread_colour_warnings(images) == [
        f"1 of 2 images has a transparent colour (tRNS), for instance '{tmp_path}/1.png'. Training treats it as "
        "opaque: save such images as RGBA."
    ]


def test_a_transparent_colour_that_no_pixel_has(tmp_path):
    assert misread_colour_warnings([save(tmp_path / "0.png", transparency=(0, 0, 1))]) == []


def test_what_is_no_image_or_gone_says_nothing(tmp_path):
    (tmp_path / "0.png").write_text("nothing")
    assert misread_colour_warnings([tmp_path / "0.png", tmp_path / "gone.png"]) == []


def save_deep(path, white, channels=3):
    """A picture of 16 bits, with noise up to a number and an opaque alpha."""
    pixels = np.random.default_rng(0).integers(0, white + 1, (12, 16, channels), dtype=np.uint16)
    pixels[0, 0], pixels[..., 3:] = white, 65535
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize("name", ["0.png", "0.tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_twelve_bits_in_sixteen(tmp_path, name, channels):
    images = [save_deep(tmp_path / name, 4095, channels), save(tmp_path / "1.png")]
    assert misread_colour_warnings(images) == [
        f"16-bit images such as '{tmp_path}/{name}' are almost black: no pixel exceeds 6% of white in the 1 of 1 that "
        "were looked at. If they hold values of 12 bits, scale these to 65535, or save them as 8-bit RGB."
    ]


def test_sixteen_bits_that_are_used_and_dark_images_of_eight_are_silent(tmp_path):
    dark = Image.new("RGB", (8, 6), (9, 8, 7))
    dark.save(tmp_path / "dark.png")
    images = [save_deep(tmp_path / f"{k}.png", 65535 if k == 5 else 4095) for k in range(6)]
    assert misread_colour_warnings([*images, tmp_path / "dark.png"]) == []
