"""Names of COLMAP's text files are read whole."""

import inspect

import numpy as np
import pytest
from nerfstudio.data.utils import colmap_parsing_utils

from s3im_methods.compat.colmap_names import read_whole_names

TEXT = """# Image list with two lines of data per image:
#   IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME

3 1 0 0 0 0.5 0 0 1 left side/IMG 1 (copy).jpg
4.0 5.0 7 6.0 7.0 -1
4 1 0 0 0 1.5 0 0 2 plain.jpg

"""


@pytest.fixture
def stock(monkeypatch):
    read = inspect.unwrap(colmap_parsing_utils.read_images_text)
    monkeypatch.setattr(colmap_parsing_utils, "read_images_text", read)
    return read


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "images.txt"
    path.write_text(TEXT)
    return path


def test_upstream_still_reads_up_to_a_space(stock, path):
    assert [image.name for image in stock(path).values()] == ["left", "plain.jpg"]


def test_names_are_read_whole_and_the_rest_as_before(stock, path):
    read_whole_names()
    read_whole_names()
    found, before = colmap_parsing_utils.read_images_text(path), stock(path)
    assert inspect.unwrap(colmap_parsing_utils.read_images_text) is stock
    assert [found[number].name for number in (3, 4)] == ["left side/IMG 1 (copy).jpg", "plain.jpg"]
    for number, image in before.items():
        assert type(found[number]) is type(image) and found[number].camera_id == image.camera_id
        assert np.array_equal(found[number].xys, image.xys) and np.array_equal(found[number].tvec, image.tvec)


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_file(stock, path, text):
    path.write_text(text)
    read_whole_names()
    assert colmap_parsing_utils.read_images_text(path) == {}
