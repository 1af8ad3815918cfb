"""Means over areas: of whole pixels, of shares of pixels, and of colours by their alpha."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.data.area_average import area_average


def test_whole_pixels_are_averaged_as_blocks():
    image = torch.rand(8, 12, 3, generator=torch.Generator().manual_seed(0))
    blocks = image.view(4, 2, 3, 4, 3).mean(dim=(1, 3))
    torch.testing.assert_close(area_average(image, (4, 3)), blocks)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 17), st.integers(1, 17), st.data())
def test_the_mean_of_an_image_stays_and_so_does_one_colour(height, width, data):
    size = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    image = torch.rand(height, width, 1, dtype=torch.float32)
    smaller = area_average(image, size)
    assert smaller.shape == (*size, 1)
    assert smaller.mean().item() == pytest.approx(image.mean().item(), rel=1e-4)
    torch.testing.assert_close(area_average(torch.full((height, width, 4), 0.3), size), torch.full((*size, 4), 0.3))


def test_colours_under_transparency_leave_no_trace():
    image = torch.tensor([[[0.2, 0.4, 0.6, 1.0], [9.0, 9.0, 9.0, 0.0]]])
    torch.testing.assert_close(area_average(image, (1, 1)), torch.tensor([[[0.2, 0.4, 0.6, 0.5]]]))
    assert torch.equal(area_average(torch.zeros(2, 2, 4), (1, 1)), torch.zeros(1, 1, 4))


def test_bytes_are_rounded_to_the_nearest():
    image = torch.tensor([[[0], [1], [1]]], dtype=torch.uint8)
    found = area_average(image, (1, 1))
    assert found.dtype == torch.uint8 and found.item() == 1
