"""A crop's box of any numbers, and sentences for what is no box."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import viser.transforms
from nerfstudio.data.scene_box import OrientedBox
from nerfstudio.scripts import render
from nerfstudio.viewer import control_panel

from s3im_methods.compat.crop import accept_whole_numbers
from s3im_methods.errors import InputError

CROP = {
    "crop_center": [0, 1, 2],
    "crop_scale": [1, 2, 3],
    "crop_rot": [0, 0, 1],
    "crop_bg_color": {"r": 255, "g": 0, "b": 0},
}


@pytest.fixture(autouse=True)
def patched(monkeypatch):
    for holder, name in (
        (OrientedBox, "from_params"),
        (control_panel.ControlPanel, "crop_obb"),
        (render, "get_crop_from_json"),
    ):
        monkeypatch.setattr(holder, name, holder.__dict__[name])
    accept_whole_numbers()
    accept_whole_numbers()


def test_upstream_still_fails_with_whole_numbers():
    with pytest.raises(AssertionError):
        viser.transforms.SO3.from_rpy_radians(0, 0, 1)


def test_whole_numbers_make_the_same_box():
    whole, real = (
        OrientedBox.from_params((0, 1, 2), (0, 0, 1), (1, 2, 3)),
        OrientedBox.from_params((0.0, 1.0, 2.0), (0.0, 0.0, 1.0), (1.0, 2.0, 3.0)),
    )
    for name in ("R", "T", "S"):
        assert torch.equal(getattr(whole, name), getattr(real, name))
    assert whole.within(torch.tensor([[0.0, 1.0, 2.0], [9.0, 1.0, 2.0]])).tolist() == [True, False]


def test_a_camera_paths_crop():
    crop: Any = render.get_crop_from_json({"crop": CROP})
    assert crop.background_color.tolist() == [1, 0, 0] and crop.obb.T.tolist() == [0, 1, 2]
    assert render.get_crop_from_json({"crop": None}) is None and render.get_crop_from_json({}) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"crop_scale": [0, 1, 1]}, r"^The crop box's size is \[0.*, 1.*, 1.*\], so it holds nothing: give three"),
        ({"crop_scale": [1, -1, 1]}, "so it holds nothing"),
        ({"crop_center": [0, float("nan"), 1]}, "^The crop box's centre is .*: give three finite numbers"),
        ({"crop_rot": ["a", 0, 1]}, "^The crop box's rotation is"),
        ({"crop_rot": [0, 1]}, "^The camera path's crop is .*: give crop_center and crop_scale, three numbers each"),
        ({"crop_bg_color": None}, "^The camera path's crop is"),
    ],
)
def test_what_is_no_box(change, sentence):
    with pytest.raises(InputError, match=sentence):
        render.get_crop_from_json({"crop": {**CROP, **change}})
    with pytest.raises(InputError, match=r"^The camera path's crop is"):
        render.get_crop_from_json({"crop": {}})


@pytest.mark.parametrize("size", [(1, 2, 3), (0, 2, 3), (-1, 2, 3)])
def test_the_viewers_panel(size):
    panel = SimpleNamespace(
        _crop_center=SimpleNamespace(value=(0, 1, 2)),
        _crop_rot=SimpleNamespace(value=(0, 0, 1)),
        _crop_scale=SimpleNamespace(value=size),
    )
    crop: Any = control_panel.ControlPanel.crop_obb
    box = crop.fget(panel)
    assert box.T.tolist() == [0, 1, 2] and box.S.tolist()[1:] == [2, 3] and box.S[0] == max(size[0], torch.tensor(1e-9))


def test_a_command_that_runs_as_a_script(monkeypatch):
    changed: Any = render.get_crop_from_json
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(get_crop_from_json=changed.__wrapped__))
    accept_whole_numbers()
    with pytest.raises(InputError, match=r"^The camera path's crop is"):
        sys.modules["__main__"].get_crop_from_json({"crop": {}})
