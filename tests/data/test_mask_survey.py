"""What is said of a scene's masks, and when they are refused."""

import numpy as np
import pytest
from PIL import Image

from s3im_methods.data.mask_survey import survey_masks
from s3im_methods.errors import InputError


def masks(folder, *values):
    paths = []
    for number, array in enumerate(values):
        paths.append(folder / f"{number}.png")
        Image.fromarray(np.array(array, dtype=np.uint8)).save(paths[-1])
    return paths


def test_sound_masks_get_one_line_and_no_warning(tmp_path):
    survey = survey_masks(masks(tmp_path, [[0, 255]], [[0, 0, 0, 255]], [[255, 255]]))
    assert survey.line("foreground") == (
        "Masks of 3 images: 58.3% of the pixels are white, so foreground, from 25.0% to 100.0% in one."
    )
    assert survey.warnings() == []


def test_masks_that_are_black_inside_a_white_frame_may_be_exchanged(tmp_path):
    ring, dot = np.full((9, 9), 255), np.zeros((9, 9))
    ring[3:6, 3:6], dot[3:6, 3:6] = 0, 255
    (warning,) = survey_masks(masks(tmp_path, ring, ring, dot * 0)).exchanged()
    assert warning.startswith(
        f"2 of 3 masks are white along the border and black inside, first '{tmp_path}/0.png': white counts as the "
    )
    # The lower border is white where an object stands on it.
    standing = dot.copy()
    standing[3:, :] = 255
    for others in ([dot, dot], [dot, ring], [standing, standing], [ring * 0 + 255, dot]):
        assert survey_masks(masks(tmp_path, *others)).exchanged() == []


def test_the_same_file_counts_once(tmp_path):
    (path,) = masks(tmp_path, [[0, 255]])
    assert survey_masks([path, path]).line("trained on") == (
        "Masks of 1 image: 50.0% of the pixels are white, so trained on."
    )


def test_training_masks_without_a_white_pixel_are_refused(tmp_path):
    dark, darker, sound = masks(tmp_path, [[0, 0]], [[0, 3]], [[0, 255]])
    survey = survey_masks([dark, darker, sound])
    with pytest.raises(InputError) as error:
        survey.check([dark, darker])
    assert str(error.value) == (
        f"2 of 2 masks of the training images are dark throughout, first '{tmp_path}/0.png', so no pixel is left to "
        "learn from: the brightest pixel has 1.2% of white, and pixels count as white from half brightness on."
    )
    survey.check([dark, sound])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([[[255]], [[255]]], "None of the 2 masks has a black pixel, so they change nothing: save them with"),
        ([[[0, 255]], [[0, 0]]], "1 of 2 masks is black throughout, namely '{f}/1.png': nothing of such an image"),
        ([[[0, 140]], [[90, 255]]], "2 of 2 masks are grey in more than 3% of the pixels, first '{f}/0.png': pixels"),
        ([[[0, 1]], [[0, 255]]], "1 of 2 masks is made of two values that a viewer shows as black, namely '{f}/0"),
        ([[[0, 255]], [[[9, 9, 9, 0], [9, 9, 9, 255]]]], "1 of 2 masks is partly transparent, namely '{f}/1.png':"),
    ],
)
def test_each_doubt_gets_one_warning(tmp_path, values, sentence):
    (warning,) = survey_masks(masks(tmp_path, *values)).warnings()
    assert warning.startswith(sentence.replace("{f}", str(tmp_path)))
