"""Meshes in other units, places and axes are told apart from meshes that are only bad."""

from typing import Any

import numpy as np
import pytest
import trimesh

from s3im_methods.metrics.plausibility import hints, residual_hint
from s3im_methods.metrics.surface import sample_surface

Z_UP_TO_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def points(seed: int) -> np.ndarray:
    """A lopsided thing, 2 to 3 from the origin."""
    parts = [
        trimesh.creation.box((1.0, 1.2, 0.2)),
        trimesh.creation.box((1.0, 0.1, 1.5), trimesh.transformations.translation_matrix([0, 0.55, 0.75])),
    ]
    mesh: Any = trimesh.util.concatenate(parts)
    return sample_surface(mesh.vertices, mesh.faces, 5000, seed).points + np.array([1.0, 0.5, 2.0])


@pytest.mark.parametrize(
    "change",
    [
        lambda own: own,
        lambda own: own + np.random.default_rng(0).normal(size=own.shape) * 0.1,
        lambda own: own * 1.2 + [0.2, 0.1, 0],
        lambda own: own[own[:, 2] < 2.3],
        lambda own: np.concatenate([own, [[900.0, 0, 0], [0, -900, 0]]]),
        lambda own: np.concatenate([own, np.random.default_rng(0).uniform(-3, 5, own.shape)]),
    ],
    ids=["same", "noise", "a little off", "half of it", "floaters", "much around it"],
)
def test_bad_meshes_are_only_bad(change):
    assert hints(change(points(0)), points(1)) == []


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1000, "1,000 times larger than the reference"),
        (0.001, "1,000 times smaller than the reference"),
        (100, "as centimetres and metres are"),
        (25.4, "as millimetres and inches are"),
        (10, "as millimetres and centimetres are"),
        (17, "17 times larger"),
    ],
)
def test_other_units(factor, words):
    (hint,) = hints(factor * points(0), points(1))
    assert words in " ".join(hint.split())
    assert "--align similarity" in hint
    assert ("metres" in hint or "inches" in hint) == (factor != 17)


@pytest.mark.parametrize("way", [Z_UP_TO_Y_UP, Z_UP_TO_Y_UP.T, Z_UP_TO_Y_UP @ Z_UP_TO_Y_UP])
def test_another_axis_up(way):
    (hint,) = hints(points(0) @ way.T, points(1))
    assert "seems to have another axis up. Give --align rigid" in hint


def test_the_turn_is_named():
    (hint,) = hints(points(0) @ Z_UP_TO_Y_UP.T, points(1))
    assert "(x, y, z = x, -z, y)" in hint


def test_left_handed_axes():
    (hint,) = hints(points(0) * [1, -1, 1], points(1))
    assert hint.startswith("Mirrored (x, y, z = x, -y, z)")


def test_another_place():
    (hint,) = hints(points(0) + np.array([40.0, 0, 0]), points(1))
    assert hint.startswith("The boxes of the meshes do not overlap: the prediction lies from (40.")
    assert "--align rigid" in hint


def test_a_residual():
    assert residual_hint(0.01, points(1), "rigid") is None
    hint = residual_hint(0.2, points(1), "rigid")
    assert hint is not None and "0.2 apart" in hint and "--align similarity" in hint
    hint = residual_hint(0.2, points(1), "similarity")
    assert hint is not None and "--align" not in hint
