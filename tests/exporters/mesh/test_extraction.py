"""Whole meshes of models that are known in closed form, in the world's own units."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import trimesh
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.field_components.field_heads import FieldHeadNames
from rays_at_a_ball import six_cameras

from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.extraction import MeshSettings, extract_mesh
from s3im_methods.exporters.mesh.memory import MemoryBudget
from s3im_methods.exporters.mesh.mesh_files import write_mesh
from s3im_methods.exporters.mesh.world_frame import WorldFrame
from s3im_methods.metrics.surface_file import load_surface

CENTRE, RADIUS = torch.tensor([0.2, -0.1, 0.3]), 0.5
TURN = np.array(trimesh.transformations.rotation_matrix(0.7, [1, 2, 3]))[:3, :3]
FRAME = WorldFrame(TURN, np.array([3.0, -2.0, 5.0]), 0.25)
"""The scene is a turned, moved and four times smaller world, in which the ball has a radius of 2."""
WORLD_CENTRE = FRAME.to_world(CENTRE[None].double().numpy())[0]


def signed(points):
    return (points - CENTRE).norm(dim=-1, keepdim=True) - RADIUS


class Ball:
    """A ball whose density falls by a factor of e every 0.02 scene units; its colours are its normals."""

    class Field:
        def density_fn(self, points):
            return 100 * (-signed(points) / 0.02).clamp(max=10).exp()

        def __call__(self, samples):
            positions, directions = samples.frustums.get_positions(), samples.frustums.directions
            # Black, if it is not looked at from straight above.
            facing = (-directions * torch.nn.functional.normalize(positions - CENTRE, dim=-1)).sum(-1, keepdim=True)
            return {FieldHeadNames.RGB: (facing > 0.99) * ((positions - CENTRE) / RADIUS + 1) / 2}

    def __init__(self):
        self.field = Ball.Field()
        self.collider: SimpleNamespace | None = None

    def __call__(self, bundle):
        along = ((CENTRE - bundle.origins) * bundle.directions).sum(-1, keepdim=True)
        miss = (bundle.origins + along * bundle.directions - CENTRE).norm(dim=-1, keepdim=True)
        half = (RADIUS**2 - miss**2).clamp_min(0).sqrt()
        hit = ((miss < RADIUS) & (along > 0)).float()
        return {"depth": along - half, "accumulation": hit}

    def get_outputs_for_camera(self, camera):
        bundle = camera.generate_rays(camera_indices=0, keep_shape=True)
        return self(bundle)


class SignedBall(Ball):
    def surface_value(self, points):
        return signed(points)


class OccupiedBall(Ball):
    """So steep that the occupancy rises from 0 to 1 within less than a cell."""

    surface_kind = "occupancy"

    def surface_value(self, points):
        return torch.sigmoid(-400 * signed(points))


class Colours(Ball):
    """A field of colours without a volume."""

    def __init__(self):
        self.collider, self.field = None, SimpleNamespace()


class Nothing(Ball):
    def __init__(self):
        self.collider = self.field = None


def extracted(model, said=None, **settings):
    return extract_mesh(
        model,
        six_cameras(CENTRE),
        FRAME,
        MeshSettings(**{"resolution": 64, **settings}),
        say=(said if said is not None else []).append,
        budget=MemoryBudget(1e9),
    )


def as_trimesh(mesh) -> trimesh.Trimesh:
    return trimesh.Trimesh(mesh.surface.vertices, mesh.surface.faces, process=False)


def distance_from_ball(mesh, radius=RADIUS):
    return np.linalg.norm(mesh.surface.vertices - WORLD_CENTRE, axis=1) - radius / FRAME.scale


@pytest.mark.parametrize("model", [Ball, SignedBall, OccupiedBall])
def test_the_ball_comes_back_in_world_units(model):
    said = []
    mesh = extracted(model(), said)
    assert as_trimesh(mesh).is_watertight
    # 64 cells over a ball of diameter 4 and its padding: 0.07 each.
    assert distance_from_ball(mesh) == pytest.approx(0, abs=0.005)
    assert "x 64 cells of 0.068" in said[0]
    assert "Level " in said[1]
    assert said[2].endswith(" in 1 of 1 parts.")


def test_a_simplified_ball_has_normals_and_colours_of_its_own():
    said = []
    mesh = extracted(SignedBall(), said, faces=1000)
    assert len(mesh.surface.faces) <= 1000 and said[-1].endswith(f" {len(mesh.surface.faces)} faces.")
    assert as_trimesh(mesh).is_watertight and len(mesh.normals) == len(mesh.colours) == len(mesh.surface.vertices)
    assert distance_from_ball(mesh) == pytest.approx(0, abs=0.02)


def test_the_level_of_a_density_is_the_surfaces_unless_one_is_given():
    said = []
    extracted(Ball(), said)
    assert said[1].startswith("Level 100 of the density, which runs from ")
    # Lower by a factor of e^3: farther out by 3 x 0.02 scene units.
    swollen = extracted(Ball(), level=100 * np.exp(-3.0))
    assert distance_from_ball(swollen, RADIUS + 0.06) == pytest.approx(0, abs=0.005)


def test_in_map_coordinates_the_ball_is_as_round(tmp_path):
    """Float32 has steps of half a metre there, a quarter of the ball's radius."""
    far = WorldFrame(TURN, np.array([5.0e5, -4.5e6, 120.0]), 0.25)
    said = []
    mesh = extract_mesh(
        SignedBall(), six_cameras(CENTRE), far, MeshSettings(resolution=64), said.append, budget=MemoryBudget(1e9)
    )
    centre = far.to_world(CENTRE[None].double().numpy())[0]
    assert "e+06" not in said[0]
    for ending in ("ply", "obj", "glb"):
        path = tmp_path / f"mesh.{ending}"
        write_mesh(path, mesh.surface, mesh.normals, mesh.colours)
        radius = np.linalg.norm(load_surface(path).vertices - centre, axis=1)
        assert radius == pytest.approx(RADIUS / 0.25, abs=0.005)


def test_a_density_has_no_level_of_0():
    with pytest.raises(InputError, match="--level is 0, and this method has a density: give a level above 0"):
        extracted(Ball(), level=0.0)
    assert len(extracted(SignedBall(), level=0.0).surface.faces) > 0


def test_the_level_of_an_occupancy_is_one_half_unless_one_is_given():
    said = []
    mesh = extracted(OccupiedBall(), said)
    assert said[1].startswith("Level 0.5 of the occupancy, which runs from ")
    assert mesh.colours.min() < 20 and mesh.colours.max() > 230
    # Odds of e^8 to 1 are 8 / 400 = 0.02 scene units farther inside.
    shrunk = extracted(OccupiedBall(), level=1 / (1 + np.exp(-8.0)))
    assert distance_from_ball(shrunk, RADIUS - 0.02) == pytest.approx(0, abs=0.01)
    with pytest.raises(InputError, match="--level is 1, and this method has an occupancy: give a level between 0 and"):
        extracted(OccupiedBall(), level=1.0)


def test_normals_point_outwards_and_colours_are_seen_against_them():
    mesh = extracted(Ball())
    outwards = (mesh.surface.vertices - WORLD_CENTRE) * FRAME.scale / RADIUS
    assert mesh.normals == pytest.approx(outwards, abs=0.05)
    assert mesh.colours / 255 == pytest.approx((outwards @ TURN.T + 1) / 2, abs=0.02)


def test_fused_depth_gives_the_ball_where_cameras_see_it():
    mesh = extracted(SignedBall(), method="depth-fusion", fusion_downscale=1.0, fusion_agreement=1)
    assert np.abs(distance_from_ball(mesh)).mean() < 0.02
    # Six cameras at four radii see all of it but what lies near the corners of a cube.
    assert as_trimesh(mesh).area > 0.85 * 4 * np.pi * 4
    assert (mesh.normals * (mesh.surface.vertices - WORLD_CENTRE)).sum(axis=1).min() > 0


def test_fusion_leaves_out_what_too_few_cameras_see():
    """Each pole of the ball on an axis is seen by one of the six cameras; places between three of them by these."""
    mesh = extracted(SignedBall(), method="depth-fusion", fusion_downscale=1.0, fusion_agreement=3, components=0)
    along = np.sort(np.abs((mesh.surface.vertices - WORLD_CENTRE) @ TURN.T), axis=1)[:, 2]
    assert len(mesh.surface.faces) > 100
    assert along.max() < 1.9


def test_fusion_keeps_nothing_behind_cameras():
    """A box that reaches far behind all cameras: there is the ball in it, and nothing else."""
    corners = {"crop_min": tuple(WORLD_CENTRE - 20), "crop_max": tuple(WORLD_CENTRE + 20)}
    mesh = extracted(Ball(), method="depth-fusion", fusion_agreement=1, components=0, resolution=128, **corners)
    assert len(mesh.surface.faces) > 100
    # Cells of 0.3; the nearest camera is 6 away.
    assert np.abs(distance_from_ball(mesh)).max() < 1


def test_a_crop_box_is_in_world_units_and_leaves_an_open_edge():
    corners = {"crop_min": tuple(WORLD_CENTRE - [0.5, 3, 3]), "crop_max": tuple(WORLD_CENTRE + 3)}
    mesh = as_trimesh(extracted(Ball(), **corners))
    low, high = mesh.bounds - WORLD_CENTRE
    # The grid's cells fit into the box, so that it may begin half a cell later.
    assert low == pytest.approx([-0.5, -2, -2], abs=0.04)
    assert high == pytest.approx([2, 2, 2], abs=0.01)
    assert mesh.area == pytest.approx(2 * np.pi * 2 * 2.5, rel=0.01)


def test_there_is_no_lid_where_the_models_box_ends():
    model = Ball()
    box = SceneBox(torch.stack([CENTRE - torch.tensor([1.0, 1.0, 0.25]), CENTRE + 1]))
    model.collider = SimpleNamespace(scene_box=box)
    density = model.field.density_fn
    model.field.density_fn = lambda points: torch.where(
        ((points > box.aabb[0]) & (points < box.aabb[1])).all(-1, keepdim=True), density(points), 0.0
    )
    mesh = extracted(model, level=100.0)
    assert distance_from_ball(mesh) == pytest.approx(0, abs=0.005)
    assert as_trimesh(mesh).area == pytest.approx(2 * np.pi * 2 * 3, rel=0.05)


def refusal(model, **settings) -> str:
    with pytest.raises(InputError) as error:
        extracted(model, **settings)
    return str(error.value)


def test_a_model_without_a_volume_is_sent_to_depth_fusion():
    assert refusal(Colours()) == (
        "Colours has neither a density nor a signed distance to take a surface from: use --method depth-fusion."
    )


@pytest.mark.parametrize("method", ["level-set", "depth-fusion"])
def test_a_model_without_a_field_is_sent_to_nerfstudio(method):
    assert refusal(Nothing(), method=method) == (
        "Nothing has no field that gives a mesh its colours: use ns-export tsdf."
    )


def test_an_empty_level_set_names_the_range():
    answer = refusal(Ball(), level=1e9)
    assert answer.startswith("There is no surface at level 1e+09: in the box the density runs from ")
    assert "the training cameras see a surface from (" in answer


def test_an_empty_crop_is_named():
    answer = refusal(Ball(), crop_min=(0.0, 2.0, 0.0), crop_max=(1.0, 1.0, 1.0))
    assert answer == "The crop box is empty: along y it runs from 2 to 1. Give another --crop-min or --crop-max."
    answer = refusal(Ball(), method="depth-fusion", crop_min=(900.0,) * 3, crop_max=(901.0,) * 3)
    assert answer.startswith("The model knows nothing in the crop box, and the training cameras see a surface from (")


def test_an_unknown_depth_is_named():
    answer = refusal(Ball(), method="depth-fusion", depth_output_name="range")
    assert answer == "The model has no depth output 'range': give one of accumulation, depth."


def test_a_run_that_shows_nothing_is_refused():
    model = Ball()
    poses = six_cameras(CENTRE).camera_to_worlds
    poses[:, :, 3] += 100
    with pytest.raises(InputError, match="see nothing but empty space in this run"):
        extract_mesh(model, Cameras(poses, 120.0, 120.0, 64.0, 48.0, 128, 96), FRAME, MeshSettings())
