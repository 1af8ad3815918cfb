"""Projected points agree with exact depth, and with nerfstudio's own rays through any lens."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.cameras.cameras import Cameras, CameraType

from s3im_methods.data.depth.projection import project_points, to_pixels
from s3im_methods.errors import InputError


def camera(distortion=(0.0,) * 6, kind=CameraType.PERSPECTIVE) -> Cameras:
    turn = torch.tensor([[0.0, -1, 0, 0.5], [0, 0, -1, -0.2], [1, 0, 0, 0.3]])
    params = torch.tensor(distortion)
    return Cameras(turn[None], 30.0, 33.0, 19.0, 16.0, 40, 30, params[None], kind)


@settings(deadline=None, max_examples=25)
@given(
    k=st.tuples(st.floats(-0.05, 0.1), st.floats(-0.01, 0.05), st.just(0.0), st.just(0.0)),
    # Far beyond any lens; from 0.08 on nerfstudio does not find the corners any more.
    p=st.tuples(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05)),
    seed=st.integers(0, 1000),
)
def test_points_on_nerfstudios_rays_come_back_at_their_pixels(k, p, seed):
    view = camera((*k, *p))
    rays = view.generate_rays(camera_indices=0)
    depth = torch.from_numpy(np.random.default_rng(seed).uniform(0.5, 4, (30, 40, 1)).astype(np.float32))
    assert rays.metadata is not None
    points = rays.origins + rays.directions * depth * rays.metadata["directions_norm"]
    image = project_points(points.reshape(-1, 3).double().numpy(), view[0], known_visible=True)
    # nerfstudio undoes distortion by a few Newton steps, so that a pixel may be missed by a hair.
    agrees = np.isclose(image, depth[..., 0].numpy(), rtol=1e-4)
    assert agrees.mean() > 0.99


@settings(deadline=None, max_examples=25)
@given(
    k=st.tuples(st.floats(-0.02, 0.05), st.floats(-0.002, 0.01), st.just(0.0), st.just(0.0)),
    p=st.tuples(st.floats(-0.01, 0.01), st.floats(-0.01, 0.01)),
    seed=st.integers(0, 1000),
)
def test_points_on_the_rays_of_a_fisheye_come_back_at_their_pixels(k, p, seed):
    """Up to 100 degrees off the axis, where there is no z-depth any more."""
    view = camera((*k, *p), CameraType.FISHEYE)
    view.fx[:], view.fy[:] = 12.0, 13.0
    rays = view.generate_rays(camera_indices=0)
    distance = torch.from_numpy(np.random.default_rng(seed).uniform(0.5, 4, (30, 40, 1)).astype(np.float32))
    points = rays.origins + rays.directions * distance
    image = project_points(points.reshape(-1, 3).double().numpy(), view[0], known_visible=True)
    angles = torch.acos(-(rays.directions @ view.camera_to_worlds[0, :3, 2])).numpy()
    assert angles.max() > np.radians(90)
    # Beyond that nerfstudio's Newton steps may not have found the ray.
    agrees = np.isclose(image, distance[..., 0].numpy(), rtol=1e-4)[angles < np.radians(100)]
    assert agrees.mean() > 0.99


def test_a_fisheye_lens_is_opencvs():
    import cv2

    k = (0.04, -0.02, 0.01, -0.003)
    local = np.random.default_rng(0).uniform([-3, -3, 0.1], 3, size=(50, 3))
    view = camera((*k, 0.0, 0.0), CameraType.FISHEYE)
    view.camera_to_worlds[:] = torch.eye(4)[:3]
    matrix = np.array([[30.0, 0, 19], [0, 33, 16], [0, 0, 1]])
    expected, _ = cv2.fisheye.projectPoints(local[:, None], np.zeros(3), np.zeros(3), matrix, np.array(k))
    column, row, depth = to_pixels(local * [1, -1, -1], view[0])
    assert np.stack([column, row], axis=-1) == pytest.approx(expected[:, 0])
    assert depth == pytest.approx(np.linalg.norm(local, axis=1))


def test_the_axis_of_a_fisheye():
    view = camera(kind=CameraType.FISHEYE)
    axis = -view[0].camera_to_worlds[:3, 2].double().numpy()
    origin = view[0].camera_to_worlds[:3, 3].double().numpy()
    image = project_points(np.stack([origin - axis, origin, origin + 2 * axis]), view[0], known_visible=True)
    assert image[16, 19] == pytest.approx(2.0)
    assert np.count_nonzero(image) == 1


def test_points_behind_and_beside_are_left_out():
    view = camera()
    axis = -view[0].camera_to_worlds[:3, 2].double().numpy()
    origin = view[0].camera_to_worlds[:3, 3].double().numpy()
    points = np.stack([origin - axis, origin, origin + 100 * np.roll(axis, 1), origin + 2 * axis])
    image = project_points(points, view[0], known_visible=False)
    assert image[16, 19] == pytest.approx(2.0)
    assert np.count_nonzero(image) == 1


def test_hidden_points_are_left_out_unless_known_to_be_seen():
    rays = camera().generate_rays(camera_indices=0)
    wall, behind = ((rays.origins + rays.directions * t).reshape(-1, 3).double().numpy() for t in (1.0, 3.0))
    points = np.concatenate([wall[::7], behind[::11]])
    seen = project_points(points, camera()[0], known_visible=False)
    # A cell at the border may hold no point of the wall.
    assert 0 <= np.count_nonzero(seen) - len(wall[::7]) < 0.05 * len(behind[::11])
    both = project_points(points, camera()[0], known_visible=True)
    assert np.count_nonzero(both) > np.count_nonzero(seen)


def test_no_points():
    assert not project_points(np.zeros((0, 3)), camera()[0], known_visible=False).any()


@pytest.mark.parametrize("kind", [CameraType.EQUIRECTANGULAR, CameraType.FISHEYE624])
def test_other_cameras_are_refused(kind):
    with pytest.raises(InputError, match=f"perspective and fisheye cameras, and the scene has one of type {kind.name}"):
        project_points(np.zeros((1, 3)), camera(kind=kind)[0], known_visible=False)


@pytest.mark.parametrize("view", range(6))
def test_the_rooms_own_points_agree_with_its_exact_depth(room, view):
    dataset = room.dataset(source="sparse")
    found = dataset.depth_maps.get(view).metres
    frame = next(f for f in room.frames if dataset.image_filenames[view].name in f["file_path"])
    exact = room.exact(frame)
    known = found > 0
    assert known.mean() > 0.2
    error = np.abs(found - exact)[known] / exact[known]
    # Points of other views fall anywhere inside a pixel, so that edges differ; hidden ones must not shine through.
    assert np.median(error) < 0.01
    assert (error > 0.2).mean() < 0.05
