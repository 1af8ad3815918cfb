"""Units that cannot be right are told by the cameras, the other views and the points, and no others."""

from pathlib import Path

import pytest

from s3im_methods.data.depth.plausibility import disagreeing_points, implausible_unit, mixed_units, unseen_points

IMAGES = [Path(f"{k}.png") for k in range(10)]


# Depth in baselines of a turntable, and of two views of a room.
@pytest.mark.parametrize("ratio", [0.27, 2.5])
@pytest.mark.parametrize(
    ("factor", "unit", "says"),
    [
        (1000, 1.0, "millimetres, for which set --pipeline.datamanager.depth.unit 0.001."),
        (100, 1.0, "centimetres, for which set --pipeline.datamanager.depth.unit 0.01."),
        (0.001, 0.001, "metres, for which set --pipeline.datamanager.depth.unit 1."),
        (5, 1 / 5000, None),
    ],
)
def test_the_likely_unit_is_named(ratio, factor, unit, says):
    warning = implausible_unit(2 * ratio * factor, 2.0, unit, "sensor")
    assert warning is None if says is None else str(warning).endswith(says)


def test_no_unit_is_guessed_over_the_users_own_or_where_none_fits():
    assert str(implausible_unit(1500, 2.0, None, "sensor")).endswith(
        "if that is wrong, set --pipeline.datamanager.depth.unit."
    )
    assert str(implausible_unit(1e9, 2.0, 1.0, "sensor")).endswith(
        "if that is wrong, set --pipeline.datamanager.depth.unit."
    )


@pytest.mark.parametrize("factor", [0.001, 0.01, 100, 1000])
def test_files_in_another_unit_are_counted_and_the_first_named(factor):
    medians = [1.0, 2.0, 4.0, 0.0, 3.0, 1.5, 2.5, 2 * factor, 3 * factor, 3.0]
    warning = str(mixed_units(medians, IMAGES))
    assert warning.startswith("In 2 of 9 views depth is")
    assert "'7.png'" in warning


def test_near_and_far_views_of_one_scene_are_no_other_unit():
    assert mixed_units([0.3 * 2.5**k for k in range(10)], IMAGES) is None
    assert mixed_units([0.0] * 10, IMAGES) is None


def test_points_tell_the_cameras_scale():
    assert str(disagreeing_points([2.5, 2.4, 9.0], 1e-3)).endswith("set --pipeline.datamanager.depth.unit 0.0004.")
    assert disagreeing_points([0.8, 1.2, 3.0], 1e-3) is None
    assert disagreeing_points([], 1e-3) is None


def test_ratios_without_a_common_factor_tell_of_wrong_poses():
    # A room whose poses have OpenCV's axes.
    warning = str(disagreeing_points([2.344, 1.809, 4.835, 3.722, 0.496, 0.701], 1e-3))
    assert "it is 0.496 times theirs in one view and 4.83 times in another, so no unit helps" in warning
    assert "has OpenCV's axes" in warning
    assert "on different scales" in str(disagreeing_points([2.5, 2.4, 2.6, 9.0, 2.4, 1.0], 1e-3))
    assert disagreeing_points([1.0, 1.1, 0.9, 1.2, 5.0, 1.0], 1e-3) is None


def test_points_that_no_view_sees_are_told():
    assert unseen_points([]) is None and unseen_points([False, True]) is None
    assert str(unseen_points([False] * 6)).startswith("None of the 6 views that were looked at sees a point of the rec")
