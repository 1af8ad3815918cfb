"""Patch corners against a slow loop, and the order of a patch's pixels."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.samplers.patches import patch_corners, patch_pixels


@settings(deadline=None)
@given(height=st.integers(1, 12), width=st.integers(1, 12), patch_size=st.integers(1, 13), seed=st.integers(0, 1000))
def test_corners_are_those_of_wholly_allowed_squares(height, width, patch_size, seed):
    allowed = torch.rand(height, width, generator=torch.Generator().manual_seed(seed)) < 0.9
    corners = patch_corners(allowed, patch_size)
    rows, columns = max(height - patch_size + 1, 0), max(width - patch_size + 1, 0)
    expected = [
        [bool(allowed[y : y + patch_size, x : x + patch_size].all()) for x in range(columns)] for y in range(rows)
    ]
    # An empty axis leaves nothing to compare but the count of corners.
    assert corners.sum() == sum(map(sum, expected))
    if rows and columns:
        assert corners.tolist() == expected


@settings(deadline=None)
@given(patch_size=st.integers(1, 5), y=st.integers(0, 9), x=st.integers(0, 9))
def test_a_patch_is_listed_row_by_row(patch_size, y, x):
    corners = torch.tensor([[3, 50, 60], [2, y, x]])
    expected = [[2, y + dy, x + dx] for dy in range(patch_size) for dx in range(patch_size)]
    assert patch_pixels(corners, patch_size)[patch_size**2 :].tolist() == expected
