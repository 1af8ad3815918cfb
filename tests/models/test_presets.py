"""The engine of presets: what is open is filled, what is given stays, and what does not fit is refused."""

from dataclasses import dataclass, field

import pytest

from s3im_methods.errors import InputError
from s3im_methods.models.presets import check_weights, chosen_preset, filled, refuse


@dataclass
class Inner:
    size: int | None = None
    depth: int | None = 4


@dataclass
class Settings:
    style: str = "ours"
    scene_kind: str = "auto"
    color: str | None = None
    weight: float = 0.5
    inner: Inner = field(default_factory=Inner)


PRESETS = {("ours", "room"): {"color": "black", "inner.size": 3}, ("ours", "object"): {"color": "white"}}


@pytest.mark.parametrize(("given", "auto", "kind"), [("auto", "room", "room"), ("object", "room", "object")])
def test_auto_is_what_the_data_say_and_the_users_kind_stays(given, auto, kind):
    chosen, preset = chosen_preset(Settings(scene_kind=given), PRESETS, auto)
    assert chosen == kind
    assert preset["color"] == PRESETS["ours", kind]["color"]


def test_what_is_added_to_a_chosen_preset_does_not_reach_the_table():
    _, preset = chosen_preset(Settings(), PRESETS, "object")
    preset["color"] = "red"
    assert PRESETS["ours", "object"]["color"] == "white"


def test_a_style_or_kind_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"no preset for --pipeline\.model\.style theirs and .*scene-kind room"):
        chosen_preset(Settings(style="theirs"), PRESETS, "room")


def test_what_is_open_is_filled_in_groups_too_and_the_given_settings_are_not_touched():
    given = Settings()
    found = filled(given, {"color": "black", "inner.size": 3, "inner.depth": 9})
    assert (found.color, found.inner) == ("black", Inner(size=3, depth=4))
    assert (given.color, given.inner.size) == (None, None)
    # 0 and False are given, not open.
    assert filled(Settings(color=""), {"color": "black"}).color == ""


@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_what_is_no_weight_is_refused_by_its_flag(weight):
    check_weights(Settings(weight=0.0), ["weight"])
    with pytest.raises(InputError, match=r"^--pipeline\.model\.weight is .*: give a weight of 0 or above\.$"):
        check_weights(Settings(weight=weight), ["weight"])


def test_a_settings_name_becomes_its_flag():
    with pytest.raises(InputError, match=r"^--pipeline\.model\.sdf-field\.first-levels is 9: give 1 to 4\.$"):
        refuse("sdf_field.first_levels", 9, "give 1 to 4")
