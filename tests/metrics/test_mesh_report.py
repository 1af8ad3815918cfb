"""What counts of two meshes, and against what it is measured."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from s3im_methods.errors import InputError
from s3im_methods.metrics.mesh_report import Comparison, compare_meshes
from s3im_methods.metrics.surface import one_way, sample_surface
from s3im_methods.scenes import RoomConfig, write_scene

SAMPLES = 8000


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("reported") / "room"
    return write_scene(
        RoomConfig(width=24, height=18, train_views=4, test_views=2, light_samples=4, supersampling=1), out
    )


def scaled(room: Path, path: Path, factor: float) -> Path:
    mesh: Any = trimesh.load(room / "mesh.ply", process=False)
    centre = mesh.bounds.mean(axis=0)
    mesh.vertices = centre + factor * (mesh.vertices - centre)
    mesh.export(path)
    return path


def test_culled_points_are_measured_against_whole_surfaces(room, tmp_path):
    predicted = scaled(room, tmp_path / "larger.ply", 1.05)
    report = compare_meshes(predicted, room / "mesh.ply", Comparison((0.05,), SAMPLES, 3, scene=room))
    assert 0 < max(report.kept) < 1
    seeds = np.random.SeedSequence(3).generate_state(2).tolist()
    meshes: list[Any] = [trimesh.load(path, process=False) for path in (predicted, room / "mesh.ply")]
    whole = [sample_surface(m.vertices, m.faces, SAMPLES, s) for m, s in zip(meshes, seeds, strict=True)]
    assert np.array_equal(report.accuracies, one_way(report.predicted, whole[1]).distance)
    assert np.array_equal(report.gaps, one_way(report.reference, whole[0]).distance)
    # The prediction, which is larger, has the points farther apart.
    assert report.spacing[0] == pytest.approx(1.05 * report.spacing[1], rel=1e-4)
    assert report.spacing[1] == pytest.approx(np.sqrt(meshes[1].area / SAMPLES))


def test_normals_turn_to_the_cameras_that_see_them(room, tmp_path):
    mesh: Any = trimesh.load(room / "mesh.ply", process=False)
    mesh.invert()
    mesh.export(tmp_path / "inverted.ply")
    settings = Comparison((0.05,), SAMPLES, 0, scene=room)
    report = compare_meshes(tmp_path / "inverted.ply", room / "mesh.ply", settings)
    table = np.linalg.norm(report.predicted.points[:, None] - report.reference.points[None, ::3], axis=-1)
    nearest = report.reference.normals[::3][table.argmin(axis=1)]
    cosines = (report.predicted.normals * nearest).sum(axis=1)
    # At edges the nearest point may be on the other face.
    parallel = np.abs(cosines) > 0.9
    assert parallel.mean() > 0.5
    assert (cosines[parallel] > 0).mean() > 0.95


def test_what_lies_behind_the_occluder_by_no_more_than_the_largest_threshold_counts(room, tmp_path):
    predicted = scaled(room, tmp_path / "larger.ply", 1.03)
    strict, lenient = (
        compare_meshes(
            predicted, room / "mesh.ply", Comparison(thresholds, SAMPLES, 0, scene=room, occluder="reference")
        ).kept
        for thresholds in ((0.001,), (0.001, 0.3))
    )
    assert lenient[0] > 2 * strict[0]


def test_a_scene_that_cannot_be_used_is_refused_before_the_meshes_are_read(room, tmp_path):
    meta = json.loads((room / "transforms.json").read_text())
    (tmp_path / "fisheye.json").write_text(json.dumps({**meta, "camera_model": "OPENCV_FISHEYE"}))
    for folder in ("images", "depths"):
        (tmp_path / folder).symlink_to(room / folder)
    gone = tmp_path / "gone.ply"
    with pytest.raises(InputError, match="Measuring only what cameras see needs perspective cameras"):
        compare_meshes(gone, gone, Comparison((0.01,), SAMPLES, 0, scene=tmp_path / "fisheye.json"))


def test_the_prediction_hides_none_of_the_reference(room, tmp_path):
    """A smaller room stands before all of the true one, which counts as if it were alone."""
    settings = Comparison((0.01,), SAMPLES, 0, scene=room)
    alone = compare_meshes(room / "mesh.ply", room / "mesh.ply", settings)
    hidden = compare_meshes(scaled(room, tmp_path / "smaller.ply", 0.9), room / "mesh.ply", settings)
    assert hidden.kept[1] == alone.kept[1]
    assert hidden.as_dict()["kept_share"] == {"predicted": hidden.kept[0], "reference": hidden.kept[1]}
