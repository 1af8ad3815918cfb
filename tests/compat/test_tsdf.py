"""A TSDF takes from each camera what is in front of it, as nerfstudio does but for rounding, and nothing behind it."""

import inspect
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from nerfstudio.exporter.tsdf_utils import TSDF
from nerfstudio.pipelines.base_pipeline import VanillaPipeline

from s3im_methods.compat.tsdf import in_front, keep_voxels_in_front
from s3im_methods.engine.pipeline import S3IMPipeline
from s3im_methods.models.s3im_mixin import S3IMMixin

SIZE = 64
FOCAL = 32.0
# Half turns about the y axis: one camera looks along -z, the other along z.
AHEAD, BACK = torch.diag(torch.tensor([1.0, 1, 1, 1])), torch.diag(torch.tensor([-1.0, 1, -1, 1]))
# Powers of two throughout, so that no pixel is decided by rounding.
VOXEL = 1 / 16
# The last bit of the largest distance, over the truncation.
ROUNDING = 2**-21 / (5 * VOXEL) * 1.5


@pytest.fixture()
def stock(monkeypatch):
    """nerfstudio's own method, which the class has again after the test."""
    original = inspect.unwrap(TSDF.integrate_tsdf)
    monkeypatch.setattr(TSDF, "integrate_tsdf", original)
    return original


def empty() -> TSDF:
    """A room of 4 x 4 x 4 around the origin."""
    return TSDF.from_aabb(torch.tensor([[-2.0] * 3, [2.0] * 3]), torch.tensor([64] * 3))


def views(*poses_and_planes: tuple[torch.Tensor, float]) -> tuple[torch.Tensor, ...]:
    """Poses, intrinsics, depth and colours of cameras that each see a plane at a distance along their axis."""
    poses = torch.stack([pose for pose, _ in poses_and_planes])
    intrinsics = torch.tensor([[FOCAL, 0, SIZE / 2], [0, FOCAL, SIZE / 2], [0, 0, 1]]).repeat(len(poses), 1, 1)
    pixel = (torch.arange(SIZE) + 0.5 - SIZE / 2) / FOCAL
    along_ray = (pixel[:, None] ** 2 + pixel[None] ** 2 + 1).sqrt()
    depth = torch.stack([plane * along_ray for _, plane in poses_and_planes])[:, None]
    colours = torch.linspace(0.1, 1, 3 * SIZE * SIZE).reshape(1, 3, SIZE, SIZE).repeat(len(poses), 1, 1, 1)
    return poses, intrinsics, depth, colours


def planes(tsdf: TSDF) -> torch.Tensor:
    """z of the mesh near the cameras' axis and away from them."""
    x, y, z = tsdf.get_mesh().vertices.T
    return z[(x.abs() < 0.25) & (y.abs() < 0.25) & (z.abs() > 0.5)]


def test_a_plane_is_not_built_a_second_time_behind_the_camera(stock):
    keep_voxels_in_front()
    tsdf = empty()
    tsdf.integrate_tsdf(*views((AHEAD, 1.0)))
    assert planes(tsdf) == pytest.approx(-1, abs=0.1 * VOXEL)
    assert tsdf.get_mesh().vertices[:, 2].max() < VOXEL
    assert (tsdf.weights[in_front(tsdf.voxel_coords, AHEAD).logical_not()] == 0).all()


def test_what_is_in_front_is_nerfstudios(stock):
    keep_voxels_in_front()
    tsdf, expected = empty(), empty()
    given = views((AHEAD, 1.0))
    tsdf.integrate_tsdf(*given)
    stock(expected, *given)
    front = in_front(tsdf.voxel_coords, AHEAD)
    assert (expected.weights[front] > 0).any()
    for name in ("values", "weights", "colors"):
        torch.testing.assert_close(getattr(tsdf, name)[front], getattr(expected, name)[front], atol=ROUNDING, rtol=0)


def test_with_everything_in_front_it_is_nerfstudios(stock):
    keep_voxels_in_front()
    outside = AHEAD.clone()
    outside[2, 3] = 4.0
    tsdf, expected = empty(), empty()
    given = views((outside, 3.0), (outside, 4.0))
    tsdf.integrate_tsdf(*given)
    stock(expected, *given)
    for name in ("values", "weights", "colors"):
        torch.testing.assert_close(getattr(tsdf, name), getattr(expected, name), atol=ROUNDING, rtol=0)


def test_without_the_kernel_it_is_nerfstudios_to_the_last_bit(stock, monkeypatch):
    monkeypatch.setattr("s3im_methods.compat.tsdf.fused_available", lambda: False)
    keep_voxels_in_front()
    tsdf, expected = empty(), empty()
    given = views((AHEAD, 1.0))
    tsdf.integrate_tsdf(*given)
    stock(expected, *given)
    front = in_front(tsdf.voxel_coords, AHEAD)
    for name in ("values", "weights", "colors"):
        assert torch.equal(getattr(tsdf, name)[front], getattr(expected, name)[front]), name


def test_each_camera_of_a_batch_has_its_own_front(stock):
    keep_voxels_in_front()
    tsdf = empty()
    tsdf.integrate_tsdf(*views((AHEAD, 1.0), (BACK, 0.75)))
    found = planes(tsdf)
    assert found[found < 0] == pytest.approx(-1, abs=0.1 * VOXEL)
    assert found[found > 0] == pytest.approx(0.75, abs=0.1 * VOXEL)
    assert len(found[found < 0]) > 0
    assert len(found[found > 0]) > 0


def test_depth_without_colours(stock):
    keep_voxels_in_front()
    tsdf = empty()
    tsdf.integrate_tsdf(*views((AHEAD, 1.0))[:3])
    assert planes(tsdf) == pytest.approx(-1, abs=0.1 * VOXEL)
    assert (tsdf.colors == 0).all()


def test_masks_are_still_refused(stock):
    keep_voxels_in_front()
    with pytest.raises(NotImplementedError, match="Mask images"):
        empty().integrate_tsdf(*views((AHEAD, 1.0)), mask_images=torch.ones(1, 1, SIZE, SIZE, dtype=torch.bool))


def test_it_is_applied_once(stock):
    keep_voxels_in_front()
    once = TSDF.integrate_tsdf
    keep_voxels_in_front()
    assert TSDF.integrate_tsdf is once


def test_a_pipeline_for_evaluation_applies_it(stock, monkeypatch):
    monkeypatch.setattr(VanillaPipeline, "__init__", lambda *_, **__: None)
    config: Any = SimpleNamespace(
        model=SimpleNamespace(_target=S3IMMixin), datamanager=SimpleNamespace(dataparser=None)
    )
    S3IMPipeline(config, "cpu", "inference")
    assert TSDF.integrate_tsdf is not stock
    assert inspect.unwrap(TSDF.integrate_tsdf) is stock


def test_in_front_of_a_camera_anywhere():
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))
    pose = torch.cat([rotation, torch.tensor([[0.5], [-2.0], [1.0]])], dim=1)
    points = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(1))
    local = torch.linalg.solve(rotation, points.reshape(3, -1) - pose[:, 3:])
    assert torch.equal(in_front(points, pose).reshape(-1), local[2] < 0)


def test_upstream_still_needs_it(stock):
    """When this fails, nerfstudio leaves voxels behind cameras alone (issue 2067): remove ``compat.tsdf``."""
    tsdf = empty()
    stock(tsdf, *views((AHEAD, 1.0)))
    found = planes(tsdf)
    assert found[found > 0] == pytest.approx(1, abs=0.1 * VOXEL)
    assert len(found[found > 0]) > 0
