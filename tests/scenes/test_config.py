"""Every setting of a scene that cannot be rendered is refused in one sentence that names the flag."""

import math

import pytest

from s3im_methods.errors import InputError
from s3im_methods.scenes.config import ObjectConfig, RoomConfig


def test_defaults_pass():
    RoomConfig().check()
    ObjectConfig().check()


def test_focal_length_follows_from_the_field_of_view():
    assert RoomConfig(width=200, fov=90.0).focal == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"width": 0}, "--width is 0: give 1 or more."),
        ({"height": -3}, "--height is -3: give 1 or more."),
        ({"train_views": 1}, "--train-views is 1: give 2 or more."),
        ({"test_views": 0}, "--test-views is 0: give 1 or more."),
        ({"seed": -1}, "--seed is -1: give 0 or more."),
        ({"light_samples": 0}, "--light-samples is 0: give 1 or more."),
        ({"supersampling": 0}, "--supersampling is 0: give a whole number from 1 to 8."),
        ({"supersampling": 9}, "--supersampling is 9: give a whole number from 1 to 8."),
        ({"fov": 4.9}, "--fov is 4.9 degrees: give a horizontal field of view from 5 to 150."),
        ({"fov": 180.0}, "--fov is 180 degrees: give a horizontal field of view from 5 to 150."),
        ({"fov": math.nan}, "--fov is nan degrees: give a horizontal field of view from 5 to 150."),
    ],
)
def test_refusals(setting, sentence):
    with pytest.raises(InputError) as error:
        RoomConfig(**setting).check()
    assert str(error.value) == sentence
