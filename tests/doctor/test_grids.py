"""The grids' check passes where the kernels are right, and fails where they are not."""

import math

import pytest
import torch

from s3im_methods.doctor import grids
from s3im_methods.doctor.findings import Settings
from s3im_methods.encodings import FusedHashEncoding, sdf_hash_grid


def test_our_kernels_agree_with_nerfstudio_here():
    finding = grids.look_at_grids("cpu")(Settings())
    assert finding.state == "ok" and set(finding.numbers) == {"forward", "first_derivatives"}
    finding = grids.look_at_surface_grids("cpu")(Settings())
    assert finding.state == "ok" and set(finding.numbers) == {"forward", "first_derivatives", "second_derivatives"}


def test_the_users_random_numbers_are_left_alone():
    before = torch.random.get_rng_state()
    grids.grid_errors("cpu")
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("factor", [1.001, math.nan])
def test_a_wrong_feature_is_found(factor, monkeypatch):
    right = FusedHashEncoding.pytorch_fwd
    monkeypatch.setattr(FusedHashEncoding, "pytorch_fwd", lambda self, points: right(self, points) * factor)
    finding = grids.look_at_grids("cpu")(Settings())
    assert finding.state == "broken" and "implementation torch" in finding.remedy


def test_a_wrong_second_derivative_alone_is_found(monkeypatch):
    right = sdf_hash_grid._FollowPoints.backward

    def backward(ctx, gradient):
        same, none, by_points = right(ctx, gradient)
        return same, none, by_points.detach() + 1.01 * (by_points - by_points.detach())

    monkeypatch.setattr(sdf_hash_grid._FollowPoints, "backward", staticmethod(backward))
    errors = grids.surface_grid_errors("cpu")
    assert errors.pop("second derivatives") > grids.TOLERANCE
    assert max(errors.values()) < grids.TOLERANCE
    assert grids.look_at_surface_grids("cpu")(Settings()).state == "broken"


def test_which_implementation_is_named(monkeypatch):
    assert grids.look_at_grids("cpu")(Settings()).detail.startswith("fused (Numba) on cpu")
    monkeypatch.setattr(grids, "fused_available", lambda: False)
    assert grids.look_at_grids("cpu")(Settings()).detail.startswith("nerfstudio's code (Numba cannot be imported)")
