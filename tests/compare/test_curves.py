"""Curves over training: what is averaged, and what is drawn."""

from itertools import pairwise
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.compare.curves import CurveMark, average, draw_curves, series_class, ticks
from s3im_methods.compare.report_data import CurvePoint

RISING = [CurveMark(step, step / 10, 20 + step / 100, 19 + step / 100, 22 + step / 100) for step in (100, 200, 400)]


def circles(drawing: Element) -> list[tuple[float, float]]:
    return [(float(each.get("cx", "")), float(each.get("cy", ""))) for each in drawing.iter("circle")]


def test_a_step_that_one_seed_lacks_is_not_averaged():
    one = [CurvePoint(100, 18.0, 1.0), CurvePoint(200, 20.0, 2.0), CurvePoint(300, 21.0, 3.0)]
    two = [CurvePoint(200, 22.0, 4.0), CurvePoint(300, 23.0, 6.0)]
    assert average([one, two, []]) == [CurveMark(200, 3.0, 21.0, 20.0, 22.0), CurveMark(300, 4.5, 22.0, 21.0, 23.0)]


def test_seconds_are_missing_where_one_seed_lacks_them():
    assert average([[CurvePoint(5, 20.0, 1.0)], [CurvePoint(5, 22.0, None)]]) == [CurveMark(5, None, 21.0, 20.0, 22.0)]
    assert average([]) == average([[], []]) == []


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e5))
@settings(deadline=None)
def test_ticks_are_round_and_cover_the_range(low, extent):
    found = ticks(low, low + extent)
    assert 3 <= len(found) <= 10
    assert low - 1e-6 * extent <= found[0] and found[-1] <= low + extent * (1 + 1e-6)
    steps = [b - a for a, b in pairwise(found)]
    assert max(steps) - min(steps) < 1e-6 * max(1.0, extent)
    assert f"{steps[0]:.3e}"[0] in "125"


def test_points_stand_where_their_values_are():
    drawing = draw_curves("fox", [("s3im", RISING)], "step")
    places = circles(drawing)
    assert len(places) == 3
    (x1, y1), (x2, y2), (x3, y3) = places
    assert (x3 - x2) == pytest.approx(2 * (x2 - x1), abs=0.05)
    assert (y2 - y3) == pytest.approx(2 * (y1 - y2), abs=0.05) and y1 > y3  # the page's y grows downwards
    _, _, width, height = map(float, drawing.get("viewBox", "").split())
    assert all(0 < x < width and 0 < y < height for x, y in places)


def test_the_band_goes_from_least_to_greatest():
    (band,) = draw_curves("fox", [("s3im", RISING)], "step").iter("polygon")
    heights = [float(point.split(",")[1]) for point in band.get("points", "").split()]
    (line,) = draw_curves("fox", [("s3im", RISING)], "step").iter("polyline")
    means = [float(point.split(",")[1]) for point in line.get("points", "").split()]
    for upper, mean, lower in zip(heights[:3], means, reversed(heights[3:]), strict=True):
        assert (lower - mean) == pytest.approx((mean - upper) / 2, abs=0.05) and upper < mean


def test_one_seed_has_no_band():
    assert not list(draw_curves("fox", [("s3im", [CurveMark(10, 1.0, 20.0, 20.0, 20.0)])], "step").iter("polygon"))


def test_a_variant_keeps_its_colour_where_others_have_no_curve():
    drawing = draw_curves("fox", [("none", []), ("s3im", RISING)], "step")
    assert [group.get("class") for group in drawing.iter("g")] == ["s2"]
    assert len({series_class(index) for index in range(16)}) == 16


def test_the_drawing_says_what_it_is():
    drawing = draw_curves("fox, nerfacto", [("s3im", RISING)], "seconds")
    assert drawing.get("role") == "img"
    assert drawing.findtext("title") == "fox, nerfacto, PSNR over seconds of training"
    values = [circle.get("data-where") for circle in drawing.iter("circle")]
    assert values == ["10.0 s", "20.0 s", "40.0 s"]


@pytest.mark.parametrize("lines", [[], [("a", [])], [("a", [CurveMark(1, None, 20.0, 20.0, 20.0)])]])
def test_nothing_to_draw_is_said(lines):
    drawing = draw_curves("fox", lines, "seconds")
    assert (drawing.tag, drawing.text) == ("p", "No PSNR over seconds was recorded.")
