"""Depth takes the image's size without new values, and another aspect is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3im_methods.data.depth.fit_size import fit_size
from s3im_methods.errors import InputError


@given(height=st.integers(1, 12), width=st.integers(1, 12), factor=st.integers(1, 5))
def test_enlarging_repeats_and_shrinking_again_gives_back(height, width, factor):
    stored = np.arange(height * width).reshape(height, width)
    large = fit_size(stored, (height * factor, width * factor), "d", "i")
    assert np.array_equal(large, np.kron(stored, np.ones((factor, factor))))
    assert np.array_equal(fit_size(large, (height, width), "d", "i"), stored)


@given(width=st.integers(60, 2000), height=st.integers(60, 2000), factor=st.integers(1, 8))
def test_rounding_to_whole_pixels_is_no_other_aspect(width, height, factor):
    size = (height // factor, width // factor)
    assert fit_size(np.zeros((height, width)), size, "d", "i").shape == size


def test_the_pixel_under_the_centre_is_taken():
    assert fit_size(np.arange(6)[None], (1, 6), "d", "i").tolist() == [[0, 1, 2, 3, 4, 5]]
    assert fit_size(np.arange(9).reshape(3, 3), (1, 1), "d", "i").tolist() == [[4]]


def test_another_aspect_is_refused_with_both_sizes():
    with pytest.raises(InputError) as refusal:
        fit_size(np.zeros((480, 640)), (480, 720), "'a.png'", "'b.jpg'")
    assert str(refusal.value) == (
        "The depth map 'a.png' has 640 x 480 pixels, but its image 'b.jpg' has 720 x 480: "
        "give one that shows the whole image."
    )
