"""Images of one colour, copies of others, and those that are held out and trained on."""

import io
import shutil
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from s3im_methods.data.odd_images import odd_image_warnings
from s3im_methods.errors import InputError


def noise(seed: int, high: int = 255) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, high, (24, 32, 3), dtype=np.uint8))


@pytest.fixture
def views(tmp_path):
    """Six different images, four of which are trained on."""
    names = [tmp_path / f"{k}.png" for k in range(6)]
    for k, name in enumerate(names):
        noise(k).save(name)

    def split(names: list) -> Any:
        return SimpleNamespace(image_filenames=names, cameras=SimpleNamespace(times=None))

    return split(names[:4]), split(names[4:])


def test_sound_images_are_silent(views):
    assert odd_image_warnings(*views) == []


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "webp"])
@pytest.mark.parametrize("spread", [0, 8])
def test_an_image_of_one_colour(views, tmp_path, ending, spread):
    train, evaluation = views
    name = tmp_path / f"cap.{ending}"
    noise(0, spread + 1).save(name)
    train.image_filenames[2] = name
    (line,) = odd_image_warnings(train, evaluation)
    assert line.startswith(f"1 of 4 training images is of one colour throughout, namely '{name}'")


def test_a_dark_image_that_shows_something_is_silent(views):
    train, evaluation = views
    noise(0, 12).save(train.image_filenames[2])
    assert odd_image_warnings(train, evaluation) == []


def test_images_of_one_colour_alone_are_refused(views):
    train, evaluation = views
    for k, name in enumerate(train.image_filenames):
        Image.new("RGB", (32, 24), (k, 0, 0)).save(name)
    with pytest.raises(InputError, match=r"4 of 4 training images are of one colour .*nothing is left"):
        odd_image_warnings(train, evaluation)


def test_large_photographs_are_not_decoded(views, monkeypatch):
    monkeypatch.setattr("s3im_methods.data.odd_images._FOR_HEADERS", 0)
    monkeypatch.setattr(Image.Image, "getextrema", lambda _: pytest.fail("decoded"))
    assert odd_image_warnings(*views) == []


def test_flat_pictures_are_small_enough_to_be_decoded():
    for kind in ("PNG", "JPEG", "WEBP"):
        file = io.BytesIO()
        Image.new("RGB", (1600, 1200), (40, 41, 42)).save(file, kind, quality=95)
        assert len(file.getvalue()) < 0.06 * 1600 * 1200


def test_a_copy_among_the_training_images(views, tmp_path):
    train, evaluation = views
    shutil.copy(train.image_filenames[0], train.image_filenames[3])
    assert odd_image_warnings(train, evaluation) == [
        f"1 of 6 images is byte for byte a copy of another, namely '{tmp_path}/3.png' of '{tmp_path}/0.png': one "
        "picture from two places misleads the training. Keep each image once."
    ]


def test_a_copy_that_is_held_out(views, tmp_path):
    train, evaluation = views
    shutil.copy(train.image_filenames[0], evaluation.image_filenames[1])
    (line,) = odd_image_warnings(train, evaluation)
    assert f"namely '{tmp_path}/5.png' of '{tmp_path}/0.png': what is held out was trained on" in line


def test_what_moves_may_look_the_same_twice(views):
    train, evaluation = views
    train.cameras.times = torch.linspace(0, 1, 4)[:, None]
    shutil.copy(train.image_filenames[0], evaluation.image_filenames[1])
    assert odd_image_warnings(train, evaluation) == []


def test_images_in_both_lists(views, tmp_path):
    train, evaluation = views
    evaluation.image_filenames.append(train.image_filenames[1])
    assert odd_image_warnings(train, evaluation) == [
        f"1 of 3 images for evaluation is trained on too, namely '{tmp_path}/1.png': metrics say little of new views."
    ]


def test_evaluation_on_all_that_is_trained_on(views):
    train, _ = views
    (line,) = odd_image_warnings(train, train)
    assert line.startswith("4 of 4 images for evaluation are trained on too, first ")
