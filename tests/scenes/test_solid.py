"""Ray queries on a mesh joined from several surfaces."""

import numpy as np
import pytest

from s3im_methods.scenes.geometry import box, quad
from s3im_methods.scenes.materials import plain
from s3im_methods.scenes.solid import Solid

SOLID = Solid(
    [
        quad((-1, 1, 1), (2, 0, 0), (0, 0, -2), plain("#ffffff"), spacing=0.4),
        *box((-0.2, -0.2, -0.2), (0.2, 0.2, 0.2), plain("#000000")),
    ]
)


def test_first_hit_names_triangle_place_and_normal():
    hits = SOLID.cast(np.array([0, -1.0, 0]), np.array([[0.05, 1, 0.1], [0.3, 1, 0.1], [0, -1, 0]]))
    assert hits.found.tolist() == [True, True, False]
    assert hits.triangle[2] == -1
    assert hits.t[:2] == pytest.approx([0.8, 2.0])
    assert np.allclose(hits.normal[:2], [0, -1, 0])
    assert SOLID.surface[hits.triangle[:2]].tolist() == [1, 0]
    corners = SOLID.vertices[SOLID.triangles[hits.triangle[:2]]]
    weights = np.stack([1 - hits.bary[:2].sum(axis=1), hits.bary[:2, 0], hits.bary[:2, 1]], -1)
    assert np.allclose(np.einsum("nk,nkd->nd", weights, corners), [[0.04, -0.2, 0.08], [0.6, 1, 0.2]], atol=1e-6)


def test_blocked_looks_only_as_far_as_the_target():
    origins = np.array([[0, -1.0, 0]] * 3)
    targets = np.array([[0, -0.3, 0], [0, 0.9, 0], [0.9, 0.9, 0]])
    assert SOLID.blocked(origins, targets).tolist() == [False, True, False]


def test_a_target_on_a_surface_is_not_blocked_by_it():
    assert not SOLID.blocked(np.array([[0, -1.0, 0]]), np.array([[0, -0.2, 0]]))[0]


def test_distance():
    points = np.array([[0, -0.7, 0], [0.9, 0.75, 0.3]])
    assert SOLID.distance(points) == pytest.approx([0.5, 0.25], abs=1e-6)
