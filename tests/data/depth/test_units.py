"""The unit of stored depth: who says it, in which order, and what is left of contradictions."""

import pytest

from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth.units import unit_of
from s3im_methods.errors import InputError

NOTHING = DepthSourceConfig()


def test_the_defaults():
    unit = unit_of(NOTHING, 1e-3, {})
    assert (unit.whole, unit.floating, unit.source, unit.is_distance, unit.remarks) == (1e-3, 1.0, "", False, ())


@pytest.mark.parametrize(
    ("said", "whole", "floating"),
    [
        ({"depth_unit_scale_factor": 0.01}, 0.01, 0.01),
        ({"integer_depth_scale": 0.0002}, 0.0002, 1.0),
        ({"depth_scale": 5000}, 1 / 5000, 1.0),
        ({"png_depth_scale": 6553.5}, 1 / 6553.5, 1.0),
        ({"depth_scale": 0.002}, 0.002, 1.0),
        ({"depth_unit": "millimetre, z-depth"}, 1e-3, 1e-3),
        ({"depth_unit": "millimeters"}, 1e-3, 1e-3),
        ({"depth_unit": "mm"}, 1e-3, 1e-3),
        ({"depth_unit": "cm"}, 1e-2, 1e-2),
        ({"depth_units": "Metres"}, 1.0, 1.0),
        ({"depth_unit": "m"}, 1.0, 1.0),
        ({"depth_unit": "1/1000 world unit, z-depth, 0 = background"}, 1e-3, 1e-3),
        ({"depth_unit": 0.005}, 0.005, 0.005),
        ({"depth_unit": "0.005"}, 0.005, 0.005),
    ],
)
def test_what_the_file_says(said, whole, floating):
    unit = unit_of(NOTHING, 1e-3, said)
    assert (unit.whole, unit.floating) == pytest.approx((whole, floating))
    assert next(iter(said)) in unit.source


def test_the_setting_beats_the_flag_and_the_flag_beats_the_file():
    said = {"depth_unit_scale_factor": 0.01}
    flag = unit_of(NOTHING, 0.02, said)
    assert (flag.whole, flag.floating, flag.by_user) == (0.02, 0.02, False)
    assert flag.remarks == (
        "depth_unit_scale_factor of the scene means 0.01 metres per stored value, and --depth-unit-scale-factor wins "
        "over it.",
    )
    own = unit_of(DepthSourceConfig(unit=0.03), 0.02, said)
    assert (own.whole, own.floating, own.by_user) == (0.03, 0.03, True)
    assert unit_of(NOTHING, 0.01, said).remarks == ()


@pytest.mark.parametrize("value", ["furlongs", 0, -1, float("nan"), [1], True, "1/0"])
def test_what_says_no_unit_is_remarked_on(value):
    unit = unit_of(NOTHING, 1e-3, {"depth_unit": value})
    assert (unit.whole, unit.floating) == (1e-3, 1.0)
    assert "depth_unit is" in unit.remarks[0] and "says no unit" in unit.remarks[0]


@pytest.mark.parametrize(
    ("said", "distance"),
    [
        ({"depth_is_euclidean": True}, True),
        ({"is_euclidean_depth": False}, False),
        ({"depth_unit": "metres along the ray"}, True),
        ({"depth_unit": "mm, z-depth"}, False),
        ({}, False),
    ],
)
def test_depth_or_distance(said, distance):
    unit = unit_of(NOTHING, 1e-3, said)
    assert unit.is_distance is distance
    assert bool(unit.distance_source) is bool(said)
    assert unit_of(DepthSourceConfig(convention="distance"), 1e-3, said).is_distance


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_a_flag_that_is_no_unit_is_refused(factor):
    with pytest.raises(InputError, match=r"--depth-unit-scale-factor is .*: give metres per stored value"):
        unit_of(NOTHING, factor, {})
