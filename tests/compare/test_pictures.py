"""Pictures of a page: error maps, windows and sizes."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from s3im_methods.compare.pictures import MAX_WIDTH, differing_window, error_map, jpeg_uris, read_picture


def decoded(uri: str) -> Image.Image:
    kind, text = uri.split(",")
    assert kind == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(text)))


@given(st.integers(1, 120), st.integers(1, 120), st.data())
@settings(deadline=None, max_examples=50)
def test_the_window_holds_the_one_pixel_that_differs(height, width, data):
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    first = np.full((height, width, 3), 100, np.uint8)
    second = first.copy()
    second[row, column, 1] = 101
    rows, columns = differing_window([first, second, first], truth=np.zeros_like(first))
    assert rows.start <= row < rows.stop <= height and columns.start <= column < columns.stop <= width
    expected = min(width, max(16, width // 4))
    assert second[rows, columns].shape == (min(height, max(12, expected * 3 // 4)), expected, 3)


def test_no_other_window_differs_more():
    for seed in range(5):
        first, second, third = np.random.default_rng(seed).integers(0, 256, (3, 25, 40, 3)).astype(np.uint8)
        spread = np.ptp(np.stack([first, second, third]).astype(int), axis=0).sum(-1)
        found = differing_window([first, second, third])
        height, width = spread[found].shape
        windows = np.lib.stride_tricks.sliding_window_view(spread, (height, width))
        assert spread[found].sum() == windows.sum((2, 3)).max()


def test_equal_pictures_show_their_largest_error():
    truth = np.zeros((100, 100, 3), np.uint8)
    render = truth.copy()
    render[70, 30] = 200
    for pictures in ([render], [render, render]):
        rows, columns = differing_window(pictures, truth)
        assert 70 in range(rows.start, rows.stop) and 30 in range(columns.start, columns.stop)


def test_errors_are_bright_where_they_are():
    truth = np.full((8, 8, 3), 100, np.uint8)
    render = truth.copy()
    render[2, 3] = 140
    brightness = error_map(truth, render).sum(-1)
    assert np.unravel_index(brightness.argmax(), brightness.shape) == (2, 3)
    assert brightness[0, 0] < 10


def test_wide_pictures_are_made_narrow_and_small_ones_kept():
    wide, small = np.zeros((500, 1000, 3), np.uint8), np.zeros((30, 50, 3), np.uint8)
    assert [decoded(uri).size for uri in jpeg_uris([wide, small], 1e9)] == [(MAX_WIDTH, 320), (50, 30)]


def test_a_limit_makes_all_pictures_smaller_alike():
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3)).astype(np.uint8)
    flat = np.full_like(noise, 128)
    free = jpeg_uris([noise, flat], 1e9)
    limit = len(free[0]) / 4
    held = jpeg_uris([noise, flat], limit)
    assert sum(map(len, held)) <= limit
    assert len({decoded(uri).size for uri in held}) == 1
    tables = [decoded(uri).quantization for uri in held]  # type: ignore[attr-defined]
    assert tables[0] == tables[1]


def test_colours_survive():
    red = np.zeros((16, 16, 3), np.uint8)
    red[:, ::2, 0] = 255
    (uri,) = jpeg_uris([red], 1e9)
    assert np.abs(np.asarray(decoded(uri)).astype(int) - red).mean() < 4


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n broken off"])
def test_what_cannot_be_read_is_none(tmp_path, content):
    path = tmp_path / "a.png"
    if content is not None:
        path.write_bytes(content)
    assert read_picture(path) is None


def test_a_picture_file_half_written_is_none(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:4000])
    assert read_picture(path) is None
