"""Spheres of made-up cameras in closed form, their equivariance, generated scenes with a mesh, and real scenes."""

import math
from pathlib import Path

import numpy as np
import open3d as o3d
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.dataparsers.base_dataparser import DataParserConfig
from nerfstudio.data.dataparsers.blender_dataparser import BlenderDataParserConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

from s3im_methods.data.checked_parser import checked_parser
from s3im_methods.data.scene_sphere import SceneSphere, fit_scene_sphere, look_away, sphere_warnings
from s3im_methods.scenes import ObjectConfig, RoomConfig, write_scene


def look_at(origins: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Poses ``[N, 3, 4]`` of cameras that look from one place at another."""
    back = torch.nn.functional.normalize(origins - targets, dim=-1)
    right = torch.nn.functional.normalize(torch.linalg.cross(torch.tensor([[0.0, 0.0, 1.0]]).expand_as(back), back))
    return torch.stack([right, torch.linalg.cross(back, right), back, origins], dim=-1)


def cameras(poses: torch.Tensor, width: int = 40, height: int = 30, focal: float = 50.0, **more) -> Cameras:
    return Cameras(poses, focal, focal, width / 2, height / 2, width, height, **more)


def ring(
    count: int = 12, radius: float = 2.0, lift: float = 0.5, turn: float = 2 * math.pi, target=(0, 0, 0)
) -> Cameras:
    angles = torch.arange(count) / count * turn
    origins = torch.stack([radius * angles.cos(), radius * angles.sin(), torch.full((count,), lift)], dim=-1)
    return cameras(look_at(origins, torch.tensor(target, dtype=torch.float32).expand(count, 3)))


def test_object_in_closed_form():
    sphere = fit_scene_sphere(ring(), "object")
    distance = math.hypot(2.0, 0.5)
    assert sphere.center == pytest.approx((0, 0, 0), abs=1e-6)
    assert sphere.radius == pytest.approx(1.3 * distance * math.sin(math.atan(20 / 50)), rel=1e-5)
    assert sphere.kind == "object"


def test_middle_rays_count_not_the_principal_points():
    shifted = ring()
    shifted.cx = shifted.cx + 6.0
    local = torch.tensor([-6.0, 0.0, -50.0]) / math.hypot(6, 50)
    aims = (shifted.camera_to_worlds[:, :, :3] @ local)[:, None]
    sphere = fit_scene_sphere(shifted, "object")
    towards = torch.tensor(sphere.center) - shifted.camera_to_worlds[:, None, :, 3]
    # By symmetry the nearest point is on the axis, as far from one middle ray as from the others.
    missed = torch.linalg.vector_norm(torch.linalg.cross(towards, aims), dim=-1)
    assert sphere.center[:2] == pytest.approx((0, 0), abs=1e-5)
    assert missed.std() < 1e-5 < missed.mean()


def test_room_in_closed_form():
    origins = torch.tensor([[0.0, 0, 0], [4, 0, 0], [1, 2, 1], [2, 1, 0.5]])
    outward = look_at(origins, origins + (origins - torch.tensor([2.0, 1.0, 0.4])))
    sphere = fit_scene_sphere(cameras(outward), "room")
    assert sphere.center == (2.0, 1.0, 0.5)
    assert sphere.radius == pytest.approx(3 * math.sqrt(16 + 4 + 1) / 2)


def test_a_room_reaches_behind_what_all_cameras_look_at():
    origins = torch.tensor([[-1.0, 0, 0], [1.0, 0, 0], [0, 0, 1.0], [0, 0, -1.0]])
    sphere = fit_scene_sphere(cameras(look_at(origins, torch.tensor([[0.0, 10, 0]]).expand(4, 3))), "room")
    assert sphere.center == (0, 0, 0)
    assert sphere.radius == pytest.approx(2 * math.hypot(1, 10), rel=1e-4)


@pytest.mark.parametrize(
    ("views", "kind"),
    [
        (ring(), "object"),
        (ring(radius=1.0, lift=6.0), "room"),  # from one side, and from 19 degrees to it at most
        (ring(turn=math.radians(100)), "object"),  # a rig, from several sides
        (ring(turn=math.radians(30)), "room"),
        (cameras(look_at(torch.randn(9, 3), torch.randn(9, 3) * 20)), "room"),
        (cameras(torch.eye(4)[None, :3]), "room"),
        (cameras(torch.eye(4)[None, :3].repeat(5, 1, 1)), "room"),
    ],
)
def test_auto(views, kind):
    assert fit_scene_sphere(views, "auto").kind == kind
    assert fit_scene_sphere(views, "auto") == fit_scene_sphere(views, kind)


def test_hand_held_arc_is_a_room_and_hand_held_orbit_an_object():
    generator = torch.Generator().manual_seed(0)

    def shaky(turn: float) -> Cameras:
        views = ring(24, turn=turn)
        origins = views.camera_to_worlds[..., 3]
        return cameras(look_at(origins, 0.2 * torch.randn(24, 3, generator=generator)))

    assert fit_scene_sphere(shaky(math.radians(100))).kind == "room"
    assert fit_scene_sphere(shaky(2 * math.pi)).kind == "object"


def test_cameras_that_tell_no_distance_still_give_a_sphere():
    alone = cameras(torch.eye(4)[None, :3])
    assert fit_scene_sphere(alone, "object") == SceneSphere((0, 0, 0), 1.0, "object")
    parallel = torch.eye(4)[None, :3].repeat(3, 1, 1)
    parallel[:, 0, 3] = torch.tensor([1.0, 2.0, 3.0])
    sphere = fit_scene_sphere(cameras(parallel), "object")
    assert sphere.center == pytest.approx((2, 0, 0)) and 0 < sphere.radius < 10


@pytest.mark.parametrize("kind", [CameraType.FISHEYE, CameraType.EQUIRECTANGULAR])
def test_wide_cameras_give_finite_spheres(kind):
    views = ring()
    views.camera_type[:] = kind.value
    for wanted in ("object", "room"):
        sphere = fit_scene_sphere(views, wanted)
        assert sphere.center == pytest.approx((0, 0, 0 if wanted == "object" else 0.5), abs=1e-5)
        assert 0 < sphere.radius < 10


@settings(deadline=None, max_examples=30)
@given(
    shift=st.tuples(*[st.floats(-5, 5)] * 3),
    scale=st.floats(0.1, 10),
    angle=st.floats(0, 6),
    order=st.permutations(range(12)),
)
def test_spheres_move_with_the_cameras_in_any_order(shift, scale, angle, order):
    views = ring(target=(0.1, 0.2, 0.3))
    turn = torch.tensor([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    poses = views.camera_to_worlds[list(order)]
    places = scale * poses[:, :, 3] @ turn.T + torch.tensor(shift)
    moved = cameras(torch.cat([turn @ poses[:, :, :3], places[..., None]], dim=-1))
    before, after = fit_scene_sphere(views), fit_scene_sphere(moved)
    assert after.kind == before.kind == "object"
    expected = scale * turn @ torch.tensor(before.center) + torch.tensor(shift)
    assert after.center == pytest.approx(expected.tolist(), abs=1e-4 * (5 + scale))
    assert after.radius == pytest.approx(scale * before.radius, rel=1e-4)


def test_no_warnings_where_the_sphere_is_fitted():
    for kind in ("object", "room"):
        assert sphere_warnings(fit_scene_sphere(ring(), kind), ring()) == []


def test_warnings_count_and_name_what_to_set():
    views = ring(target=(0, 0, 0), lift=0.0)
    inside, *_ = sphere_warnings(SceneSphere((2.0, 0, 0), 0.1, "object"), views)
    assert inside.startswith("1 of 12 training cameras are inside the sphere around (2, 0, 0) with radius 0.1 scene")
    assert "--pipeline.model.sphere-radius" in inside and "--pipeline.model.scene-kind room" in inside
    outside, *_ = sphere_warnings(SceneSphere((0.0, 0, 0), 1.9, "room"), views)
    assert outside.startswith("12 of 12 training cameras are outside")
    assert "--pipeline.model.sphere-radius above 2," in outside
    (missed,) = sphere_warnings(SceneSphere((0.0, 0, 50.0), 0.5, "object"), views)
    assert missed.startswith("12 of 12 training views do not see") and "--pipeline.model.sphere-center" in missed


def test_a_cut_sphere_is_told_with_the_share_that_is_seen():
    one = cameras(look_at(torch.tensor([[0.0, -4, 0]]), torch.zeros(1, 3)), 40, 40, 60.0)
    # The image is a square of 2 * 4 / 3 on the plane through the centre; the sphere's outline there is a disc of this:
    radius = 2.5
    outline = 4 * math.tan(math.asin(radius / 4))
    (line,) = sphere_warnings(SceneSphere((0, 0, 0), radius, "object"), one)
    flat = (8 / 3) ** 2 / (math.pi * outline**2)
    share = float(line.split("on average ")[1].split(" %")[0]) / 100
    # In solid angles the middle of the picture counts for more than its rim.
    assert flat < share < 0.5
    square = 4 * math.asin((1 / math.hypot(1, 3)) ** 2)
    assert share == pytest.approx(square / (2 * math.pi * (1 - math.cos(math.asin(radius / 4)))), abs=0.01)


def mesh_distances(folder: Path, outputs, center) -> np.ndarray:
    mesh = o3d.io.read_triangle_mesh(str(folder / "mesh.ply"))  # pyright: ignore[reportArgumentType]
    vertices = torch.from_numpy(np.asarray(mesh.vertices)).float()
    moved = outputs.dataparser_scale * (vertices @ outputs.dataparser_transform[:, :3].T)
    moved += outputs.dataparser_scale * outputs.dataparser_transform[:, 3]
    return torch.linalg.vector_norm(moved - torch.tensor(center), dim=-1).numpy()


def parsed(config):
    return checked_parser(config).setup().get_dataparser_outputs("train")


def test_generated_scenes(tmp_path):
    folder = write_scene(
        ObjectConfig(width=16, height=12, train_views=20, test_views=1, light_samples=1, supersampling=1),
        tmp_path / "object",
    )
    outputs = parsed(NerfstudioDataParserConfig(data=folder))
    sphere = fit_scene_sphere(outputs.cameras)
    farthest = mesh_distances(folder, outputs, sphere.center).max()
    assert sphere.kind == "object" and farthest < sphere.radius
    folder = write_scene(
        RoomConfig(width=16, height=12, train_views=20, test_views=1, light_samples=1, supersampling=1),
        tmp_path / "room",
    )
    outputs = parsed(NerfstudioDataParserConfig(data=folder))
    sphere = fit_scene_sphere(outputs.cameras)
    farthest = mesh_distances(folder, outputs, sphere.center).max()
    assert sphere.kind == "room" and farthest < sphere.radius < 2.5 * farthest


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("synth_armadillo", "object"),
        ("synth_spot", "object"),
        ("lego", "object"),
        ("dtu_scan24", "object"),
        ("fox", "room"),
        ("llff_fern", "room"),
        ("sevenscenes", "room"),
        ("synth_room", "room"),
    ],
)
def test_real_scenes(real_scene, name, kind):
    folder = real_scene(name)
    configs: list[DataParserConfig] = [NerfstudioDataParserConfig(data=folder)]
    if (folder / "transforms_train.json").is_file():
        configs.append(BlenderDataParserConfig(data=folder))
    for config in configs:
        outputs = parsed(config)
        sphere = fit_scene_sphere(outputs.cameras)
        assert sphere.kind == kind
        assert sphere_warnings(sphere, outputs.cameras) == []
        if name.startswith("synth"):
            farthest = mesh_distances(folder, outputs, sphere.center).max()
            assert farthest < sphere.radius < (1.5 if kind == "object" else 1.7) * farthest


def test_cameras_look_away_from_the_point_around_which_they_stand():
    def turned(views: Cameras) -> Cameras:
        poses = views.camera_to_worlds.clone()
        poses[:, :, 1:3] *= -1
        return cameras(poses)

    assert not look_away(ring()) and look_away(turned(ring()))
    # Aimed beside the middle, and around a part of it.
    assert look_away(turned(ring(target=(0.2, 0.3, 0.0)))) and look_away(turned(ring(turn=math.pi / 2)))
    # At one place, along a line, and all in one direction.
    poses = turned(ring()).camera_to_worlds
    still = poses.clone()
    still[:, :, 3] = 0
    line = poses.clone()
    line[:, :, 3] = torch.linspace(0, 1, 12)[:, None]
    forward = torch.eye(4)[None, :3].repeat(12, 1, 1)
    forward[:, 0, 3] = torch.linspace(0, 1, 12)
    assert not any(look_away(cameras(p)) for p in (still, line, forward, forward[:1]))
