"""The true mesh of a scene: what cannot be measured is said before anything is trained."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import trimesh

from s3im_methods.compare.axes import parse_axis
from s3im_methods.compare.job import Judging
from s3im_methods.compare.plan import Request, look_at_scenes
from s3im_methods.compare.surfaces import check_true_mesh
from s3im_methods.errors import InputError


@pytest.fixture
def scene(room, tmp_path) -> Path:
    """The room, whose mesh may be changed."""
    return shutil.copytree(room, tmp_path / "scene")


def refusal(scene: Path) -> str:
    with pytest.raises(InputError) as error:
        check_true_mesh(scene, (0.05,))
    return str(error.value)


def test_a_mesh_that_can_be_measured_or_none(scene):
    check_true_mesh(scene, (0.05,))
    (scene / "mesh.ply").unlink()
    check_true_mesh(scene, (0.05,))


def test_points_and_damaged_files(scene):
    trimesh.PointCloud([[0.0, 0.0, 0.0]]).export(scene / "mesh.ply")
    said = f"'{scene}/mesh.ply' has no faces, only points or nothing: give a mesh of triangles, or give --no-meshes."
    assert refusal(scene) == said
    (scene / "mesh.ply").write_bytes(b"ply")
    assert refusal(scene).endswith(
        " cannot be read as a mesh: give an undamaged PLY, OBJ, GLB, STL or OFF file, or give --no-meshes."
    )


def test_a_mesh_in_other_coordinates_and_cameras_of_another_kind(scene):
    # High above the room, where no camera looks.
    trimesh.creation.box(bounds=[[0, 0, 500], [1, 1, 501]]).export(scene / "mesh.ply")
    listed = scene / "transforms.json"
    assert refusal(scene) == (
        f"No training camera of '{listed}' sees any of '{scene}/mesh.ply': give a mesh in the coordinates of that "
        "scene's transforms.json, or give --no-meshes."
    )
    text = listed.read_text()
    listed.write_text(
        text.replace('"OPENCV"', '"OPENCV_FISHEYE"').replace('"p1": 0.0', '"k3": 0.0').replace('"p2"', '"k4"')
    )
    assert listed.read_text() != text
    assert (
        refusal(scene)
        == "Measuring only what cameras see needs perspective cameras, and the scene has others: give --no-meshes."
    )


def test_only_comparisons_that_judge_meshes_look_at_it(scene):
    (scene / "mesh.ply").write_bytes(b"ply")
    request = Request(("s3im-neus-facto-lite",), (scene,), (0,), (parse_axis("loss=s3im"),))
    with pytest.raises(InputError, match="or give --no-meshes"):
        look_at_scenes(request)
    look_at_scenes(replace(request, judging=Judging(meshes=False)))
    look_at_scenes(replace(request, methods=("s3im-nerfacto-lite",)))
