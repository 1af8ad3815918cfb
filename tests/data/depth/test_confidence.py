"""Full confidence is told from the values where the type's largest cannot be meant, and said."""

import numpy as np
import pytest

from s3im_methods.data.depth.confidence import full_confidence
from s3im_methods.data.depth.depth_files import StoredMap


def stored(bits: int, *values: float) -> StoredMap:
    return StoredMap(np.array([values], dtype=np.float32), bits)


@pytest.mark.parametrize(
    ("bits", "values", "full"),
    [
        (8, (0, 1, 2), 2),
        (8, (0, 1), 1),
        (16, (0, 1, 2), 2),
        (16, (0, 9, 255), 255),
        (32, (0, 1, 2), 2),
        (32, (0, 50, 100), 100),
        (0, (0.0, 1.0, 2.0), 2),
        (0, (0.0, 37.5, 99.0), 100),
        (0, (0.0, 128.0, 251.5), 255),
    ],
)
def test_other_scales_are_told_and_said(bits, values, full):
    found, said = full_confidence([stored(bits, *values)], None)
    assert found == full
    assert f"so {full} counts as full confidence" in str(said)
    assert full_confidence([stored(bits, *values)], float(full)) == (full, None)


@pytest.mark.parametrize(
    ("bits", "values"),
    [(8, (0, 255)), (8, (0, 130)), (16, (0, 65535)), (0, (0.0, 1.0)), (0, (0.1, 0.6)), (0, (0.5, 1.02)), (1, (0, 1))],
)
def test_the_scale_of_the_type_goes_unsaid(bits, values):
    assert full_confidence([stored(bits, *values)], None) == (None, None)


@pytest.mark.parametrize(("bits", "values", "as_set"), [(8, (0, 100), None), (8, (0, 0), None), (8, (0, 2), 255.0)])
def test_confidence_that_is_low_throughout_is_said(bits, values, as_set):
    found, said = full_confidence([stored(bits, *values)], as_set)
    assert found == as_set
    assert f"is {values[1]}, and full confidence is 255" in str(said)


def test_one_high_value_anywhere_is_enough():
    assert full_confidence([stored(8, 0, 1), stored(8, 0, 250)], None) == (None, None)
    assert full_confidence([], None) == (None, None)
