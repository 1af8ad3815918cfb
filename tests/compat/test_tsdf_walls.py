"""A TSDF's mesh is where seen free space meets something seen, and not where what was seen ends."""

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.exporter.tsdf_utils import TSDF
from nerfstudio.pipelines.base_pipeline import VanillaPipeline

from s3im_methods.compat.tsdf_walls import between_seen, leave_out_walls
from s3im_methods.engine.pipeline import S3IMPipeline
from s3im_methods.errors import NoSurfaceError
from s3im_methods.models.s3im_mixin import S3IMMixin

SIZE, FOCAL = 64, 32.0
VOXEL = 1 / 16


@pytest.fixture()
def stock(monkeypatch):
    """nerfstudio's own method, which the class has again after the test."""
    original = inspect.unwrap(TSDF.get_mesh)
    monkeypatch.setattr(TSDF, "get_mesh", original)
    return original


def plane_seen_from_above(distance: float = 2.5) -> TSDF:
    """A box from -2 to 2: a camera at z = 1.5 looks down at a plane, and sees a square of it and the air between."""
    tsdf = TSDF.from_aabb(torch.tensor([[-2.0] * 3, [2.0] * 3]), torch.tensor([64] * 3))
    pose = torch.eye(4)
    pose[2, 3] = 1.5
    intrinsics = torch.tensor([[FOCAL * 2, 0, SIZE / 2], [0, FOCAL * 2, SIZE / 2], [0, 0, 1]])
    pixel = (torch.arange(SIZE) + 0.5 - SIZE / 2) / (2 * FOCAL)
    depth = distance * (pixel[:, None] ** 2 + pixel[None] ** 2 + 1).sqrt()
    colours = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    tsdf.integrate_tsdf(pose[None], intrinsics[None], depth[None, None], colours)
    return tsdf


def test_only_the_plane_is_left(stock):
    leave_out_walls()
    mesh = plane_seen_from_above().get_mesh()
    # nerfstudio takes the depth of the nearest pixel: at the rim half a pixel is 2.5 * 0.58 / 1.15 * 0.5 / 64 deep.
    assert (mesh.vertices[:, 2] + 1).abs().max() < 0.0105
    # What the camera sees of it is 2.5 wide, less a voxel at its rim.
    extent = mesh.vertices[:, :2].abs().max()
    assert 1.25 - 2 * VOXEL < extent < 1.25 + VOXEL
    area = torch.linalg.cross(*(mesh.vertices[mesh.faces[:, k]] - mesh.vertices[mesh.faces[:, 0]] for k in (1, 2)))
    assert area.norm(dim=1).sum() / 2 == pytest.approx(2.5**2, rel=0.1)


def test_vertices_keep_what_belongs_to_them(stock):
    tsdf = plane_seen_from_above()
    whole = tsdf.get_mesh()
    leave_out_walls()
    mesh = tsdf.get_mesh()
    assert 0 < len(mesh.faces) < len(whole.faces)
    assert mesh.faces.dtype == whole.faces.dtype and set(mesh.faces.flatten().tolist()) == set(
        range(len(mesh.vertices))
    )
    before = {tuple(v): (n, c) for v, n, c in zip(*(part.tolist() for part in parts_of(whole)), strict=True)}
    for vertex, normal, colour in zip(*(part.tolist() for part in parts_of(mesh)), strict=True):
        assert before[tuple(vertex)] == (normal, colour)
    triangles = {tuple(sorted(map(tuple, whole.vertices[face].tolist()))) for face in whole.faces.long()}
    assert all(tuple(sorted(map(tuple, mesh.vertices[face].tolist()))) in triangles for face in mesh.faces.long())


def parts_of(mesh) -> tuple[torch.Tensor, ...]:
    return mesh.vertices, mesh.normals, mesh.colors


def test_where_nothing_else_is_walls_stay_and_are_named(stock, capsys):
    tsdf = plane_seen_from_above(distance=50.0)
    whole = tsdf.get_mesh()
    leave_out_walls()
    mesh = tsdf.get_mesh()
    assert torch.equal(mesh.faces, whole.faces) and torch.equal(mesh.vertices, whole.vertices)
    assert "see no surface in the box" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_a_box_without_any_change_of_sign_is_refused(stock, value):
    """Where no camera sees the box, nerfstudio's marching cubes fails with a message about levels."""
    leave_out_walls()
    tsdf = plane_seen_from_above()
    tsdf.values.fill_(value)
    with pytest.raises(NoSurfaceError, match="--bounding-box-min and --bounding-box-max"):
        tsdf.get_mesh()


def test_vertices_on_voxels_and_beside_them():
    seen = torch.ones(3, 3, 3, dtype=torch.bool)
    seen[2, 1, 1] = False
    places = torch.tensor([[1.0, 1, 1], [1.00001, 1, 1], [0.99999, 0.99999, 1.00001], [1.5, 1, 1], [2, 1, 1.5]])
    assert between_seen(places, seen).tolist() == [True, True, True, False, False]


def test_it_is_applied_once_and_by_a_pipeline_for_evaluation(stock, monkeypatch):
    monkeypatch.setattr(VanillaPipeline, "__init__", lambda *_, **__: None)
    config: Any = SimpleNamespace(
        model=SimpleNamespace(_target=S3IMMixin), datamanager=SimpleNamespace(dataparser=None)
    )
    S3IMPipeline(config, "cpu", "inference")
    once = TSDF.get_mesh
    assert once is not stock and inspect.unwrap(once) is stock
    leave_out_walls()
    assert TSDF.get_mesh is once


def test_upstream_still_builds_walls(stock):
    """When this fails, nerfstudio leaves out what no camera has seen: remove ``compat.tsdf_walls``."""
    mesh = plane_seen_from_above().get_mesh()
    assert (mesh.vertices[:, 2] > 0).any()
