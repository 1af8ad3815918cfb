"""Texels of ns-export's textures: nerfstudio's rays where those are right, all faces, and the nearest ray in gaps."""

import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from nerfstudio.exporter import texture_utils
from nerfstudio.exporter.exporter_utils import Mesh
from nerfstudio.pipelines.base_pipeline import VanillaPipeline

from s3im_methods.compat.texture import replace_unwrapping, unwrap_mesh
from s3im_methods.engine.pipeline import S3IMPipeline
from s3im_methods.errors import InputError
from s3im_methods.models.s3im_mixin import S3IMMixin

NAME = "unwrap_mesh_with_xatlas"
SIDE = 64


@pytest.fixture()
def stock(monkeypatch):
    """nerfstudio's own function, which its module has again after the test."""
    original = inspect.unwrap(getattr(texture_utils, NAME))
    monkeypatch.setattr(texture_utils, NAME, original)
    return original


def tensors(mesh: trimesh.Trimesh) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    vertices, normals = (torch.tensor(array).float() for array in (mesh.vertices, mesh.vertex_normals))
    return vertices, torch.tensor(mesh.faces).long(), normals


@pytest.fixture(scope="module")
def ball():
    """80 faces, a multiple of the ten that nerfstudio takes at a time."""
    return tensors(trimesh.creation.icosphere(1, 0.5))


@pytest.fixture(scope="module")
def box():
    """12 faces."""
    return tensors(trimesh.creation.box((1.0, 2.0, 3.0)))


def corner_weights(coordinates: torch.Tensor) -> torch.Tensor:
    """Weights of each face's corners at each texel's centre, ``[F, S, S, 3]``, by solving for them."""
    centre = (torch.arange(SIDE).double() + 0.5) / SIDE
    column, row = torch.meshgrid(centre, centre, indexing="xy")
    place = torch.stack([column, row, torch.ones_like(row)], dim=-1)
    matrix = torch.cat([coordinates.double(), torch.ones(*coordinates.shape[:2], 1)], dim=-1).transpose(1, 2)
    return torch.einsum("fij,rcj->frci", torch.linalg.inv(matrix), place)


def test_where_faces_are_the_rays_are_nerfstudios(stock, ball):
    coordinates, origins, directions = unwrap_mesh(*ball, num_pixels_per_side=SIDE)
    expected = stock(*ball, num_pixels_per_side=SIDE)
    assert torch.equal(coordinates, expected[0])
    inside = (corner_weights(coordinates) > 1e-3).all(dim=-1).any(dim=0)
    assert inside.float().mean() > 0.3
    for ours, theirs in zip((origins, directions), expected[1:], strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype == torch.float32
        assert torch.allclose(ours[inside], theirs[inside], atol=1e-5)


def test_every_face_has_texels_of_its_own(box):
    vertices, faces, normals = box
    coordinates, origins, directions = unwrap_mesh(*box, num_pixels_per_side=SIDE)
    weights = corner_weights(coordinates)
    for face in range(len(faces)):
        inside = (weights[face] > 1e-3).all(dim=-1)
        assert inside.any()
        at = weights[face][inside].float()
        assert torch.allclose(origins[inside], at @ vertices[faces[face]], atol=1e-4)
        towards = torch.nn.functional.normalize(-at @ normals[faces[face]], dim=-1)
        assert torch.allclose(directions[inside], towards, atol=1e-4)


def test_between_islands_the_ray_is_the_nearest_ones(box):
    coordinates, origins, directions = unwrap_mesh(*box, num_pixels_per_side=SIDE)
    weights = corner_weights(coordinates).amin(dim=-1).amax(dim=0)
    covered, outside = (weights > 1e-6).nonzero(), (weights < -1e-6).nonzero()
    assert len(outside) > 0.1 * SIDE**2
    distance = torch.cdist(outside.double(), covered.double())
    rays = torch.cat([origins, directions], dim=-1)
    for texel, row in zip(outside, distance, strict=True):
        as_near = rays[tuple(covered[row <= row.min() + 1e-9].T)]
        assert (as_near == rays[tuple(texel)]).all(dim=-1).any()


def test_directions_are_units_and_point_inwards(ball):
    _, origins, directions = unwrap_mesh(*ball, num_pixels_per_side=SIDE)
    assert directions.norm(dim=-1) == pytest.approx(1, abs=1e-6)
    assert (directions * origins).sum(dim=-1).max() < -0.4


def test_too_small_a_texture_is_refused(monkeypatch):
    # One face in the texture's corner, which the centre of the only texel is not in.
    corner = np.array([[0.0, 0.0], [0.25, 0.0], [0.0, 0.25]], dtype=np.float32)
    monkeypatch.setattr("xatlas.parametrize", lambda vertices, faces, normals: (np.arange(3), faces, corner))
    with pytest.raises(InputError, match="--num-pixels-per-side"):
        unwrap_mesh(torch.eye(3), torch.tensor([[0, 1, 2]]), torch.eye(3), num_pixels_per_side=1)


class Model:
    """Its colour is the place."""

    def get_outputs_for_camera_ray_bundle(self, bundle):
        place = bundle.origins + bundle.directions * bundle.fars / 2
        return {"rgb": (place + 0.5).clamp(0, 1), "accumulation": torch.ones_like(bundle.fars)}

    def get_rgba_image(self, outputs, name):
        return torch.cat([outputs[name], outputs["accumulation"]], dim=-1)


def test_a_textured_mesh_shows_each_face_its_own_colour(stock, tmp_path):
    replace_unwrapping()
    # Not a multiple of ten, so that nerfstudio's own function would leave out three.
    sphere = trimesh.creation.icosphere(2, 0.5)
    vertices, faces, normals = tensors(sphere)
    mesh = Mesh(vertices, faces[:303], normals)
    pipeline = SimpleNamespace(model=Model(), device=torch.device("cpu"))
    texture_utils.export_textured_mesh(mesh, pipeline, tmp_path, None, num_pixels_per_side=256)  # type: ignore[arg-type]
    textured: Any = trimesh.load_mesh(tmp_path / "mesh.obj", process=False)
    assert len(textured.faces) == 303
    image = np.asarray(textured.visual.material.image)[..., :3] / 255
    u, v = (textured.visual.uv[textured.faces].mean(axis=1) * 256).astype(int).T
    assert np.abs(image[255 - v, u] - (textured.triangles_center + 0.5)).max() < 0.03


def test_a_pipeline_for_evaluation_applies_it_once(stock, monkeypatch):
    monkeypatch.setattr(VanillaPipeline, "__init__", lambda *_, **__: None)
    config = SimpleNamespace(model=SimpleNamespace(_target=S3IMMixin), datamanager=SimpleNamespace(dataparser=None))
    S3IMPipeline(config, "cpu", "inference")  # type: ignore[arg-type]
    once = getattr(texture_utils, NAME)
    assert once.func is unwrap_mesh
    assert inspect.unwrap(once) is stock
    S3IMPipeline(config, "cpu", "inference")  # type: ignore[arg-type]
    assert getattr(texture_utils, NAME) is once


def test_it_takes_nerfstudios_arguments(stock):
    assert list(inspect.signature(unwrap_mesh).parameters) == list(inspect.signature(stock).parameters)


def test_upstream_still_compares_every_texel_with_every_face(stock, ball, monkeypatch):
    """When this and the next fail, nerfstudio's own unwrapping is fast and whole: remove ``compat.texture``."""
    area, compared = texture_utils.get_parallelogram_area, []

    def counted(p, v0, v1):
        result = area(p, v0, v1)
        compared.append(result.numel())
        return result

    monkeypatch.setattr(texture_utils, "get_parallelogram_area", counted)
    stock(*ball, num_pixels_per_side=SIDE)
    assert sum(compared) >= len(ball[1]) * SIDE**2


def test_upstream_still_leaves_out_the_last_faces(stock, box):
    """See there."""
    vertices, faces, _ = box
    coordinates, origins, _ = stock(*box, num_pixels_per_side=SIDE)
    inside = (corner_weights(coordinates) > 1e-3).all(dim=-1)
    for face in (0, 11):
        at = corner_weights(coordinates)[face][inside[face]].float()
        right = torch.allclose(origins[inside[face]], at @ vertices[faces[face]], atol=1e-4)
        assert right == (face < 10)
