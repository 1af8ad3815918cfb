"""Fewer triangles: as many as asked for, closed, outwards, where the surface was."""

import numpy as np
import pytest
import trimesh

from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.simplification import simplified


def ball(centre=(0.0, 0.0, 0.0), radius=2.0) -> Triangles:
    mesh = trimesh.creation.icosphere(5, radius)
    return Triangles(np.asarray(mesh.vertices) + np.asarray(centre), np.asarray(mesh.faces, dtype=np.int64))


@pytest.mark.parametrize(("centre", "radius"), [((0, 0, 0), 2.0), ((5e5, -4.5e6, 120.0), 2.0), ((0, 0, 0), 2e-4)])
def test_a_ball_stays_a_ball_of_a_tenth_of_its_faces_in_any_unit(centre, radius):
    dense = ball(centre, radius)
    sparse = simplified(dense, 2000)
    assert 1900 < len(sparse.faces) <= 2000 and sparse.faces.dtype == dense.faces.dtype
    mesh = trimesh.Trimesh(sparse.vertices - np.asarray(centre), sparse.faces, process=False)
    assert mesh.is_watertight and mesh.volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.01)
    assert np.linalg.norm(mesh.vertices, axis=1) == pytest.approx(radius, rel=0.005)


def test_a_mesh_that_has_no_more_stays_as_it_is():
    dense = ball()
    assert simplified(dense, len(dense.faces)) is dense


def test_the_border_of_a_flat_sheet_stays_and_its_middle_needs_few_faces():
    grid = np.stack(np.meshgrid(np.arange(41.0), np.arange(41.0), indexing="ij"), -1).reshape(-1, 2)
    corner = (np.arange(40)[:, None] * 41 + np.arange(40)).reshape(-1)
    faces = np.concatenate(
        [np.stack([corner, corner + 41, corner + 1], 1), np.stack([corner + 1, corner + 41, corner + 42], 1)]
    )
    sheet = simplified(Triangles(np.column_stack([grid, np.zeros(len(grid))]), faces), 200)
    assert len(sheet.faces) <= 200
    assert trimesh.Trimesh(sheet.vertices, sheet.faces, process=False).area == pytest.approx(1600, rel=1e-3)
