"""Which texels triangles cover, against a search through all texels; the nearest covered ones; too few of them."""

import numpy as np
import pytest
import trimesh
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from s3im_methods.errors import InputError
from s3im_methods.exporters.mesh import texture, unfolding
from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.texture import covered_texels, make_texture, nearest_covered

SIDE = 12
PLACES = st.floats(-2, SIDE + 2, width=16)
TRIANGLES = arrays(np.float64, st.tuples(st.integers(0, 5), st.just(3), st.just(2)), elements=PLACES)


def all_texels(corners: np.ndarray) -> dict[tuple[int, int, int], np.ndarray]:
    """Weights by face, row and column."""
    found = {}
    for texels in covered_texels(corners, SIDE):
        for face, row, column, weights in zip(texels.face, texels.row, texels.column, texels.weights, strict=True):
            assert (face, row, column) not in found
            found[face, row, column] = weights
    return found


@given(TRIANGLES)
def test_covered_texels_are_those_whose_centre_is_inside(corners):
    found = all_texels(corners)
    for face, triangle in enumerate(corners):
        edges = np.roll(triangle, -1, axis=0) - triangle
        area = edges[0, 0] * edges[1, 1] - edges[0, 1] * edges[1, 0]
        if abs(area) < 1e-3:
            continue
        for row in range(SIDE):
            for column in range(SIDE):
                centre = np.array([column + 0.5, row + 0.5])
                to_centre = centre - triangle
                # Opposite to each corner's edge, so that the weights are those of corners 2, 0 and 1.
                weights = (edges[:, 0] * to_centre[:, 1] - edges[:, 1] * to_centre[:, 0]) / area
                if weights.min() > 1e-6:
                    assert found[face, row, column] == pytest.approx(np.roll(weights, -1), abs=1e-5)
                elif weights.min() < -1e-6:
                    assert (face, row, column) not in found


@given(TRIANGLES, st.integers(1, 300))
def test_the_memory_bound_changes_nothing(corners, bound):
    expected = all_texels(corners)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texture, "_CANDIDATES_AT_ONCE", bound)
        found = all_texels(corners)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[key], expected[key]) for key in found)


def test_few_candidates_are_held_at_once(monkeypatch):
    # Each half of a 6 x 6 square: 36 candidates, of which 21 have their centre inside or on the diagonal.
    half = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    monkeypatch.setattr(texture, "_CANDIDATES_AT_ONCE", 72)
    batches = list(covered_texels(np.stack([half] * 10), SIDE))
    assert len(batches) >= 5
    assert max(len(batch.face) for batch in batches) <= 2 * 21
    assert sum(len(batch.face) for batch in batches) == 10 * 21


@given(arrays(bool, (7, 7)).filter(lambda covered: covered.any()))
def test_the_nearest_covered_texel(covered):
    rows, columns = nearest_covered(covered)
    there = np.argwhere(covered)
    for row in range(7):
        for column in range(7):
            assert covered[rows[row, column], columns[row, column]]
            distance = np.hypot(rows[row, column] - row, columns[row, column] - column)
            assert distance == pytest.approx(np.linalg.norm(there - [row, column], axis=1).min())


def textured_ball(subdivisions: int, side: int) -> texture.Textured:
    ball = trimesh.creation.icosphere(subdivisions, 1.0)
    mesh = Triangles(np.asarray(ball.vertices), np.asarray(ball.faces, dtype=np.int64))
    return make_texture(mesh, mesh.vertices, lambda points, _: np.zeros(points.shape, np.uint8), side, "--side")


@pytest.mark.parametrize(("subdivisions", "side", "is_told"), [(3, 32, True), (3, 128, False), (1, 64, False)])
def test_fewer_texels_than_triangles_get_a_line(capsys, subdivisions, side, is_told):
    textured_ball(subdivisions, side)
    said = " ".join("".join(capsys.readouterr()).split())
    sentence = f"texels for 1280 triangles, so some show the colours of others: give a --side above {side}"
    assert (sentence in said) == is_told == ("texels for" in said)


def test_a_texture_without_a_texel_on_the_mesh_is_refused(monkeypatch):
    def one_point(mesh: Triangles, side: int) -> tuple[np.ndarray, ...]:
        return np.arange(len(mesh.vertices)), mesh.faces, np.full((len(mesh.vertices), 2), 0.5)

    monkeypatch.setattr(unfolding, "unfold", one_point)
    with pytest.raises(InputError, match="No texel of the texture lies on the mesh: give a larger --side"):
        textured_ball(1, 16)
