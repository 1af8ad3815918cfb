"""Masks of every kind of file: what a viewer shows brighter than half is on."""

import numpy as np
import pytest
from PIL import Image

from s3im_methods.compat.masks import mask_tensor
from s3im_methods.data.masks import load_mask, read_mask
from s3im_methods.errors import InputError

SHAPE = np.array([[0, 1, 1], [0, 0, 1]], dtype=np.uint8)


def saved(path, image: Image.Image | np.ndarray, **options):
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, **options)
    return path


def in_palette(colours: list[int]) -> Image.Image:
    image = Image.fromarray(SHAPE, mode="P")
    image.putpalette(colours)
    return image


def with_alpha(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return np.dstack([np.broadcast_to(colour, (*SHAPE.shape, 3)), alpha]).astype(np.uint8)


def noisy_photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*SHAPE.shape, 3))


KINDS = {
    "grey": SHAPE * 255,
    "just above half": SHAPE * 128 + (1 - SHAPE) * 127,
    "numbers 0 and 1": SHAPE,
    "1 bit": SHAPE.astype(bool),
    "16 bits": SHAPE.astype(np.uint16) * 65535,
    "16 bits, just above half": SHAPE.astype(np.uint16) * 32768 + (1 - SHAPE).astype(np.uint16) * 32767,
    "16 bits, numbers 0 and 1": SHAPE.astype(np.uint16),
    "16 bits, numbers 0 and 255": SHAPE.astype(np.uint16) * 255,
    "colour": np.dstack([SHAPE * 255] * 3),
    "green on red": np.dstack([(1 - SHAPE) * 255, SHAPE * 255, SHAPE * 0]),
    "yellow on blue": np.dstack([SHAPE * 255, SHAPE * 255, (1 - SHAPE) * 255]),
    "palette, black is 1": Image.fromarray(1 - SHAPE, mode="P"),
    "white on transparent": with_alpha(np.array(255, np.uint8), SHAPE * 255),
    "black on transparent": with_alpha(np.array(0, np.uint8), SHAPE * 255),
    "a photo, cut out": with_alpha(noisy_photo(), SHAPE * 255),
    "black and white, half transparent": with_alpha((SHAPE * 255)[..., None], SHAPE * 0 + 200),
    "grey and alpha": Image.fromarray(SHAPE * 255).convert("LA"),
}
KINDS["palette, black is 1"].putpalette([255, 255, 255, 0, 0, 0])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_bright_is_on(tmp_path, kind):
    path = saved(tmp_path / "mask.png", KINDS[kind])
    assert read_mask(path).tolist() == SHAPE.astype(bool).tolist()
    assert mask_tensor(path)[..., 0].tolist() == SHAPE.astype(bool).tolist()


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (SHAPE.astype(np.float32), "m.tif"),
        (SHAPE * np.float32(0.51) + np.float32(0.25) * (1 - SHAPE), "m.tif"),
        (SHAPE * np.float32(200) + np.float32(1), "m.tif"),
        (np.where(SHAPE, 1, np.nan).astype(np.float32), "m.tif"),
        (SHAPE.astype(np.int32) * 65535, "m.tif"),
        (np.dstack([SHAPE * 255] * 3), "m.webp"),
    ],
)
def test_other_formats(tmp_path, values, name):
    options = {"lossless": True} if name.endswith("webp") else {}
    path = saved(tmp_path / name, values, **options)
    assert read_mask(path).tolist() == SHAPE.astype(bool).tolist()


@pytest.mark.parametrize(
    "values",
    [
        SHAPE.astype(bool),
        SHAPE,
        SHAPE * 255,
        SHAPE.astype(np.float64)[None],
        SHAPE.astype(np.float32)[..., None] * 200 + 1,
        SHAPE.astype(np.int64),
        SHAPE.astype(np.int64) * 255,
        SHAPE.astype(np.uint16) * 40000,
    ],
)
def test_arrays(tmp_path, values):
    np.save(tmp_path / "m.npy", values)
    assert read_mask(tmp_path / "m.npy").tolist() == SHAPE.astype(bool).tolist()


@pytest.mark.parametrize("values", [np.zeros((2, 3, 3)), np.zeros(3), np.array([["a"]])])
def test_arrays_that_are_no_masks(tmp_path, values):
    np.save(tmp_path / "m.npy", values)
    with pytest.raises(InputError, match="cannot be read"):
        read_mask(tmp_path / "m.npy")


def test_cmyk(tmp_path):
    path = saved(tmp_path / "m.tif", Image.fromarray(np.dstack([SHAPE * 255] * 3)).convert("CMYK"))
    assert read_mask(path).tolist() == SHAPE.astype(bool).tolist()


def test_what_jpeg_leaves_in_black_is_off(tmp_path):
    values = np.zeros((40, 40), dtype=np.uint8)
    values[7:25, 9:30] = 255
    path = saved(tmp_path / "m.jpg", values, quality=60)
    stored = np.array(Image.open(path))
    assert ((stored > 0) & (values == 0)).any() and read_mask(path).tolist() == (values > 0).tolist()


def test_what_jpeg_leaves_is_no_number(tmp_path):
    path = saved(tmp_path / "m.jpg", np.kron(SHAPE, np.ones((8, 8), dtype=np.uint8)), quality=100)
    assert np.array(Image.open(path)).max() == 1 and not read_mask(path).any()


@pytest.mark.parametrize("values", [SHAPE * 3, SHAPE * 100, np.dstack([SHAPE * 128, SHAPE * 0, SHAPE * 0])])
def test_what_a_viewer_shows_dark_is_off(tmp_path, values):
    assert not read_mask(saved(tmp_path / "m.png", values)).any()


def test_opaque_black_and_white_with_a_transparent_border(tmp_path):
    alpha = np.array([[255, 255, 0], [255, 255, 255]])
    path = saved(tmp_path / "m.png", with_alpha((SHAPE * 255)[..., None], alpha))
    mask, facts = load_mask(path)
    assert mask.tolist() == [[False, True, False], [False, False, True]] and facts.by == "brightness"


def test_a_palettes_transparent_colour_is_off(tmp_path):
    path = saved(tmp_path / "m.png", in_palette([255, 255, 255, 255, 255, 255]), transparency=0)
    mask, facts = load_mask(path)
    assert mask.tolist() == SHAPE.astype(bool).tolist() and facts.by == "opacity"


def test_facts(tmp_path):
    facts = load_mask(saved(tmp_path / "m.png", np.array([[0, 0, 128, 255]], dtype=np.uint8)))[1]
    assert (facts.share, facts.brightest, facts.grey, facts.by) == (0.5, 1.0, 0.25, "brightness")
    assert load_mask(saved(tmp_path / "n.png", SHAPE))[1].by == "numbers"


def test_resizing_neither_makes_nor_loses_pixels(tmp_path):
    path = saved(tmp_path / "m.png", SHAPE * 255)
    assert read_mask(path, (4, 6)).tolist() == np.kron(SHAPE, np.ones((2, 2))).astype(bool).tolist()
    large = saved(tmp_path / "n.png", np.kron(SHAPE, np.ones((5, 5), dtype=np.uint8)) * 255)
    assert read_mask(large, (2, 3)).tolist() == SHAPE.astype(bool).tolist()
    with pytest.raises(InputError, match=r"n.png' has 15 x 10 pixels"):
        read_mask(large, (10, 10))


def test_unreadable_mask(tmp_path):
    (tmp_path / "mask.png").write_bytes(b"none")
    with pytest.raises(InputError, match=r"The mask '.*mask.png' cannot be read: copy"):
        read_mask(tmp_path / "mask.png", (2, 3))
    with pytest.raises(InputError, match="cannot be read"):
        read_mask(tmp_path / "gone.png", (2, 3))
