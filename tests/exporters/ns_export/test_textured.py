"""Textures of ns-export: each face has its own colours, and nothing but texels on the mesh is asked for."""

import inspect
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from nerfstudio.exporter import texture_utils
from nerfstudio.exporter.exporter_utils import Mesh
from nerfstudio.field_components.field_heads import FieldHeadNames

from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.unfolding import Unfolded
from s3im_methods.exporters.ns_export.textured import write_textured_mesh

SIDE = 128


class Model:
    """Its rays show the place halfway, and its field half of that."""

    def __init__(self) -> None:
        self.rays, self.points = [], 0

    def get_outputs_for_camera_ray_bundle(self, bundle: Any) -> dict[str, torch.Tensor]:
        self.rays.append(bundle)
        place = bundle.origins + bundle.directions * bundle.fars / 2
        return {"rgb": (place + 0.5).clamp(0, 1), "accumulation": torch.ones_like(bundle.fars)}

    def get_rgba_image(self, outputs: dict[str, torch.Tensor], name: str) -> torch.Tensor:
        return torch.cat([outputs[name], outputs["accumulation"]], dim=-1)

    def field(self, samples: Any) -> dict[FieldHeadNames, torch.Tensor]:
        self.points += len(samples.frustums.origins)
        return {FieldHeadNames.RGB: (samples.frustums.origins + 0.5) / 2}


class Surface(Model):
    def surface_value(self, points: torch.Tensor) -> torch.Tensor:
        return points.norm(dim=-1) - 0.5


@pytest.fixture()
def ball() -> Mesh:
    sphere: Any = trimesh.creation.icosphere(2, 0.5)
    parts = (torch.tensor(np.array(part)) for part in (sphere.vertices, sphere.faces, sphere.vertex_normals))
    vertices, faces, normals = parts
    return Mesh(vertices.float(), faces.long(), normals.float())


def shown_and_places(path: Any) -> tuple[np.ndarray, np.ndarray]:
    """Colours in the middle of each face, and where that is."""
    textured: Any = trimesh.load_mesh(path, process=False)
    image = np.asarray(textured.visual.material.image)[..., :3] / 255
    assert image.shape == (SIDE, SIDE, 3)
    u, v = (textured.visual.uv[textured.faces].mean(axis=1) * SIDE).astype(int).T
    return image[SIDE - 1 - v, u], np.asarray(textured.triangles_center)


def test_a_field_without_surface_is_rendered_where_the_mesh_is(ball, tmp_path):
    model = Model()
    write_textured_mesh(ball, model, tmp_path / "mesh.obj", SIDE, plain=True)
    shown, places = shown_and_places(tmp_path / "mesh.obj")
    assert len(shown) == 320
    assert np.abs(shown - (places + 0.5)).max() < 0.05
    assert model.points == 0
    assert 0.2 * SIDE**2 < sum(len(rays) for rays in model.rays) < 0.95 * SIDE**2
    edge = torch.linalg.vector_norm(ball.vertices[ball.faces[:, 1]] - ball.vertices[ball.faces[:, 0]], dim=-1).mean()
    torch.testing.assert_close(model.rays[0].fars.max(), 2 * edge, rtol=1e-4, atol=0)
    inwards = (model.rays[0].origins * model.rays[0].directions).sum(dim=-1)
    assert inwards.max() < -0.4


def test_a_surface_is_asked_for_its_colours_directly(ball, tmp_path):
    model = Surface()
    write_textured_mesh(ball, model, tmp_path / "mesh.obj", SIDE, plain=True)
    shown, places = shown_and_places(tmp_path / "mesh.obj")
    assert np.abs(shown - (places + 0.5) / 2).max() < 0.05
    assert model.rays == []
    assert model.points < 0.95 * SIDE**2


def test_another_output_is_rendered(ball, tmp_path):
    model = Surface()
    write_textured_mesh(ball, model, tmp_path / "mesh.obj", SIDE, plain=False)
    shown, places = shown_and_places(tmp_path / "mesh.obj")
    assert np.abs(shown - (places + 0.5)).max() < 0.05
    assert model.points == 0


@pytest.mark.filterwarnings("error")
def test_a_vertex_without_normal(ball, tmp_path):
    ball.normals[0] = torch.nan
    write_textured_mesh(ball, Model(), tmp_path / "mesh.obj", SIDE, plain=True)
    assert "nan" not in (tmp_path / "mesh.obj").read_text()


def test_too_small_a_texture_is_refused(tmp_path, monkeypatch):
    # One face in the texture's corner, which the centre of the only texel is not in.
    corner = np.array([[0.0, 0.0], [0.25, 0.0], [0.0, 0.25]])
    flat = Unfolded(np.arange(3), np.arange(3)[None], corner)
    monkeypatch.setattr("s3im_methods.exporters.mesh.unfolding.unfold", lambda mesh, side: flat)
    mesh = Mesh(torch.eye(3), torch.tensor([[0, 1, 2]]), torch.eye(3))
    with pytest.raises(InputError, match="--num-pixels-per-side"):
        write_textured_mesh(mesh, Surface(), tmp_path / "mesh.obj", 1, plain=True)
    assert list(tmp_path.iterdir()) == []


def test_upstream_still_compares_texels_with_ten_faces_at_a_time():
    """When this fails, nerfstudio's textures may be quick and whole: see whether ``ns_export.textured`` is needed."""
    source = inspect.getsource(inspect.unwrap(texture_utils.unwrap_mesh_with_xatlas))
    assert "range(num_faces // num_faces_per_barycentric_chunk)" in source
