"""Mesh files that can be measured, and the sentences about those that cannot."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from s3im_methods.errors import InputError
from s3im_methods.metrics.surface_file import load_surface


@pytest.mark.parametrize("ending", ["ply", "obj", "glb", "stl", "off"])
def test_formats(tmp_path, ending):
    path = tmp_path / f"ball.{ending}"
    ball = trimesh.creation.icosphere(2, 0.5)
    ball.export(path)
    assert load_surface(path).area == pytest.approx(ball.area, rel=1e-5)


def test_all_meshes_of_a_scene_count(tmp_path):
    scene = trimesh.Scene([trimesh.creation.box((1, 1, 1)), trimesh.creation.box((2, 2, 2))])
    scene.export(tmp_path / "two.glb")
    assert load_surface(tmp_path / "two.glb").area == pytest.approx(6 + 24)


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        load_surface(path)
    return str(error.value)


def test_no_file(tmp_path):
    assert refusal(tmp_path / "none.ply").endswith("none.ply': give a PLY, OBJ, GLB, STL or OFF file.")


def test_a_damaged_file(tmp_path):
    path = tmp_path / "torn.ply"
    trimesh.creation.icosphere(2).export(path)
    path.write_bytes(path.read_bytes()[:300])
    assert refusal(path).endswith("cannot be read as a mesh: give an undamaged PLY, OBJ, GLB, STL or OFF file.")


def test_no_faces(tmp_path):
    path = tmp_path / "cloud.ply"
    trimesh.PointCloud(np.eye(3)).export(path)
    assert refusal(path).endswith("cloud.ply' has no faces, only points or nothing: give a mesh of triangles.")


def test_vertices_that_are_no_numbers(tmp_path):
    ball = trimesh.creation.icosphere(1)
    vertices = ball.vertices.copy()
    vertices[[3, 7], 1] = np.nan, np.inf
    path = tmp_path / "nan.ply"
    trimesh.Trimesh(vertices, ball.faces, process=False).export(path)
    assert "nan.ply' has 2 of 42 vertices that are not finite numbers (the first is vertex 3): " in refusal(path)


def test_faces_that_name_no_vertex(tmp_path):
    path = tmp_path / "wrong.off"
    path.write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 5\n")
    assert "wrong.off'" in refusal(path)


def test_faces_without_area(tmp_path):
    path = tmp_path / "line.off"
    path.write_text("OFF\n3 1 0\n0 0 0\n1 0 0\n2 0 0\n3 0 1 2\n")
    assert "line.off' has faces, but none with an area" in refusal(path)
