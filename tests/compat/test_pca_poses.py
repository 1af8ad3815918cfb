"""--orientation-method pca turns all cameras."""

import inspect

import pytest
import torch
from nerfstudio.cameras import camera_utils

from s3im_methods.compat.pca_poses import turn_all_poses


@pytest.fixture
def stock(monkeypatch):
    orient = inspect.unwrap(camera_utils.auto_orient_and_center_poses)
    monkeypatch.setattr(camera_utils, "auto_orient_and_center_poses", orient)
    return orient


def upside_down() -> torch.Tensor:
    """Cameras on a plane that PCA lays flat with their heads down."""
    poses = torch.eye(4).repeat(6, 1, 1)
    poses[:, :2, 3] = torch.tensor([[0.0, 0], [5, 0], [9, 1], [2, 2], [7, 3], [4, 1]])
    for sign in (1.0, -1.0):
        found = poses.clone()
        found[:, :3, :3] = torch.tensor([[1.0, 0, 0], [0, 0, -sign], [0, sign, 0]])
        transform = inspect.unwrap(camera_utils.auto_orient_and_center_poses)(found, "pca", "poses")[1]
        if (transform @ found)[:, 2, 1].mean() > 0 and not torch.allclose(
            inspect.unwrap(camera_utils.auto_orient_and_center_poses)(found, "pca", "poses")[0], transform @ found
        ):
            return found
    raise AssertionError("neither way is upside down")


def test_upstream_still_mirrors_two_poses(stock):
    poses, transform = stock(upside_down(), "pca", "poses")
    assert torch.linalg.det(poses[:, :3, :3]).sign().tolist() == [1, -1, -1, 1, 1, 1]
    assert torch.linalg.det(transform[:, :3]) > 0


def test_all_poses_are_turned(stock):
    given = upside_down()
    turn_all_poses()
    turn_all_poses()
    poses, transform = camera_utils.auto_orient_and_center_poses(given, method="pca", center_method="poses")
    assert torch.equal(poses, transform @ given)
    assert (torch.linalg.det(poses[:, :3, :3]) > 0.99).all() and poses[:, 2, 1].mean() > 0
    assert inspect.unwrap(camera_utils.auto_orient_and_center_poses) is stock


@pytest.mark.parametrize("method", ["up", "vertical", "none", "pca"])
def test_what_was_right_stays_to_the_last_bit(stock, method):
    poses = torch.eye(4).repeat(5, 1, 1)
    poses[:, :3, 3] = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    expected = stock(poses, method, "poses")
    turn_all_poses()
    found = camera_utils.auto_orient_and_center_poses(poses, method, "poses")
    right = torch.linalg.det(expected[0][:, :3, :3]) > 0
    assert torch.equal(found[0][right], expected[0][right]) and torch.equal(found[1], expected[1])
