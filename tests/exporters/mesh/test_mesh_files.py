"""Files hold the mesh as it is: vertices, faces, normals, colours, and the texture at its place."""

from pathlib import Path
from typing import Any

import numpy as np
import open3d as o3d
import pytest
import trimesh
from PIL import Image

from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh.appearance import vertex_normals
from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.mesh_files import write_mesh, write_textured
from s3im_methods.exporters.mesh.texture import make_texture
from s3im_methods.metrics.surface_file import load_surface


@pytest.fixture(scope="module")
def ball() -> Triangles:
    sphere = trimesh.creation.icosphere(3, 2.0)
    return Triangles(sphere.vertices + np.array([5.0, 0, -3.0]), np.asarray(sphere.faces, dtype=np.int64))


def hue(points, _normals=None):
    """A colour that tells the place, smooth enough for a small texture."""
    return np.round((points - [5.0, 0, -3.0]) / 2 * 100 + 120).astype(np.uint8)


def test_normals_are_those_of_the_ball(ball):
    assert vertex_normals(ball) == pytest.approx((ball.vertices - [5.0, 0, -3.0]) / 2, abs=0.02)


def read_back(path) -> Any:
    """The one mesh of a file, as it lies there."""
    read: Any = trimesh.load(path, process=False)
    return next(iter(read.geometry.values())) if isinstance(read, trimesh.Scene) else read


def ply_parts(path: Path) -> tuple[list[str], dict[str, np.ndarray], np.ndarray]:
    """Header, vertex properties and triangles of a binary PLY, by the format's own rule."""
    head, body = path.read_bytes().split(b"end_header\n", 1)
    lines = head.decode().splitlines()
    count = {line.split()[1]: int(line.split()[2]) for line in lines if line.startswith("element")}
    codes = {"float": "<f4", "double": "<f8", "uchar": "u1"}
    kinds = [line.split()[1:] for line in lines if line.startswith("property") and "list" not in line]
    kind = np.dtype([(name, codes[code]) for code, name in kinds])
    vertices = np.frombuffer(body, kind, count["vertex"])
    faces = np.frombuffer(body, [("n", "u1"), ("i", "<i4", 3)], count["face"], count["vertex"] * kind.itemsize)
    assert len(body) == vertices.nbytes + faces.nbytes
    assert (faces["n"] == 3).all()
    return lines, {name: vertices[name] for name in kind.names or ()}, faces["i"]


def test_a_ply_byte_by_byte(ball, tmp_path):
    normals, colours = vertex_normals(ball), hue(ball.vertices)
    write_mesh(tmp_path / "mesh.ply", ball, -normals, colours)
    lines, vertex, faces = ply_parts(tmp_path / "mesh.ply")
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    assert "property float x" in lines and "property list uchar int vertex_indices" in lines
    assert np.stack([vertex[axis] for axis in "xyz"], 1) == pytest.approx(ball.vertices, abs=1e-5)
    assert np.stack([vertex[f"n{axis}"] for axis in "xyz"], 1) == pytest.approx(-normals, abs=1e-6)
    assert np.array_equal(np.stack([vertex[name] for name in ("red", "green", "blue")], 1), colours)
    assert np.array_equal(faces, ball.faces)
    second = o3d.io.read_triangle_mesh(str(tmp_path / "mesh.ply"))  # pyright: ignore[reportArgumentType]
    assert np.asarray(second.vertex_colors) * 255 == pytest.approx(colours, abs=1e-3)
    assert np.asarray(second.vertex_normals) == pytest.approx(-normals, abs=1e-5)


def test_a_coloured_obj_line_by_line(ball, tmp_path):
    normals, colours = vertex_normals(ball), hue(ball.vertices)
    write_mesh(tmp_path / "mesh.obj", ball, -normals, colours)
    assert [path.name for path in tmp_path.iterdir()] == ["mesh.obj"]
    rows = obj_rows(tmp_path / "mesh.obj")
    assert set(rows) == {"v", "vn", "f"}
    vertices = np.array(rows["v"], dtype=np.float64)
    assert vertices[:, :3] == pytest.approx(ball.vertices, abs=1e-6)
    assert vertices[:, 3:] * 255 == pytest.approx(colours, abs=1e-3)
    assert np.array(rows["vn"], dtype=np.float64) == pytest.approx(-normals, abs=1e-6)
    corners = np.array([[corner.split("/") for corner in face] for face in rows["f"]])
    assert (corners[..., 1] == "").all()
    assert np.array_equal(corners[..., 0].astype(int) - 1, ball.faces)
    assert np.array_equal(corners[..., 0], corners[..., 2])


def obj_rows(path: Path) -> dict[str, list[list[str]]]:
    rows: dict[str, list[list[str]]] = {}
    for line in path.read_text().splitlines():
        name, *values = line.split()
        rows.setdefault(name, []).append(values)
    return rows


def test_a_textured_obj_names_its_material_and_its_image(ball, tmp_path):
    normals = vertex_normals(ball)
    texture = make_texture(ball, normals, lambda points, _: hue(points), 128)
    write_textured(tmp_path / "my fine mesh.obj", ball, normals, texture)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"my fine mesh.obj", "my_fine_mesh.mtl", "my_fine_mesh.png"}
    assert obj_rows(tmp_path / "my fine mesh.obj")["mtllib"] == [["my_fine_mesh.mtl"]]
    assert (tmp_path / "my_fine_mesh.mtl").read_text() == "newmtl texture\nKd 1 1 1\nmap_Kd my_fine_mesh.png\n"
    assert obj_rows(tmp_path / "my fine mesh.obj")["usemtl"] == [["texture"]]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "my_fine_mesh.png")), texture.image)


FAR = np.array([4.5e6, 5.0e5, 120.0])


@pytest.mark.parametrize("ending", ["ply", "obj", "glb"])
def test_far_from_the_origin_nothing_is_lost(ball, tmp_path, ending):
    """Map coordinates, in which float32 has steps of half a metre."""
    path = tmp_path / f"mesh.{ending}"
    write_mesh(path, Triangles(ball.vertices + FAR, ball.faces), vertex_normals(ball), hue(ball.vertices))
    if ending == "ply":
        lines, vertex, _ = ply_parts(path)
        assert "property double x" in lines
        found = np.stack([vertex[axis] for axis in "xyz"], 1)
    elif ending == "obj":
        found = np.array(obj_rows(path)["v"], dtype=np.float64)[:, :3]
    else:
        found = load_surface(path).vertices
    assert np.abs(found - FAR - ball.vertices).max() < 1e-6


def test_far_from_the_origin_a_texture_has_room_for_every_face(ball):
    far = Triangles(ball.vertices + FAR, ball.faces)
    texture = make_texture(far, vertex_normals(far), lambda points, _: hue(points - FAR), 256)
    u, v = (texture.uv[texture.faces].mean(axis=1) * 256).astype(int).T
    middle = far.vertices[texture.source[texture.faces]].mean(axis=1) - FAR
    assert np.abs(texture.image[255 - v, u].astype(int) - hue(middle)).mean() < 2


def test_what_fails_halfway_leaves_the_old_file(ball, tmp_path, monkeypatch):
    write_mesh(tmp_path / "mesh.ply", ball, vertex_normals(ball), hue(ball.vertices))
    before = (tmp_path / "mesh.ply").read_bytes()

    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", no_space)
    with pytest.raises(InputError, match="No space"):
        write_mesh(tmp_path / "mesh.ply", ball, -vertex_normals(ball), hue(ball.vertices))
    assert [path.name for path in tmp_path.iterdir()] == ["mesh.ply"]
    assert (tmp_path / "mesh.ply").read_bytes() == before


@pytest.mark.parametrize("ending", ["obj", "glb"])
def test_the_texture_shows_each_point_its_own_colour(ball, tmp_path, ending):
    normals = vertex_normals(ball)
    seen = []

    def paint(points, towards):
        seen.append(np.abs((points - [5.0, 0, -3.0]) / 2 - towards).max())
        return hue(points)

    texture = make_texture(ball, normals, paint, 512)
    assert max(seen) < 0.05
    assert texture.image.shape == (512, 512, 3)
    path = tmp_path / f"mesh_textured.{ending}"
    write_textured(path, ball, normals, texture)
    read = read_back(path)
    assert read.area == pytest.approx(trimesh.Trimesh(ball.vertices, ball.faces).area, rel=1e-4)
    # Trimesh looks the colours up by itself, so that the direction of v is checked too.
    colours = np.asarray(read.visual.to_color().vertex_colors)[:, :3].astype(int)
    assert np.abs(colours - hue(read.vertices).astype(int)).mean() < 2


def test_no_texel_is_left_blank(ball):
    texture = make_texture(ball, vertex_normals(ball), lambda points, _: np.full((len(points), 3), 200, np.uint8), 128)
    assert (texture.image == 200).all()
