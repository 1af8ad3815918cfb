"""SSIM of small images is left out, and that of others is torchmetrics'."""

from types import SimpleNamespace

import pytest
import torch
from torchmetrics.functional import structural_similarity_index_measure

from s3im_methods.compat import lpips
from s3im_methods.compat.ssim import leave_out_small_images


def test_upstream_still_refuses_small_images():
    image = torch.rand(1, 3, 5, 40)
    with pytest.raises(RuntimeError, match="Padding size should be less"):
        structural_similarity_index_measure(image, image)


def test_small_images_have_none_and_one_line_says_so(monkeypatch, capsys):
    monkeypatch.setattr(lpips, "_announced", set())
    model = SimpleNamespace(ssim=structural_similarity_index_measure)
    leave_out_small_images(model)
    for size in ((5, 40), (40, 5), (1, 1)):
        assert torch.isnan(model.ssim(*torch.rand(2, 1, 3, *size)))
    assert capsys.readouterr().out.count("SSIM is left out for images of fewer than 6 pixels a side.") == 1
    images = torch.rand(2, 1, 3, 6, 7)
    first, second = images.unbind()
    assert torch.equal(model.ssim(first, second), structural_similarity_index_measure(first, second))  # type: ignore[arg-type]


def test_a_module_is_left_alone():
    module = torch.nn.Identity()
    model = SimpleNamespace(ssim=module)
    leave_out_small_images(model)
    assert model.ssim is module
    leave_out_small_images(SimpleNamespace())
