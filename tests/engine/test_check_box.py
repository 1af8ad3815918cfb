"""Cameras that look into the model's box, past it and away from it."""

import re

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras

from s3im_methods.engine.check_box import check_box, views_into
from s3im_methods.errors import InputError
from s3im_methods.method_configs import s3im_neus_facto_lite, s3im_tensorf_lite

BOX = torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])


def cameras(*places: tuple[float, float, float]) -> Cameras:
    """Cameras of 90 degrees that look along -z."""
    poses = torch.eye(4)[:3].repeat(len(places), 1, 1)
    poses[:, :, 3] = torch.tensor(places)
    return Cameras(poses, fx=8.0, fy=8.0, cx=8.0, cy=6.0, width=16, height=12)


def test_who_sees_the_box():
    inside, before, beside, behind = (0.0, 0.0, 0.0), (0.0, 0.0, 4.0), (9.0, 0.0, 0.5), (0.0, 0.0, -4.0)
    assert views_into(BOX, cameras(inside, before, beside, behind)).tolist() == [True, True, False, False]


def test_a_box_at_the_edge_of_the_image_is_seen():
    # At 4 units the image is 8 wide and 6 high; the box begins 3 units to the side.
    assert views_into(BOX, cameras((4.0, 0.0, 5.0))).tolist() == [True]


def test_no_view_is_an_error_that_names_the_box():
    with pytest.raises(
        InputError,
        match=r"None of the 2 training views sees .* \[-1.0, -1.0, -1.0\] to \[1.0, 1.0, 1.0\] in .*: turn around\.$",
    ):
        check_box(BOX, cameras((9.0, 0.0, 0.5), (0.0, 0.0, -4.0)), "turn around")


def test_some_views_are_a_warning():
    (sentence,) = check_box(BOX, cameras((0.0, 0.0, 4.0), (0.0, 0.0, -4.0)), "turn around")
    assert sentence.startswith("1 of 2 training views do not see the box")
    assert sentence.endswith("in scene units: turn around.")


def test_all_views_are_silent():
    assert check_box(BOX, cameras((0.0, 0.0, 4.0)), "turn around") == []


@pytest.mark.parametrize("method", [s3im_tensorf_lite, s3im_neus_facto_lite])
def test_what_a_method_advises_are_flags_that_it_has(method):
    model = method.config.pipeline.model
    flags = re.findall(r"--pipeline\.model\.([a-z-]+)", model._target.box_advice)
    assert flags
    assert all(hasattr(model, flag.replace("-", "_")) for flag in flags)
