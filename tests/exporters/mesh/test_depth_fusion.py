"""Fused depth: how far points lie in front of what pinhole cameras saw."""

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType

from s3im_methods.exporters.mesh.depth_fusion import DepthView, FusedDepth, render_views

POSE = torch.eye(4)[:3]
"""At the origin, looking along -z."""


def wall(z: float, size: int = 40) -> DepthView:
    """A view of a wall across the viewing axis, with a hole in its first column."""
    camera = Cameras(POSE[None], 30.0, 30.0, size / 2, size / 2, size, size)
    norms = camera.generate_rays(camera_indices=0, keep_shape=True).metadata["directions_norm"][..., 0]
    distance = z * norms
    distance[:, 0] = 0
    return DepthView(distance, POSE, torch.tensor([30.0, 30.0]), torch.tensor([size / 2, size / 2]))


def test_distance_to_a_wall_is_measured_along_the_ray_and_truncated():
    fused = FusedDepth([wall(2.0)], 0.3)
    points = torch.tensor([[0.0, 0.0, -1.9], [0.0, 0.0, -2.1], [0.5, 0.4, -1.9], [0.0, 0.0, -1.0]])
    slant = float(torch.tensor([0.5, 0.4, 1.9]).norm()) / 1.9
    assert fused(points) == pytest.approx(torch.tensor([0.1, -0.1, 0.1 * slant, 0.3]), abs=3e-3)


def test_nothing_is_known_far_behind_the_wall_beside_and_behind_the_camera_and_in_the_hole():
    points = torch.tensor([[0.0, 0, -2.4], [5.0, 0, -2.0], [0.0, 0, 2.0], [0.1, 0.1, 1.9], [-1.31, 0, -2.0]])
    assert FusedDepth([wall(2.0)], 0.3)(points).isnan().all()


def test_views_are_averaged_and_must_be_enough():
    point = torch.tensor([[0.0, 0.0, -2.0]])
    views = [wall(2.1), wall(2.2), wall(1.5)]
    assert float(FusedDepth(views, 0.3)(point)) == pytest.approx(0.15, abs=2e-3)
    assert float(FusedDepth(views, 0.3, least=2)(point)) == pytest.approx(0.15, abs=2e-3)
    assert FusedDepth(views, 0.3, least=3)(point).isnan()


def test_an_edge_invents_no_surface_in_mid_air():
    """Left half at 1, right half at 3: no place between has a value near 0."""
    view = wall(1.0)
    view.distance[:, 20:] *= 3
    x = torch.linspace(-0.1, 0.1, 201)
    between = torch.stack([x, torch.zeros_like(x), torch.full_like(x, -1.5)], dim=-1)
    values = FusedDepth([view], 0.2)(between)
    assert (values.isnan() | (values > 0.19)).all()


class Depths:
    """Sees a distance of 2 everywhere, not at all in the first pixel."""

    def __init__(self):
        self.seen = []

    def get_outputs_for_camera(self, camera):
        self.seen.append(camera)
        shape = (int(camera.height), int(camera.width), 1)
        opaque = torch.ones(shape)
        opaque[0, 0] = 0.2
        return {"depth": torch.full(shape, 2.0), "accumulation": opaque, "rgb": torch.zeros(*shape[:2], 3)}


def cameras(kind=CameraType.PERSPECTIVE):
    distortion = torch.full((5, 6), 0.1)
    poses = POSE.repeat(5, 1, 1)
    poses[:, 0, 3] = torch.arange(5)
    return Cameras(poses, 30.0, 33.0, 19.0, 16.0, 40, 30, distortion, kind)


def test_views_are_spread_shrunk_and_without_lenses():
    model = Depths()
    views = list(render_views(model, cameras(), 3, 2.0))
    assert [float(view.camera_to_world[0, 3]) for view in views] == [0, 2, 4]
    view = views[0]
    assert view.distance.shape == (15, 20)
    assert view.distance[0, 0] == 0
    assert view.distance[1, 1] == 2
    assert (view.focal.tolist(), view.centre.tolist()) == ([15, 16.5], [9.5, 8])
    assert all(camera.distortion_params is None for camera in model.seen)


def test_other_cameras_become_pinholes_of_90_degrees():
    model = Depths()
    (view,) = render_views(model, cameras(CameraType.FISHEYE), 1, 1.0)
    assert int(model.seen[0].camera_type) == CameraType.PERSPECTIVE.value
    assert view.distance.shape == (40, 40)
    assert (view.focal.tolist(), view.centre.tolist()) == ([20, 20], [20, 20])


def test_a_panorama_is_seen_all_around():
    model = Depths()
    views = list(render_views(model, cameras(CameraType.EQUIRECTANGULAR), 1, 1.0))
    directions = torch.nn.functional.normalize(torch.randn(200, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    fused = FusedDepth(views, 0.3)(1.9 * directions)
    # The model sees nothing in the first pixel of each face.
    assert len(views) == 6 and views[0].distance.shape == (10, 10)
    assert (fused.isnan().sum() < 20) and fused[~fused.isnan()].median() == pytest.approx(0.1, abs=2e-2)
    for pose in (view.camera_to_world for view in views):
        assert torch.linalg.det(pose[:, :3]) == pytest.approx(1)


def test_what_a_fisheye_sees_beside_its_middle_is_said_to_be_missing(capsys):
    list(render_views(Depths(), cameras(CameraType.FISHEYE), 1, 1.0))
    said = " ".join("".join(capsys.readouterr()).split())
    assert "5 of 5 cameras are neither perspective nor a panorama: only their central 90 degrees are used, so" in said
