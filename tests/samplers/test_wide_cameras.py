"""Fisheye crop circles and the even spread of equirectangular rows."""

import math

import pytest
import torch

from s3im_methods.errors import InputError
from s3im_methods.samplers.wide_cameras import crop_circle, rows_even_on_sphere, single_radius


@pytest.mark.parametrize(("height", "width", "radius"), [(6, 8, 2.5), (7, 5, 3.0), (4, 4, 10.0)])
def test_the_circle_holds_the_pixels_whose_centres_it_holds(height, width, radius):
    expected = [
        [math.hypot(y + 0.5 - height / 2, x + 0.5 - width / 2) <= radius for x in range(width)] for y in range(height)
    ]
    assert crop_circle(height, width, radius).tolist() == expected


def test_rows_follow_the_sphere_whatever_the_image_height():
    tall, flat, rays = 10, 4, 20_000
    heights = torch.tensor([tall, flat]).repeat(rays)
    rows = rows_even_on_sphere(heights, torch.Generator().manual_seed(2))
    for height in (tall, flat):
        counts = rows[heights == height].bincount()
        assert len(counts) == height
        edges = torch.cos(torch.arange(height + 1, dtype=torch.float64) * math.pi / height)
        expected = rays * (edges[:-1] - edges[1:]) / 2
        chi_square = ((counts - expected) ** 2 / expected).sum()
        assert abs(chi_square - (height - 1)) < 5 * (2 * (height - 1)) ** 0.5


@pytest.mark.parametrize("radius", [12, 12.0, torch.tensor(12.0), torch.full((3, 1), 12.0)])
def test_one_radius_is_understood_in_every_form(radius):
    assert single_radius(radius) == 12.0


def test_no_radius_stays_none():
    assert single_radius(None) is None


def test_different_radii_are_refused():
    with pytest.raises(InputError, match=r"different crop radii \(3 to 4 pixels\): give each image a mask"):
        single_radius(torch.tensor([[4.0], [3.0]]))
