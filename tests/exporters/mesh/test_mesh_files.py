"""Files hold the mesh as it is: vertices, faces, normals, colours, and the texture at its place."""

from typing import Any

import numpy as np
import pytest
import trimesh

from s3im_methods.exporters.mesh.appearance import vertex_normals
from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.mesh_files import write_mesh, write_textured
from s3im_methods.exporters.mesh.texture import make_texture


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
    """The one mesh of a file, as it lies there: to force a mesh would make trimesh compute normals anew."""
    read: Any = trimesh.load(path, process=False)
    return next(iter(read.geometry.values())) if isinstance(read, trimesh.Scene) else read


@pytest.mark.parametrize("ending", ["ply", "obj", "glb"])
def test_colours_and_normals_are_in_every_format(ball, tmp_path, ending):
    path = tmp_path / f"mesh.{ending}"
    # Inwards: normals that trimesh makes up by itself, where it finds none, would point the other way.
    write_mesh(path, ball, -vertex_normals(ball), hue(ball.vertices))
    read = read_back(path)
    assert read.vertices == pytest.approx(ball.vertices, abs=1e-5)
    assert np.array_equal(read.faces, ball.faces)
    assert read.vertex_normals == pytest.approx(-vertex_normals(ball), abs=1e-5)
    assert np.asarray(read.visual.vertex_colors)[:, :3].astype(int) == pytest.approx(
        hue(ball.vertices).astype(int), abs=1
    )


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
