"""The compiled TSDF against nerfstudio's own, on cameras in general position."""

import inspect

import pytest
import torch
from nerfstudio.exporter.tsdf_utils import TSDF

from s3im_methods.exporters.ns_export.tsdf_kernel import integrate

HEIGHT, WIDTH, VIEWS = 23, 31, 7


def volume() -> TSDF:
    return TSDF.from_aabb(torch.tensor([[-1.0, -0.7, -0.9], [1.1, 0.8, 0.9]]), torch.tensor([17, 12, 15]))


def views(seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Cameras around the volume that look at it, and depth of about their distance, some of it unknown."""
    random = torch.Generator().manual_seed(seed)
    poses = torch.eye(4).repeat(VIEWS, 1, 1)
    for pose in poses:
        back = torch.nn.functional.normalize(torch.randn(3, generator=random), dim=0)
        across = torch.nn.functional.normalize(torch.linalg.cross(torch.tensor([0.0, 0, 1]), back), dim=0)
        pose[:3, :3] = torch.stack([across, torch.linalg.cross(back, across), back], dim=1)
        pose[:3, 3] = 4 * back
    intrinsics = torch.tensor([[40.0, 0, WIDTH / 2 + 1], [0, 37.0, HEIGHT / 2 - 1], [0, 0, 1]]).repeat(VIEWS, 1, 1)
    depth = 3.5 + torch.rand(VIEWS, 1, HEIGHT, WIDTH, generator=random)
    depth[torch.rand(depth.shape, generator=random) < 0.2] = 0
    return poses, intrinsics, depth, torch.rand(VIEWS, 3, HEIGHT, WIDTH, generator=random)


@pytest.mark.parametrize("with_colours", [True, False])
def test_a_volume_is_nerfstudios(with_colours):
    expected, actual = volume(), volume()
    poses, intrinsics, depth, colours = views()
    shown = colours if with_colours else None
    inspect.unwrap(TSDF.integrate_tsdf)(expected, poses, intrinsics, depth, color_images=shown)
    integrate(actual, poses, intrinsics, depth, shown)
    assert (expected.weights > 0).float().mean() > 0.3
    assert (expected.weights == 0).any()
    near = [
        (getattr(actual, name) - getattr(expected, name)).abs().flatten(3).amax(-1) < 1e-4
        if name == "colors"
        else (getattr(actual, name) - getattr(expected, name)).abs() < 1e-4
        for name in ("values", "weights", "colors")
    ]
    # Where a voxel lies between two pixels, rounding decides which one is its own.
    assert torch.stack(near).all(dim=0).float().mean() > 0.995
    assert with_colours or (actual.colors == 0).all()


def test_views_one_by_one_are_views_together():
    together, one_by_one = volume(), volume()
    given = views()
    integrate(together, *given)
    for index in range(VIEWS):
        integrate(one_by_one, *(values[index : index + 1] for values in given))
    for name in ("values", "weights", "colors"):
        assert torch.equal(getattr(together, name), getattr(one_by_one, name)), name
