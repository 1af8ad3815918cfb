"""What is said of a scene's depth, from its numbers."""

import pytest

from s3im_methods.data.depth.survey import DepthSurvey


def survey(median: float, baseline: float) -> DepthSurvey:
    return DepthSurvey("sensor", 8, 8, 1.0, median / 2, median, baseline, 1.0, 0, 0, ())


# Depth in baselines of a turntable, and of two views of a room.
@pytest.mark.parametrize("ratio", [0.27, 2.5])
@pytest.mark.parametrize("factor", [0.001, 0.01, 100.0, 1000.0])
def test_metres_taken_for_centimetres_or_millimetres_are_told(ratio, factor):
    (_, warning) = survey(3.0 * ratio * factor, 3.0).lines()
    assert warning == (
        f"The median depth is {3 * ratio * factor:.3g} metres, but the cameras are at most 3 metres apart: if that is "
        "wrong, set --pipeline.datamanager.depth.unit."
    )


@pytest.mark.parametrize("ratio", [0.06, 0.27, 1.0, 2.5, 18.0])
def test_depth_of_the_cameras_order_of_magnitude_is_not_remarked_on(ratio):
    assert len(survey(3.0 * ratio, 3.0).lines()) == 1


def test_cameras_in_one_place_have_no_baseline_to_compare_with():
    assert len(survey(3.0, 0.0).lines()) == 1
