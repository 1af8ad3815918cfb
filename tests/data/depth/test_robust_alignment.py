"""Scale and shift are found among many wrong pixels, and refused where they cannot be told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.data.depth.robust_alignment import Alignment, AlignmentError, ConstantDepthError, align

scales = st.floats(0.05, 20)
seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=60)
@given(scale=scales, shift=st.floats(-5, 5), outliers=st.floats(0, 0.4), disparity=st.booleans(), seed=seeds)
def test_a_known_scale_and_shift_come_back_with_up_to_forty_percent_outliers(scale, shift, outliers, disparity, seed):
    generator = np.random.default_rng(seed)
    reference = generator.uniform(0.5, 8.0, 600)
    target = 1 / reference if disparity else reference
    predicted = (target - shift) / scale
    wrong = generator.random(600) < outliers
    predicted[wrong] = generator.uniform(predicted.min() - 1, predicted.max() + 1, wrong.sum())
    found = align(predicted, reference, disparity)
    assert found.scale == pytest.approx(scale, rel=1e-3)
    assert found.shift == pytest.approx(shift, abs=1e-3 * (1 + abs(shift)))
    assert found.apply(predicted[~wrong]) == pytest.approx(reference[~wrong], rel=1e-2)
    assert found.inliers >= 0.95 * (~wrong).mean()


@settings(deadline=None, max_examples=30)
@given(stretch=st.floats(0.01, 100), unit=st.floats(0.01, 100), seed=seeds)
def test_units_do_not_matter(stretch, unit, seed):
    generator = np.random.default_rng(seed)
    reference = generator.uniform(1, 5, 200)
    predicted = 2 * reference + 1 + generator.normal(0, 0.05, 200)
    plain, other = align(predicted, reference), align(predicted * stretch, reference * unit)
    assert other.scale == pytest.approx(plain.scale * unit / stretch, rel=1e-4)
    assert other.residual == pytest.approx(plain.residual, rel=1e-2, abs=1e-6)


def test_noise_is_averaged_and_reported():
    generator = np.random.default_rng(0)
    reference = generator.uniform(1, 5, 5000)
    found = align((reference - 0.3) / 2 * (1 + generator.normal(0, 0.02, 5000)), reference)
    assert found.scale == pytest.approx(2.0, rel=0.01)
    assert found.shift == pytest.approx(0.3, abs=0.02)
    assert found.residual == pytest.approx(0.6745 * 0.02, rel=0.15)
    assert found.pairs == 5000


def test_the_same_input_gives_the_same_fit():
    generator = np.random.default_rng(1)
    reference, predicted = generator.uniform(1, 5, (2, 5000))
    predicted = reference + 0.3 * predicted
    assert align(predicted, reference) == align(predicted, reference)


@pytest.mark.parametrize(
    ("predicted", "reference", "kind", "why"),
    [
        (np.full(50, 3.0), np.linspace(1, 5, 50), ConstantDepthError, "it is constant at 3"),
        (np.zeros(50), np.linspace(1, 5, 50), ConstantDepthError, "it is constant at 0"),
        (np.linspace(1, 5, 50), np.full(50, 2.0), AlignmentError, "what it is fitted to is constant at 2 metres"),
        (np.linspace(1, 5, 11), np.linspace(1, 5, 11), AlignmentError, "only 11 pixels have both values"),
        (np.linspace(5, 1, 50), np.linspace(1, 5, 50), AlignmentError, "it decreases where the reference increases"),
        (np.full(50, np.nan), np.linspace(1, 5, 50), AlignmentError, "only 0 pixels"),
    ],
)
def test_what_cannot_be_told_is_refused(predicted, reference, kind, why):
    with pytest.raises(kind, match=why):
        align(predicted, reference)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(), st.floats()), max_size=40), st.booleans())
def test_any_numbers_give_a_positive_scale_or_a_refusal(pairs, disparity):
    predicted, reference = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    with np.errstate(all="ignore"):
        try:
            found = align(predicted, reference, disparity)
        except AlignmentError:
            return
    assert found.scale > 0


def test_what_falls_behind_the_camera_or_is_not_finite_is_none():
    stored = np.array([0.0, 0.5, 2.0, np.nan, np.inf])
    depth = Alignment(2.0, -1.0, False, 0, 1.0, 0.0).apply(stored)
    assert depth.tolist() == [0, 0, 3, 0, 0]
    disparity = Alignment(2.0, -1.0, True, 0, 1.0, 0.0).apply(stored)
    assert disparity == pytest.approx([0, 0, 1 / 3, 0, 0])
