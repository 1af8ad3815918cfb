"""A mesh is drawn with its colours, turns once, and a room is looked into through its walls."""

from typing import Any

import numpy as np
import pytest
import trimesh
from trimesh.visual import ColorVisuals

from s3im_methods.errors import InputError
from s3im_methods.exporters.film.mesh_frames import mesh_frames
from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.mesh_files import write_mesh

SIZE = (64, 64)


def test_a_ball_shows_the_colours_of_the_side_that_faces_the_viewer(tmp_path):
    ball = trimesh.creation.icosphere(3, 2.0)
    ball.apply_translation([100.0, 5.0, -3.0])
    south = ball.vertices[:, 1] < 5.0
    colours = np.where(south[:, None], [255, 0, 0, 255], [0, 0, 255, 255]).astype(np.uint8)
    ball.visual = ColorVisuals(ball, vertex_colors=colours)
    for name in ("ball.ply", "ball.glb"):
        ball.export(tmp_path / name)
        first, second = mesh_frames(tmp_path / name, 2, SIZE)
        assert first.shape == (*SIZE, 3) and first.dtype == np.uint8
        # The first frame is seen from the front, that is from negative y.
        assert first[32, 32, 0] > 150 and first[32, 32, 2] == 0
        assert second[32, 32, 2] > 150 and second[32, 32, 0] == 0
        assert (first[0, 0] == 250).all()
        covered = (first != 250).any(axis=-1).mean()
        assert 0.5 < covered < 0.9


def test_a_mid_grey_is_as_bright_in_every_format(tmp_path):
    """glTF's colours of vertices are linear."""
    ball = trimesh.creation.icosphere(3, 1.0)
    surface, normals = Triangles(np.asarray(ball.vertices), np.asarray(ball.faces, np.int64)), ball.vertex_normals
    shown = []
    for ending in ("ply", "obj", "glb"):
        path = tmp_path / f"ball.{ending}"
        write_mesh(path, surface, normals, np.full((len(ball.vertices), 3), 128, np.uint8))
        (frame,) = mesh_frames(path, 1, SIZE)
        shown.append(int(frame[32, 32, 0]))
    assert 100 < shown[0] <= 128 and shown == pytest.approx([shown[0]] * 3, abs=2)


@pytest.mark.parametrize("other", [trimesh.load_path([[[0, 0, 0], [0, 0, 1]]]), trimesh.PointCloud([[0, 0, 0]])])
def test_lines_and_points_beside_a_mesh_change_no_colours(tmp_path, other):
    ball = trimesh.creation.icosphere(3, 1.0)
    ball.visual = ColorVisuals(ball, vertex_colors=np.full((len(ball.vertices), 4), [60, 60, 60, 255], np.uint8))
    shown = []
    for name, parts in (("alone", [ball]), ("beside", [ball, other])):
        trimesh.Scene(parts).export(tmp_path / f"{name}.glb")
        shown.append(next(mesh_frames(tmp_path / f"{name}.glb", 1, SIZE)))
    assert (shown[0] == shown[1]).all()
    assert 100 < shown[0][32, 32, 0] < 140


def test_a_mesh_without_colours_is_grey_and_shaded(tmp_path):
    trimesh.creation.icosphere(3, 1.0).export(tmp_path / "ball.stl")
    (frame,) = mesh_frames(tmp_path / "ball.stl", 1, SIZE)
    red, green, blue = frame[32, 32]
    assert red == green == blue and red > 150
    edge = frame[32, np.flatnonzero((frame[32] != 250).any(axis=-1))[1]]
    assert edge[0] < red - 30


def test_a_room_is_looked_into_through_its_walls(tmp_path):
    """Its walls face inwards, and hide nothing from outside."""
    walls = trimesh.creation.box((4.0, 4.0, 2.0))
    walls.invert()
    inside = trimesh.creation.icosphere(3, 0.8)
    mesh: Any = trimesh.util.concatenate([walls, inside])
    colours = np.zeros((len(mesh.vertices), 4), np.uint8) + 255
    colours[len(walls.vertices) :] = [0, 200, 0, 255]
    mesh.visual = ColorVisuals(mesh, vertex_colors=colours)
    mesh.export(tmp_path / "room.ply")
    (frame,) = mesh_frames(tmp_path / "room.ply", 1, SIZE)
    assert frame[32, 32, 1] > 100 and frame[32, 32, 0] == 0


def test_what_is_no_mesh_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^No mesh at "):
        next(mesh_frames(tmp_path / "gone.ply", 1, SIZE))
