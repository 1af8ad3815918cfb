"""Rays of whole views are nerfstudio's, and a lens is looked at once."""

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.scene_box import OrientedBox

from s3im_methods.data import view_rays
from s3im_methods.data.view_rays import ViewRays


def cameras(kind: CameraType = CameraType.PERSPECTIVE, distorted: bool = True, **settings) -> Cameras:
    random = torch.Generator().manual_seed(0)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, 3, generator=random))
    poses = torch.cat([turn, torch.randn(3, 3, 1, generator=random)], dim=-1)
    lens = torch.tensor([0.05, -0.02, 0.0, 0.0, 0.001, -0.001]) if distorted else None
    return Cameras(poses, 20.0, 21.0, 8.3, 6.1, 16, 12, distortion_params=lens, camera_type=kind, **settings)


def assert_same(found, expected):
    for name in ("origins", "directions", "pixel_area", "camera_indices", "nears", "fars", "times"):
        value, other = getattr(found, name), getattr(expected, name)
        if other is None:
            assert value is None, name
        else:
            torch.testing.assert_close(value, other, atol=1e-6, rtol=1e-4)
    assert found.metadata.keys() == expected.metadata.keys()
    for name, value in expected.metadata.items():
        torch.testing.assert_close(found.metadata[name], value)


@pytest.mark.parametrize("distorted", [True, False])
@pytest.mark.parametrize("kind", [CameraType.PERSPECTIVE, CameraType.FISHEYE, CameraType.EQUIRECTANGULAR])
def test_rays_are_nerfstudios(kind, distorted):
    every, rays = cameras(kind, distorted and kind != CameraType.EQUIRECTANGULAR), ViewRays()
    for place in range(3):
        camera = every[place : place + 1]
        assert_same(rays.of(camera), camera.generate_rays(0, keep_shape=True))


def test_times_are_there():
    camera = cameras(times=torch.rand(3, 1))[1:2]
    assert_same(ViewRays().of(camera), camera.generate_rays(0, keep_shape=True))


def test_the_viewers_metadata_is_no_hindrance(monkeypatch):
    every, rays = cameras(metadata={"cam_idx": 7}), ViewRays()
    rays.of(every[:1])
    expected = every[1:2].generate_rays(0, keep_shape=True)
    monkeypatch.setattr(Cameras, "generate_rays", None)
    assert_same(rays.of(every[1:2]), expected)


def test_a_box_bounds_rays():
    box = OrientedBox(torch.eye(3), torch.zeros(3), torch.ones(3))
    camera = cameras()[:1]
    assert_same(ViewRays().of(camera, box), camera.generate_rays(0, keep_shape=True, obb_box=box))


def test_a_lens_is_looked_at_once_until_there_is_another(monkeypatch):
    looked, every, rays = [], cameras(), ViewRays()
    see = view_rays.seen_from_the_origin
    monkeypatch.setattr(view_rays, "seen_from_the_origin", lambda lens: looked.append(1) or see(lens))
    for place in (0, 1, 2):
        rays.of(every[place : place + 1])
    assert len(looked) == 1
    smaller = cameras()[:1]
    smaller.rescale_output_resolution(0.5)
    assert_same(rays.of(smaller), smaller.generate_rays(0, keep_shape=True))
    assert len(looked) == 2


def test_poses_of_whole_numbers_give_the_same_rays():
    """As a camera path's file may have them."""
    pose = torch.tensor([[[1, 0, 0, 2], [0, 1, 0, 0], [0, 0, 1, 3]]])
    whole, real = (Cameras(p, 20.0, 21.0, 8.3, 6.1, 16, 12) for p in (pose, pose.float()))
    found, expected = ViewRays().of(whole), ViewRays().of(real)
    assert torch.equal(found.origins, expected.origins) and torch.equal(found.directions, expected.directions)
