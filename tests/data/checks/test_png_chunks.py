"""One wrong byte of a PNG is found, wherever it is."""

import numpy as np
import pytest
from PIL import Image

from s3im_methods.data.checks.png_chunks import is_sound_png


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "i.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(path)
    return path


def test_sound_files(picture):
    assert is_sound_png(picture)
    picture.write_bytes(picture.read_bytes() + b"what some tools add")
    assert is_sound_png(picture)


def test_a_wrong_byte(picture):
    whole = picture.read_bytes()
    for place in (3, 10, 20, 31, 60, len(whole) // 2, len(whole) - 20, len(whole) - 1):
        picture.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        assert not is_sound_png(picture), place


def test_a_part_of_a_file(picture):
    whole = picture.read_bytes()
    for length in (0, 4, 8, 30, len(whole) // 2, len(whole) - 12, len(whole) - 2):
        picture.write_bytes(whole[:length])
        assert not is_sound_png(picture), length


def test_a_file_that_was_written_again(picture):
    assert is_sound_png(picture)
    picture.write_bytes(picture.read_bytes()[:-30])
    assert not is_sound_png(picture)
