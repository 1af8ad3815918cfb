"""Means, spreads, paired differences, and what is called clear."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.compare.statistics import (
    Group,
    best,
    chance_of_clear,
    greater_is_better,
    group_by_seed,
    is_better,
    paired_difference,
    pairs,
    summarise,
    variant_name,
)

NONE, S3IM, CONTROL, PATCH, BOTH = ((("loss", name),) for name in ("none", "s3im", "control", "patch", "both"))
finite = st.floats(-1e6, 1e6)


@given(st.lists(finite, min_size=2, max_size=20))
@settings(deadline=None)
def test_a_summary_is_numpys(values):
    summary = summarise(values)
    assert summary.count == len(values)
    assert summary.mean == pytest.approx(np.mean(values), abs=1e-6)
    assert summary.std == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    assert summary.standard_error == pytest.approx(np.std(values, ddof=1) / len(values) ** 0.5, abs=1e-6)


def test_what_is_not_finite_does_not_count():
    assert summarise([1.0, math.nan, 3.0, math.inf]) == summarise([1.0, 3.0])


def test_too_few_values_have_no_spread():
    none, one = summarise([]), summarise([5.0])
    assert none.count == 0 and math.isnan(none.mean) and math.isnan(none.std) and not none.is_clear
    assert (one.count, one.mean) == (1, 5.0) and math.isnan(one.std) and not one.is_clear


@given(st.lists(st.tuples(finite, finite), min_size=2, max_size=8))
@settings(deadline=None)
def test_a_paired_difference_takes_the_mean_of_differences(rows):
    first, second = ({seed: row[side] for seed, row in enumerate(rows)} for side in (0, 1))
    there, back = paired_difference(first, second), paired_difference(second, first)
    assert there.mean == pytest.approx(np.mean([a - b for a, b in rows]), abs=1e-6)
    assert there.std == pytest.approx(np.std([a - b for a, b in rows], ddof=1), abs=1e-6)
    assert back.mean == pytest.approx(-there.mean, abs=1e-6)


def test_pairing_cancels_what_the_seeds_share():
    """Means 20, 22, 24 against 20.5, 22.4, 24.6: the seeds differ by 2, the variants always by about 0.5."""
    low, high = {0: 20.0, 1: 22.0, 2: 24.0}, {2: 24.6, 1: 22.4, 0: 20.5}
    difference = paired_difference(high, low)
    assert difference.mean == pytest.approx(0.5)
    assert difference.std == pytest.approx(0.1)
    assert difference.is_clear
    assert not paired_difference({0: 22.4, 1: 24.6, 2: 20.5}, low).is_clear


def test_only_seeds_of_both_are_paired():
    assert paired_difference({0: 3.0, 7: 9.0}, {0: 1.0, 5: 0.0}) == summarise([2.0])


def test_clear_is_more_than_two_standard_errors():
    """Of 1 + d and 1 - d the standard error is d."""
    assert summarise([1 + 0.49, 1 - 0.49]).is_clear
    assert not summarise([1 + 0.51, 1 - 0.51]).is_clear
    assert summarise([2.0, 2.0]).is_clear
    assert not summarise([0.0, 0.0]).is_clear


def test_the_chance_of_a_mark_is_what_noise_gives():
    random = np.random.default_rng(0)
    for count in (2, 3, 6):
        marked = np.mean([summarise(values).is_clear for values in random.normal(size=(4000, count))])
        assert marked == pytest.approx(chance_of_clear(count), abs=0.03)


@pytest.mark.parametrize(
    ("metric", "answer"),
    [
        ("psnr", True),
        ("f_score@0.01", True),
        ("normal_consistency", True),
        ("lpips", False),
        ("depth_abs_rel", False),
        ("depth_rmse_metres", False),
        ("chamfer_l1", False),
        ("expected_depth_delta1", True),
        ("expected_depth_rmse", False),
        ("ssimilar", None),
        ("train_seconds", None),
    ],
)
def test_which_way_a_metric_improves(metric, answer):
    assert greater_is_better(metric) is answer


def test_a_gain_depends_on_the_metric():
    falls = summarise([-1.0, -1.1])
    assert [is_better(metric, falls) for metric in ("psnr", "lpips", "mass")] == [False, True, None]


def test_the_best_is_beyond_the_noise_of_every_other():
    low, middle, high = {0: 20.0, 1: 21.0}, {0: 22.9, 1: 23.4}, {0: 23.0, 1: 24.2}
    assert best("psnr", {NONE: low, S3IM: high}) == S3IM
    assert best("lpips", {NONE: low, S3IM: high}) == NONE
    assert best("psnr", {NONE: low, CONTROL: middle, S3IM: high}) is None
    assert best("psnr", {NONE: low, CONTROL: {}, S3IM: high}) == S3IM
    assert best("psnr", {S3IM: high}) is None
    assert best("psnr", {S3IM: high, NONE: {}}) is None
    assert best("psnr", {NONE: {0: 20.0}, S3IM: {0: 24.0}}) is None
    assert best("mass", {NONE: low, S3IM: high}) is None


def test_runs_are_grouped_by_what_is_not_their_seed():
    fox, lego = Group("fox", "m", S3IM), Group("lego", "m", S3IM)
    groups = group_by_seed(
        [
            (fox, 0, {"psnr": 20, "lpips": None, "ssim": math.nan}),
            (lego, 0, {}),
            (fox, 1, {"psnr": 21.0, "lpips": 0.5, "ssim": True}),
        ]
    )
    assert groups == {fox: {"psnr": {0: 20.0, 1: 21.0}, "lpips": {1: 0.5}}, lego: {}}


def test_s3im_is_compared_with_none_control_and_real_patches():
    losses = ["none", "s3im", "control", "patch", "both"]
    found = pairs([NONE, S3IM, CONTROL, PATCH, BOTH], {"loss": losses})
    assert found == [
        *[(S3IM, NONE), (S3IM, CONTROL), (S3IM, PATCH)],
        *[(CONTROL, NONE), (PATCH, NONE)],
        *[(BOTH, NONE), (BOTH, S3IM), (BOTH, PATCH)],
    ]
    assert pairs([S3IM, CONTROL], {"loss": ["control", "s3im"]}) == [(S3IM, CONTROL)]
    # Where a later call brings none, it is the reference, but only where it was run.
    assert pairs([CONTROL, PATCH], {"loss": ["control", "patch", "none"]}) == [(PATCH, CONTROL)]
    assert pairs([S3IM, CONTROL, NONE], {"loss": ["s3im", "control", "none"]}) == [
        (S3IM, NONE),
        (S3IM, CONTROL),
        (CONTROL, NONE),
    ]
    assert pairs([S3IM], {"loss": losses}) == pairs([()], {}) == []


def test_pairs_differ_in_one_axis_only():
    axes = {"loss": ["none", "s3im"], "weight": ["1", "2", "4"]}
    variants = [(("loss", loss), ("weight", weight)) for loss in axes["loss"] for weight in axes["weight"]]
    found = pairs(variants, axes)
    for variant, reference in found:
        assert sum(a != b for a, b in zip(variant, reference, strict=True)) == 1
    assert len(found) == len(set(found)) == 3 + 4
    assert ((("loss", "s3im"), ("weight", "4")), (("loss", "s3im"), ("weight", "1"))) in found


def test_names_say_the_axis_where_the_value_does_not():
    assert variant_name((("loss", "s3im"),)) == "s3im"
    assert variant_name((("a.depth.kind", "l2"), ("b.kind", "x"))) == "a.depth.kind l2, b.kind x"
