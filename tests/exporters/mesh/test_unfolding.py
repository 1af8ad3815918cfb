"""Meshes laid flat: nothing lies on anything else, nothing is torn from its corners, and nothing shrinks much."""

from typing import Any

import numpy as np
import pytest
import trimesh

from s3im_methods.exporters.mesh import unfolding
from s3im_methods.exporters.mesh.marching import Triangles
from s3im_methods.exporters.mesh.texture import covered_texels
from s3im_methods.exporters.mesh.unfolding import Unfolded, unfold

SIDE = 256


def ball(noise: float = 0.0) -> Triangles:
    sphere: Any = trimesh.creation.icosphere(4, 0.5)
    vertices = np.array(sphere.vertices)
    return Triangles(vertices + noise * np.random.default_rng(0).normal(size=vertices.shape), np.array(sphere.faces))


def stairs(turns: int) -> Triangles:
    """A ramp round an axis: all of it faces upwards, and each turn lies over the last one."""
    angle = np.linspace(0, 2 * np.pi * turns, 60 * turns)
    inner, outer = (np.stack([r * np.cos(angle), r * np.sin(angle), 0.05 * angle], axis=1) for r in (1.0, 2.0))
    here, count = np.arange(len(angle) - 1), len(angle)
    halves = [(here, count + here, here + 1), (here + 1, count + here, count + here + 1)]
    return Triangles(np.concatenate([inner, outer]), np.concatenate([np.stack(half, axis=1) for half in halves]))


def covered_twice(flat: Unfolded) -> int:
    counts = np.zeros((SIDE, SIDE), dtype=int)
    for texels in covered_texels(flat.uv[flat.faces] * SIDE, SIDE):
        inside = texels.weights.min(axis=1) > 1e-3
        np.add.at(counts, (texels.row[inside], texels.column[inside]), 1)
    assert (counts > 0).mean() > 0.25
    return int((counts > 1).sum())


def areas(corners: np.ndarray) -> np.ndarray:
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    if corners.shape[-1] == 2:
        return np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
    return np.linalg.norm(np.cross(a, b), axis=-1) / 2


def assert_whole(flat: Unfolded, mesh: Triangles) -> None:
    assert np.array_equal(flat.source[flat.faces], mesh.faces)
    assert flat.uv.min() >= 0 and flat.uv.max() <= 1
    shares = areas(flat.uv[flat.faces]) / areas(mesh.vertices[mesh.faces])
    # A triangle is seen at a cosine of 0.4 at least; xatlas rounds small pieces up.
    assert shares.min() > 0.39 * np.median(shares)


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_a_closed_surface(noise):
    mesh = ball(noise)
    flat = unfold(mesh, SIDE)
    assert_whole(flat, mesh)
    assert covered_twice(flat) == 0
    if noise == 0:
        # Few seams: six caps, whose borders have copies.
        assert len(flat.source) < 1.2 * len(mesh.vertices)


@pytest.mark.parametrize("turns", [1, 3])
def test_what_lies_over_itself_is_cut(turns, monkeypatch):
    mesh = stairs(turns)
    flat = unfold(mesh, SIDE)
    assert_whole(flat, mesh)
    assert covered_twice(flat) == 0
    monkeypatch.setattr(unfolding, "_ROUNDS", 0)
    assert (covered_twice(unfold(mesh, SIDE)) > 1000) == (turns > 1)


def test_a_mesh_far_from_the_origin_has_its_shape():
    near = ball()
    far = unfold(Triangles(near.vertices + 1e6, near.faces), SIDE)
    assert_whole(far, near)
    assert covered_twice(far) == 0


def test_triangles_without_area_and_lone_ones():
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 5], [1, 0, 5], [0, 1, 6]])
    mesh = Triangles(vertices, np.array([[0, 1, 2], [0, 1, 1], [2, 2, 2], [3, 4, 5]]))
    flat = unfold(mesh, SIDE)
    assert np.array_equal(flat.source[flat.faces], mesh.faces)
    assert covered_twice(flat) == 0


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e4])
def test_no_triangle_grows_in_any_unit(unit):
    """Small pieces keep their scale: noise leaves many of one triangle each."""
    mesh = ball(0.01)
    mesh = Triangles(mesh.vertices * unit, mesh.faces)
    flat = unfold(mesh, SIDE)
    shares = areas(flat.uv[flat.faces]) / areas(mesh.vertices[mesh.faces])
    assert shares.max() < 3 * np.median(shares)
    assert covered_twice(flat) == 0


@pytest.mark.parametrize("side", [16, 256])
def test_the_kernel_finds_what_numpy_finds(side, monkeypatch):
    mesh = stairs(3)
    # Not cut apart: turns lie over each other. Equal heights and triangles without area are among them.
    monkeypatch.setattr(unfolding, "_ROUNDS", 0)
    flat = unfold(mesh, side)
    flat.uv[flat.faces[5]] = 0.5
    height = mesh.vertices[mesh.faces][..., 2].mean(axis=1).round(1)
    found = unfolding._below_others(flat, height, side)
    monkeypatch.setattr(unfolding, "fused_available", lambda: False)
    expected = unfolding._below_others(flat, height, side)
    assert np.array_equal(found, expected) and 0.3 < expected.mean() < 0.9
