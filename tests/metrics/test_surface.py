"""Distances between surfaces against closed forms, brute force and Open3D's exact ones."""

from typing import Any

import numpy as np
import open3d as o3d
import pytest
import trimesh

from s3im_methods.metrics.surface import SurfacePoints, one_way, sample_surface, surface_scores, triangle_areas


def sampled(mesh: Any, seed: int, count: int = 100_000) -> SurfacePoints:
    return sample_surface(mesh.vertices, mesh.faces, count, seed)


def scores(predicted: Any, reference: Any, *thresholds: float):
    there, here = sampled(predicted, 1), sampled(reference, 2)
    return surface_scores(one_way(there, here), one_way(here, there), thresholds)


def rectangle(width: float, height: float = 1.0, z: float = 0.0) -> trimesh.Trimesh:
    corners = [[0, 0, z], [width, 0, z], [width, height, z], [0, height, z]]
    return trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]], process=False)


def test_concentric_spheres_are_their_radii_apart():
    inner, outer = trimesh.creation.icosphere(5, 1.0), trimesh.creation.icosphere(5, 1.1)
    found = scores(outer, inner, 0.095, 0.105)
    assert found.accuracy == pytest.approx(0.1, abs=1e-3)
    assert found.completeness == pytest.approx(0.1, abs=1e-3)
    assert found.chamfer_l1 == pytest.approx(0.1, abs=1e-3)
    assert found.accuracy_median == pytest.approx(0.1, abs=1e-3)
    assert [(at.precision, at.recall, at.f_score) for at in found.at] == [(0, 0, 0), (1, 1, 1)]
    assert found.normal_consistency > 0.999


def test_shifted_planes_are_as_far_apart_as_they_were_shifted():
    found = scores(rectangle(1, z=0.05), rectangle(1), 0.06)
    assert found.chamfer_l1 == pytest.approx(0.05, abs=3e-4)
    assert found.at[0].f_score == 1


def test_half_a_plane_is_accurate_and_not_complete():
    """Of the plane, half is covered; the rest is 0 to 1/2 away, in even shares."""
    found = scores(rectangle(0.5), rectangle(1), 0.25)
    floor = 0.5 * np.sqrt(1 / 100_000)
    assert found.accuracy == pytest.approx(floor, rel=0.05)
    assert found.completeness == pytest.approx(0.125, abs=3e-3)
    assert found.completeness_median < 0.01
    assert found.chamfer_l1 == pytest.approx((found.accuracy + found.completeness) / 2)
    (at,) = found.at
    assert at.precision == 1
    assert at.recall == pytest.approx(0.75, abs=5e-3)
    assert at.f_score == pytest.approx(2 * 0.75 / 1.75, abs=5e-3)


def test_normals_at_an_angle_agree_by_its_cosine_whichever_way_they_point():
    tilted = rectangle(1).apply_transform(trimesh.transformations.rotation_matrix(np.radians(60), [1, 0, 0]))
    tilted.invert()
    found = scores(tilted, rectangle(1))
    assert found.normals_predicted == pytest.approx(0.5)
    assert found.normals_reference == pytest.approx(0.5)
    assert found.normal_consistency == pytest.approx(0.5)


def test_the_directions_normals_are_told_apart():
    """A step: the prediction lacks the riser, whose normal no tread shares."""
    riser = trimesh.Trimesh([[1, 0, 0], [1, 0, 2], [1, 1, 2], [1, 1, 0]], [[0, 1, 2], [0, 2, 3]], process=False)
    step = trimesh.util.concatenate([rectangle(1), riser])
    found = scores(rectangle(1), step)
    # Points of the tread on its edge may be nearest to a point of the riser.
    assert found.normals_predicted > 0.99
    assert found.normals_reference == pytest.approx(1 / 3, abs=0.01)


def test_nearest_points_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    here, there = rng.normal(size=(300, 3)), rng.normal(size=(200, 3))
    found = one_way(SurfacePoints(here, here), SurfacePoints(there, there))
    table = np.linalg.norm(here[:, None] - there[None], axis=-1)
    assert found.distance == pytest.approx(table.min(axis=1))
    assert found.agreement == pytest.approx(np.abs((here * there[table.argmin(axis=1)]).sum(axis=1)))


def test_distances_are_those_of_open3d():
    """Open3D measures to the triangles themselves; ours exceed that by no more than the spacing of the points."""
    rng = np.random.default_rng(1)
    reference = trimesh.creation.icosphere(4)
    predicted = reference.copy()
    predicted.vertices *= 1 + 0.1 * rng.random((len(predicted.vertices), 1))
    here, there = sampled(predicted, 1, 20_000), sampled(reference, 2, 400_000)
    caster = o3d.t.geometry.RaycastingScene()
    tensor = o3d.core.Tensor.from_numpy
    caster.add_triangles(tensor(reference.vertices.astype(np.float32)), tensor(reference.faces.astype(np.uint32)))
    exact = caster.compute_distance(tensor(here.points.astype(np.float32))).numpy()
    found = one_way(here, there).distance
    assert (found > exact - 1e-5).all()
    assert found.mean() == pytest.approx(exact.mean(), abs=1.5e-3)


def test_points_are_spread_by_area_and_repeat_with_their_seed():
    mesh = trimesh.util.concatenate([rectangle(1), rectangle(3, z=5.0)])
    points = sampled(mesh, 3)
    high = points.points[:, 2] > 1
    assert high.mean() == pytest.approx(0.75, abs=6e-3)
    # Uniform within the large rectangle: mean and variance of each coordinate.
    assert points.points[high].mean(axis=0) == pytest.approx([1.5, 0.5, 5.0], abs=0.02)
    assert points.points[high, :2].var(axis=0) == pytest.approx([9 / 12, 1 / 12], rel=0.03)
    assert np.abs(points.normals) == pytest.approx(np.tile([0, 0, 1.0], (len(points.points), 1)))
    assert np.array_equal(points.points, sampled(mesh, 3).points)
    assert not np.array_equal(points.points, sampled(mesh, 4).points)


def test_triangles_without_area_are_never_drawn():
    mesh = rectangle(1)
    faces = np.concatenate([[[0, 0, 1]], mesh.faces, [[2, 2, 2]]])
    assert triangle_areas(mesh.vertices, faces).tolist() == [0, 0.5, 0.5, 0]
    assert np.isfinite(sample_surface(mesh.vertices, faces, 10_000, 0).normals).all()
