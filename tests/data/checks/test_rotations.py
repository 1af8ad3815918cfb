"""Which rotation is meant by the upper 3 x 3 of a pose."""

import numpy as np
import pytest

from s3im_methods.data.checks.rotations import rotation_fault, to_rotations


def rotations(count: int = 4) -> np.ndarray:
    turns = np.linalg.qr(np.random.default_rng(0).normal(size=(count, 3, 3)))[0]
    return turns * np.linalg.det(turns)[:, None, None]


SHEAR = np.array([[1, 0.1, 0], [0, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda turn: turn, None),
        (lambda turn: 2.5 * turn, None),
        (lambda turn: 1e-3 * turn, None),
        (lambda turn: turn * [1.0, 2.0, 0.5], None),
        (lambda turn: np.round(turn, 3), None),
        (lambda turn: -turn, "mirrored"),
        (lambda turn: turn * [1, 1, -1], "mirrored"),
        (lambda turn: -2.5 * turn, "mirrored"),
        (lambda turn: turn @ SHEAR, "sheared"),
        (lambda turn: 3 * turn @ SHEAR, "sheared"),
        # The world stretched along an axis of its own: the cameras' places are, too, and nobody knows by what.
        (lambda turn: np.diag([1.0, 1.0, 2.0]) @ turn, "sheared"),
        (lambda turn: turn * [1, 1, 0], "singular"),
        (lambda turn: 0 * turn, "singular"),
        (lambda turn: turn[:, [0, 1, 1]], "singular"),
    ],
)
def test_what_no_rotation_can_be_meant_by(change, fault):
    for turn in rotations():
        found = rotation_fault(change(turn))
        assert found is None if fault is None else f"is {fault}" in str(found)


@pytest.mark.parametrize("scale", [2.5, 1e-3, np.array([1.0, 2.0, 0.5])])
def test_scale_is_dropped_with_one_line(scale):
    meant = rotations()
    given = meant.copy()
    given[1:] *= scale
    found, lines = to_rotations(given, "'scene'")
    assert found == pytest.approx(meant, abs=1e-12)
    assert np.array_equal(found[0], meant[0])
    (line,) = lines
    factor = f"{scale:.4g}" if np.isscalar(scale) else "0.5 to 2"
    assert line.startswith(f"The rotations in 3 of 4 poses of 'scene' are scaled by {factor}: ")


def test_what_is_exact_stays_to_the_last_bit():
    given = rotations().astype(np.float32).astype(np.float64)
    found, lines = to_rotations(given, "'scene'")
    assert np.array_equal(found, given) and lines == []


@pytest.mark.parametrize("digits", [4, 3])
def test_rounding_is_mended_without_a_word(digits):
    found, lines = to_rotations(np.round(rotations(50), digits), "'scene'")
    assert lines == []
    assert np.swapaxes(found, 1, 2) @ found == pytest.approx(np.tile(np.eye(3), (50, 1, 1)), abs=1e-12)
    assert found == pytest.approx(rotations(50), abs=10.0**-digits)


def test_axes_that_are_off_by_more_than_rounding_are_mentioned():
    skewed = np.eye(3)
    skewed[0, 1] = 0.015
    found, lines = to_rotations(np.stack([np.eye(3), skewed]), "'scene'")
    assert found[1].T @ found[1] == pytest.approx(np.eye(3), abs=1e-12)
    (line,) = lines
    assert line.startswith("The axes in 1 of 2 poses of 'scene' are up to 0.86 degrees off right angles: ")
