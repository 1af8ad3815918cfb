"""The viewer's rays are nerfstudio's, and a lens is looked at once."""

# pyright: reportPrivateImportUsage=false

import inspect
from typing import Any

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.scene_box import OrientedBox
from nerfstudio.viewer import render_state_machine
from nerfstudio.viewer.utils import CameraState

from s3im_methods.compat.viewer_rays import ViewerCamera, keep_rays_of_pictures


@pytest.fixture()
def stock(monkeypatch):
    """nerfstudio's own function, which the module has again after the test."""
    own = inspect.unwrap(render_state_machine.get_camera)
    monkeypatch.setattr(render_state_machine, "get_camera", own)
    return own


@pytest.fixture()
def computed(monkeypatch):
    """How often nerfstudio has computed rays."""
    calls, own = [], Cameras._generate_rays_from_coords
    monkeypatch.setattr(Cameras, "_generate_rays_from_coords", lambda *a, **k: calls.append(1) or own(*a, **k))
    return calls


def state(seed: int) -> CameraState:
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)))
    pose = torch.cat([turn, torch.full((3, 1), float(seed))], dim=-1)
    return CameraState(fov=0.9, aspect=1.5, c2w=pose, camera_type=CameraType.PERSPECTIVE)  # type: ignore[arg-type]


def assert_same(found: Any, expected: Any) -> None:
    assert found.shape == expected.shape
    for name in ("origins", "directions", "pixel_area", "nears", "fars"):
        value, other = getattr(found, name), getattr(expected, name)
        assert (value is None) == (other is None)
        if other is not None:
            torch.testing.assert_close(value, other, atol=1e-6, rtol=1e-4)


def test_a_lens_is_looked_at_once(stock, computed):
    keep_rays_of_pictures(render_state_machine)
    for seed in range(3):
        expected = stock(state(seed), 20, 30).generate_rays(camera_indices=0, obb_box=None)
        computed.clear()
        camera = render_state_machine.get_camera(state(seed), 20, 30).to("cpu")
        assert type(camera) is ViewerCamera
        assert_same(camera.generate_rays(camera_indices=0, obb_box=None), expected)
        assert len(computed) == (seed == 0)


def test_a_crop_and_what_else_is_asked_for_are_nerfstudios(stock):
    keep_rays_of_pictures(render_state_machine)
    camera, plain = render_state_machine.get_camera(state(0), 20, 30), stock(state(0), 20, 30)
    box = OrientedBox(torch.eye(3), torch.zeros(3), torch.ones(3))
    coords = torch.tensor([[1.5, 2.5]])
    asked: list[dict[str, Any]] = [{"obb_box": box}, {"keep_shape": True}, {"coords": coords}]
    for settings in asked:
        assert_same(camera.generate_rays(0, **settings), plain.generate_rays(0, **settings))


def test_it_is_applied_once(stock):
    keep_rays_of_pictures(render_state_machine)
    once = render_state_machine.get_camera
    keep_rays_of_pictures(render_state_machine)
    assert render_state_machine.get_camera is once


def test_upstream_still_computes_a_pictures_rays_twice():
    """When this fails, nerfstudio's viewer keeps its rays: remove ``viewer_rays``."""
    source = inspect.getsource(render_state_machine.RenderStateMachine._render_img)
    assert "get_outputs_for_camera(camera" in source
    assert "camera.generate_rays(camera_indices=0, obb_box=obb)" in source
