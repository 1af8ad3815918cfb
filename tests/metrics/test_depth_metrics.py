"""Depth metrics against sums written as loops, and the picture's one scale."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.errors import InputError
from s3im_methods.metrics.depth import abs_rel, delta, rmse
from s3im_methods.metrics.depth_picture import depth_picture

DEPTHS = st.lists(
    st.tuples(st.floats(0.01, 100), st.one_of(st.sampled_from([0.0, math.nan, math.inf, -1.0]), st.floats(0.01, 100))),
    min_size=1,
    max_size=30,
)


@settings(max_examples=50, deadline=None)
@given(pixels=DEPTHS)
def test_they_are_their_definitions_on_the_known_pixels(pixels):
    predicted, target = (torch.tensor(values, dtype=torch.float64) for values in zip(*pixels, strict=True))
    known = [(d, t) for d, t in pixels if math.isfinite(t) and t > 0]
    if not known:
        assert all(metric(predicted, target).isnan() for metric in (abs_rel, rmse, delta))
        return
    count = len(known)
    assert abs_rel(predicted, target).item() == pytest.approx(sum(abs(d - t) / t for d, t in known) / count)
    assert rmse(predicted, target).item() == pytest.approx(math.sqrt(sum((d - t) ** 2 for d, t in known) / count))
    shares = [sum(max(d / t, t / d) < 1.25 * (1 + error) for d, t in known) / count for error in (-1e-12, 1e-12)]
    assert shares[0] <= delta(predicted, target).item() <= shares[1]


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(0.01, 100))
def test_only_rmse_has_a_unit(scale):
    random = torch.Generator().manual_seed(0)
    predicted, target = (0.5 + torch.rand(9, 7, 1, generator=random, dtype=torch.float64) for _ in range(2))
    for metric, factor in ((abs_rel, 1.0), (rmse, scale), (delta, 1.0)):
        scaled = metric(scale * predicted, scale * target).item()
        assert scaled == pytest.approx(factor * metric(predicted, target).item())


def test_a_rendered_depth_of_zero_is_wrong():
    assert delta(torch.zeros(3), torch.ones(3)) == 0


def test_sizes_must_agree():
    with pytest.raises(InputError, match=r"\[2, 3\] and the true one \[3, 2\]"):
        rmse(torch.ones(2, 3), torch.ones(3, 2))


def test_equal_depths_have_equal_colours_whatever_else_is_rendered():
    truth = torch.linspace(1, 3, 20).reshape(4, 5, 1)
    rendered = truth.clone()
    rendered[0, 0] = 1000.0
    picture = depth_picture(truth, rendered, torch.ones(4, 5, 1))
    left, right = picture[:, :5], picture[:, 5:]
    assert torch.equal(left[1:], right[1:])
    assert torch.equal(right[0, 0], left[-1, -1])


@pytest.mark.parametrize("missing", [0.0, float("nan"), float("inf")])
def test_what_is_not_known_is_white_and_no_part_of_the_scale(missing):
    truth = torch.linspace(1, 3, 20).reshape(4, 5, 1)
    whole = depth_picture(truth, truth, torch.ones(4, 5, 1))
    truth[1, 2] = missing
    picture = depth_picture(truth, truth.nan_to_num(posinf=9.0), torch.ones(4, 5, 1))
    assert torch.equal(picture[1, 2], torch.ones(3))
    picture[1, 2], picture[1, 7] = whole[1, 2], whole[1, 7]
    assert torch.equal(picture, whole)


def test_empty_rays_are_white():
    truth, accumulation = torch.linspace(1, 3, 20).reshape(4, 5, 1), torch.ones(4, 5, 1)
    whole = depth_picture(truth, truth, accumulation)
    accumulation[2, 1] = 0.0
    picture = depth_picture(truth, truth, accumulation)
    assert torch.equal(picture[2, 6], torch.ones(3))
    picture[2, 6] = whole[2, 6]
    assert torch.equal(picture, whole)


def test_without_any_truth_the_rendered_depth_sets_the_scale():
    rendered = torch.linspace(1, 3, 20).reshape(4, 5, 1)
    picture = depth_picture(torch.zeros(4, 5, 1), rendered, torch.ones(4, 5, 1))
    assert torch.equal(picture[:, :5], torch.ones(4, 5, 3))
    assert picture[:, 5:].std() > 0.1
