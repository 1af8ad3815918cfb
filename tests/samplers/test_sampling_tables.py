"""Which images are refused, and that no mask is read twice."""

import pytest
import torch

from s3im_methods.errors import InputError
from s3im_methods.samplers import sampling_tables
from s3im_methods.samplers.sampling_tables import build_tables

NAMES = ["'a.png'", "'b.png'"]


def test_a_mask_without_a_valid_pixel_is_refused_by_name():
    masks = torch.ones(2, 6, 8, 1, dtype=torch.bool)
    masks[1] = False
    with pytest.raises(InputError, match=r"Image 'b\.png' has no pixel .* because its mask leaves none.*white"):
        build_tables([(6, 8)] * 2, masks, NAMES, None)


def test_a_mask_without_room_for_a_patch_is_refused_by_name():
    masks = torch.ones(2, 6, 8, 1, dtype=torch.bool)
    masks[0, ::2, ::2] = False
    sizes = [(6, 8)] * 2
    with pytest.raises(InputError, match=r"Image 'a\.png' has no room for a patch of 2 x 2 pixels.*patch-size"):
        build_tables(sizes, masks, NAMES, 2)
    assert len(build_tables(sizes, masks, NAMES, None)[1]) == 2 * 48 - 12


def test_a_patch_larger_than_an_image_is_refused_with_both_sizes():
    with pytest.raises(InputError, match=r"A patch of 8 x 8 pixels does not fit into image 'b\.png' of 9 x 7 pixels"):
        build_tables([(8, 8), (7, 9)], None, NAMES, 8)


def test_a_crop_circle_without_a_pixel_is_refused():
    with pytest.raises(InputError, match=r"Image 'a\.png' has no pixel .*the fisheye crop radius of 0\.5 pixels"):
        build_tables([(6, 8)] * 2, None, NAMES, None, crop_radius=0.5)


def test_only_the_first_bad_mask_is_reached():
    def masks():
        yield torch.zeros(4, 4, 1, dtype=torch.bool)
        pytest.fail("The second mask was read although the first is refused.")

    with pytest.raises(InputError, match=r"Image 'a\.png'"):
        build_tables([(4, 4)] * 2, masks(), NAMES, None)


def test_images_without_masks_cost_one_run_each():
    tables = build_tables([(40, 60)] * 2, None, NAMES, 8)
    assert len(tables[1]) == 2 * 40 * 60
    assert len(tables[8]) == 2 * 33 * 53
    assert tables[1].nbytes == tables[8].nbytes == 2 * 5 * 8


def test_images_of_one_size_without_masks_are_tabulated_once(monkeypatch):
    circles = []
    draw_circle = sampling_tables.crop_circle
    monkeypatch.setattr(sampling_tables, "crop_circle", lambda *args: circles.append(args) or draw_circle(*args))
    build_tables([(6, 8), (5, 5), (6, 8)], None, [*NAMES, "'c.png'"], None, crop_radius=3.0)
    assert circles == [(6, 8, 3.0), (5, 5, 3.0)]


def test_mask_and_crop_circle_are_combined():
    masks = torch.ones(1, 6, 6, 1, dtype=torch.bool)
    masks[0, :3] = False
    tables = build_tables([(6, 6)], masks, NAMES[:1], 2, crop_radius=2.3)
    members = tables[1].nth(torch.arange(len(tables[1])))[:, 1:].tolist()
    assert members == [[3, 1], [3, 2], [3, 3], [3, 4], [4, 1], [4, 2], [4, 3], [4, 4]]
    assert len(tables[2]) == 3
