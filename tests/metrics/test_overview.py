"""The overview picture."""

from dataclasses import replace

import numpy as np
import torch

from s3im_methods.metrics import overview
from s3im_methods.metrics.overview import ViewResult, depth_image, draw_overview, error_image


def view(height: int, width: int, error: float = 0.0) -> ViewResult:
    truth = torch.full((height, width, 3), 0.5)
    ones = torch.ones(height, width, 1)
    return ViewResult("a.png", truth, truth + error, depth=ones, accumulation=ones, psnr=30.0, ssim=0.9)


def test_error_image_is_dark_without_error_and_saturates():
    none, some, much = (error_image(torch.zeros(2, 2, 3), torch.full((2, 2, 3), value)) for value in (0.0, 0.1, 0.9))
    assert none.max() < 0.02
    assert none.mean() < some.mean() < much.mean()
    assert torch.equal(much, error_image(torch.zeros(2, 2, 3), torch.full((2, 2, 3), 0.25)))


def test_a_few_far_rays_leave_colours_to_the_others():
    depth = torch.linspace(1, 3, 64).view(8, 8, 1)
    alone = depth_image(depth, torch.ones(8, 8, 1))
    depth[0, 0], depth[0, 1] = 900.0, 1000.0
    found = depth_image(depth, torch.ones(8, 8, 1))
    assert torch.equal(found[0, 0], found[0, 1])
    assert (found[1:] - found[1, 0]).abs().sum(-1).max() > 0.5
    assert (alone - alone[0, 0]).abs().sum(-1).max() > 0.5
    nothing = depth_image(depth, torch.zeros(8, 8, 1))
    assert torch.equal(nothing, torch.ones(8, 8, 3))


def test_the_caption_says_what_the_mask_keeps():
    assert view(4, 4).caption == "a.png   PSNR 30.00 dB   SSIM 0.900"
    masked = replace(view(4, 4), masked_psnr=33.0)
    assert masked.caption == "a.png   PSNR 30.00 dB (where the mask keeps pixels: 33.00 dB)   SSIM 0.900"


def test_every_view_is_a_row_with_four_tiles():
    one, two = draw_overview("title", [view(40, 150)]), draw_overview("title", [view(40, 150), view(30, 150)])
    assert one.width == two.width >= 4 * 150
    assert two.height - one.height >= 30
    pixels = np.asarray(one)
    grey = (pixels == 128).all(-1)
    assert grey.sum() >= 2 * 40 * 150


def test_small_views_leave_room_for_the_text():
    assert draw_overview("a long title", [view(8, 8)]).width >= 480


def test_very_large_views_are_drawn_smaller(monkeypatch):
    """A picture too large is one that nothing opens."""
    views = [view(400, 1500), view(300, 1000)]
    monkeypatch.setattr(overview, "_MOST_PIXELS", 4 * 700 * 1500 // 4)
    found = draw_overview("title", views)
    assert found.width == 4 * (750 + 6) + 6
    assert found.height == 2 * 20 + (20 + 200 + 6) + (20 + 150 + 6) + 6
