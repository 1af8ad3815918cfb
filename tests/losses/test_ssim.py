"""Windows and SSIM of windows, against loops over the definition."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.losses.ssim import C1, C2, dissimilarity, gaussian_window, image_windows

CPU = torch.device("cpu")


def definition(x: list[float], y: list[float], weights: list[float]) -> float:
    """1 - SSIM of one window in the usual form, with the covariance."""
    mean_x = sum(w * a for w, a in zip(weights, x, strict=True))
    mean_y = sum(w * b for w, b in zip(weights, y, strict=True))
    variance_x = sum(w * (a - mean_x) ** 2 for w, a in zip(weights, x, strict=True))
    variance_y = sum(w * (b - mean_y) ** 2 for w, b in zip(weights, y, strict=True))
    covariance = sum(w * (a - mean_x) * (b - mean_y) for w, a, b in zip(weights, x, y, strict=True))
    luminance = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
    return 1 - luminance * (2 * covariance + 0.03**2) / (variance_x + variance_y + 0.03**2)


def test_window_of_size_4_is_that_of_the_reference_module():
    window = gaussian_window(4, torch.float64, CPU).view(4, 4)
    expected = torch.tensor([0.1365, 0.2658, 0.3319, 0.2658], dtype=torch.float64)
    torch.testing.assert_close(window.sum(0), expected, atol=5e-5, rtol=0)
    torch.testing.assert_close(window, window.sum(1)[:, None] * window.sum(0))
    assert (window**2).sum().item() == pytest.approx(0.07296, abs=5e-6)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_window_is_centred_on_half_its_size_and_sums_to_one(size):
    window = gaussian_window(size, torch.float64, CPU).view(size, size)
    assert window.sum().item() == pytest.approx(1)
    assert window.argmax().item() == size // 2 * size + size // 2
    if size > 1:
        neighbour = window[size // 2, size // 2 - 1] / window.max()
        assert neighbour.item() == pytest.approx(math.exp(-1 / (2 * 1.5**2)))


@given(
    x=st.lists(st.floats(-2, 2), min_size=4, max_size=4),
    y=st.lists(st.floats(-2, 2), min_size=4, max_size=4),
    raw=st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
)
def test_dissimilarity_equals_the_definition(x, y, raw):
    weights = [value / sum(raw) for value in raw]
    a, b, window = (torch.tensor(values, dtype=torch.float64) for values in (x, y, weights))
    result = dissimilarity(a, b, window)
    assert result.item() == pytest.approx(definition(x, y, weights), abs=1e-9)
    assert -1e-12 <= result.item() < 2


@given(vf=st.floats(0.001, 0.1), vn=st.floats(0.0, 0.1), scale=st.floats(0.5, 2.0))
def test_only_with_held_denominators_the_best_contrast_is_that_of_what_can_be_fitted(vf, vn, scale):
    # The four pixels of a window: what can be fitted and what cannot have mean 0 and no covariance.
    fit = vf**0.5 * torch.tensor([1.0, 1.0, -1.0, -1.0], dtype=torch.float64)
    y = 0.5 + fit + vn**0.5 * torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
    weights = torch.full((4,), 0.25, dtype=torch.float64)

    def slope(contrast: float, held: bool) -> float:
        factor = torch.tensor(contrast, dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(dissimilarity(0.5 + factor * fit, y, weights, held), factor)[0].item()

    # By hand, d/da of ((a - 1)^2 vf + vn) / (a^2 vf + vf + vn + C2) is zero where a^2 vf + a C2 = vf + vn + C2.
    exaggerated = (-C2 + (C2**2 + 4 * vf * (vf + vn + C2)) ** 0.5) / (2 * vf)
    assert slope(exaggerated, held=False) == pytest.approx(0, abs=1e-9)
    assert slope(1.0, held=True) == pytest.approx(0, abs=1e-12)
    # Held, it is the error's own slope, by the denominator of this contrast.
    below = vf * scale**2 + vf + vn + C2
    assert slope(scale, held=True) == pytest.approx(2 * (scale - 1) * vf / below, rel=1e-9, abs=1e-12)


@given(seed=st.integers(0, 99))
def test_held_denominators_change_no_value(seed):
    x, y = torch.rand(2, 50, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    weights = gaussian_window(3, torch.float64, CPU)
    assert torch.equal(dissimilarity(x, y, weights, held=True), dissimilarity(x, y, weights))


@pytest.mark.parametrize(("mean", "offset"), [(0.5, 0.1), (0.02, 0.3), (0.0, 0.5), (0.9, -0.4)])
def test_a_constant_offset_counts_by_the_luminance_alone(mean, offset):
    y = mean + 0.1 * torch.randn(100, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = gaussian_window(4, torch.float64, CPU)
    y = y - (y * weights).sum(-1, keepdim=True) + mean
    expected = offset**2 / (mean**2 + (mean + offset) ** 2 + C1)
    torch.testing.assert_close(dissimilarity(y + offset, y, weights), torch.full((100,), expected, dtype=torch.float64))


def test_opposite_contrast_is_the_worst():
    x = torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    result = dissimilarity(x, 1 - x, torch.full((4,), 0.25, dtype=torch.float64))
    assert result.item() == pytest.approx(1 + (0.5 - C2) / (0.5 + C2))


def test_float32_keeps_the_digits_of_a_small_contrast_on_a_bright_ground():
    noise = torch.randn(2, 50, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x, y = (100 + 0.03 * noise).float()
    weights = gaussian_window(4, torch.float64, CPU)
    exact = dissimilarity(x.double(), y.double(), weights)
    torch.testing.assert_close(dissimilarity(x, y, weights.float()).double(), exact, atol=1e-3, rtol=0)


@settings(deadline=None)
@given(height=st.integers(1, 9), width=st.integers(1, 9), kernel=st.integers(1, 4), stride=st.integers(1, 5))
def test_image_windows_against_loops(height, width, kernel, stride):
    images = torch.rand(2, height, width, 3, generator=torch.Generator().manual_seed(0))
    windows = image_windows(images, kernel, stride)
    rows, columns = (len(range(0, size - kernel + 1, stride)) for size in (height, width))
    if rows and columns:
        assert windows.shape == (2, 3, rows, columns, kernel**2)
    assert windows.numel() == 2 * 3 * rows * columns * kernel**2
    for row in range(rows if columns else 0):
        for column in range(columns):
            top, left = row * stride, column * stride
            expected = images[:, top : top + kernel, left : left + kernel].reshape(2, kernel**2, 3)
            assert torch.equal(windows[:, :, row, column], expected.transpose(1, 2))


def test_a_window_that_was_first_made_in_inference_can_be_trained_with():
    with torch.inference_mode():
        gaussian_window(7, torch.float64, CPU)
    weights = gaussian_window(7, torch.float64, CPU)
    (torch.ones(49, dtype=torch.float64, requires_grad=True) * weights).sum().backward()
