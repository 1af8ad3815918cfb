"""Alpha from images and masks."""

import numpy as np
from PIL import Image

from s3im_methods.data.foreground import add_alpha, any_transparent


def saved(path, values):
    Image.fromarray(values).save(path)
    return path


def test_any_transparent_pixel_of_any_image_counts(tmp_path):
    opaque = np.full((4, 5, 4), 255, dtype=np.uint8)
    clear = opaque.copy()
    clear[2, 3, 3] = 254
    plain = saved(tmp_path / "plain.png", opaque[..., :3])
    whole = saved(tmp_path / "whole.png", opaque)
    assert not any_transparent([plain, whole, tmp_path / "gone.png"])
    assert any_transparent([plain, whole, saved(tmp_path / "clear.png", clear)])


def test_alpha_is_the_product(tmp_path):
    image = np.arange(2 * 2 * 4, dtype=np.uint8).reshape(2, 2, 4)
    mask = np.array([[True, False], [False, True]])
    assert add_alpha(image, None).tolist() == image.tolist()
    assert add_alpha(image, mask)[..., 3].tolist() == [[3, 0], [0, 15]]
    assert add_alpha(image[..., :3], mask)[..., 3].tolist() == [[255, 0], [0, 255]]
    assert add_alpha(image[..., :3], None)[..., :3].tolist() == image[..., :3].tolist()
