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


TEXTS = {
    "quad.obj": "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf -4 -3 -2 -1\n",
    "parts.obj": "o a\nv 0 0 0\nv 1 0 0\nv 1 1 0\nf 1 2 3\n"
    + "o b\nv 0 0 5\nv 1 0 5\nv 1 1 5\nvn 0 0 1\nf 4//1 5//1 6//1\n",
    "mixed.off": "OFF\n# by hand\n5 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n9 9 9\n4 0 1 2 3\n3 0 0 0\n",
    "facets.stl": "solid s\n"
    + "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 1 1 0\nendloop\nendfacet\n" * 2
    + "endsolid s\n",
}


@pytest.mark.parametrize("line", ["\n", "\r\n"])
@pytest.mark.parametrize("name", TEXTS)
def test_files_of_other_programs(tmp_path, name, line):
    (tmp_path / name).write_bytes(TEXTS[name].replace("\n", line).encode())
    assert load_surface(tmp_path / name).area == pytest.approx(1)


def test_nodes_of_a_glb_move_their_meshes(tmp_path):
    scene, box = trimesh.Scene(), trimesh.creation.box((1, 1, 1))
    scene.add_geometry(box, transform=trimesh.transformations.scale_matrix(2))
    scene.add_geometry(box, transform=trimesh.transformations.translation_matrix([10, 0, 0]))
    scene.export(tmp_path / "nodes.glb")
    mesh = load_surface(tmp_path / "nodes.glb")
    assert mesh.area == pytest.approx(24 + 6)
    assert mesh.bounds == pytest.approx(np.array([[-1, -1, -1], [10.5, 1, 1]]))


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
