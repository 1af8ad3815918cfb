"""What is said of a scene's depth, from its numbers."""

import numpy as np
import pytest

from s3im_methods.data.depth.survey import DepthSurvey
from s3im_methods.data.depth.survey import survey as depth_survey
from s3im_methods.errors import InputError


def survey(median: float, baseline: float, source: str = "sensor") -> DepthSurvey:
    return DepthSurvey(source, 8, 8, 1.0, median / 2, median, baseline, 1.0, 0, 0, ())


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


def test_points_of_a_reconstruction_are_in_no_metres_and_have_no_unit_to_set():
    assert survey(3.0, 3.0, "sparse").lines()[0].endswith("median 3 units of the data.")
    (_, warning) = survey(3000.0, 3.0, "sparse").lines()
    assert warning == (
        "The median depth is 3e+03 units of the data, but the cameras are at most 3 units of the data apart: if that "
        "is wrong, the points are not in the coordinates of the poses."
    )
    with pytest.raises(InputError, match=r"nearest is 1.5e\+03 units of the data.*: raise --pipeline"):
        survey(3000.0, 3.0, "sparse").check(far_plane=1000.0)


def test_cameras_in_one_place_have_no_baseline_to_compare_with():
    assert len(survey(3.0, 0.0).lines()) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda pose: pose @ np.diag([1.0, -1, -1, 1]), "times in another, so no unit helps"),
        # Below the floor, and looking down.
        (lambda pose: np.column_stack([np.eye(4)[:, :3], [*pose[:2, 3], -10, 1]]), "sees a point of the"),
        (lambda pose: pose, None),
    ],
)
def test_poses_that_do_not_fit_the_points_are_told(room, change, words):
    def move(frame):
        frame["transform_matrix"] = change(np.array(frame["transform_matrix"])).tolist()

    room.each(move)
    dataset = room.dataset(source="sensor")
    said = [line for line in depth_survey(dataset.depth_maps, dataset.cameras).lines() if "point" in line]
    assert len(said) == (words is not None)
    assert words is None or words in said[0]
