"""A few training views, evenly spread, with everything that belongs to them."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.data.few_views import keep_views, spread_evenly, spread_over_poses
from s3im_methods.errors import InputError


@given(total=st.integers(1, 500), data=st.data())
def test_views_are_spread_evenly(total, data):
    count = data.draw(st.integers(1, total))
    chosen = spread_evenly(count, total)
    assert len(set(chosen)) == count
    assert chosen == sorted(chosen)
    assert chosen[0] >= 0 and chosen[-1] < total
    gaps = [after - before for before, after in pairwise(chosen)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def looking(angles: list[float]) -> torch.Tensor:
    """Cameras at one place that look round about, by angles in degrees."""
    radians = torch.tensor(angles).deg2rad()
    zero, one = torch.zeros_like(radians), torch.ones_like(radians)
    rows = [
        [radians.cos(), zero, radians.sin(), zero],
        [zero, one, zero, zero],
        [-radians.sin(), zero, radians.cos(), zero],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=1)


def test_a_path_round_and_round_is_seen_from_all_sides():
    # Every sixth view looks the same way.
    chosen = spread_over_poses(looking([60.0 * k for k in range(36)]), 6)
    assert sorted(k % 6 for k in chosen) == [0, 1, 2, 3, 4, 5]
    assert len({k % 6 for k in spread_evenly(6, 36)}) == 1


@settings(deadline=None)
@given(total=st.integers(1, 40), seed=st.integers(0, 100), data=st.data())
def test_poses_are_covered_at_most_twice_as_coarsely_as_possible(total, seed, data):
    count = data.draw(st.integers(1, total))
    poses = torch.zeros(total, 3, 4)
    poses[:, 2, 2] = 1
    poses[:, 0, 3] = torch.rand(total, generator=torch.Generator().manual_seed(seed))
    chosen = spread_over_poses(poses, count)
    assert chosen == sorted(set(chosen)) and len(chosen) == count and chosen[0] >= 0 and chosen[-1] < total
    apart = (poses[:, 0, 3][:, None] - poses[:, 0, 3]).abs()
    reach = apart[:, chosen].amin(dim=1).max()
    others = [torch.randperm(total, generator=torch.Generator().manual_seed(k))[:count] for k in range(30)]
    assert all(reach <= 2 * apart[:, other].amin(dim=1).max() + 1e-6 for other in others)


def test_poses_that_are_all_the_same():
    assert spread_over_poses(looking([0.0] * 5), 3) == [0, 1, 2]


def test_files_and_cameras_stay_together(scene):
    outputs = scene.config().setup().get_dataparser_outputs("train")
    kept = keep_views(outputs, 2)
    assert [path.name for path in kept.image_filenames] == ["1.png", "3.png"]
    assert kept.mask_filenames is not None
    assert [path.name for path in kept.mask_filenames] == ["1.png", "3.png"]
    assert [path.name for path in kept.metadata["depth_filenames"]] == ["1.png", "3.png"]
    assert kept.cameras.camera_to_worlds.tolist() == outputs.cameras.camera_to_worlds[[1, 3]].tolist()
    assert kept.dataparser_scale == outputs.dataparser_scale
    assert len(outputs.image_filenames) == 4


def test_more_views_than_there_are_is_all_of_them(scene):
    outputs = scene.config().setup().get_dataparser_outputs("train")
    assert keep_views(outputs, 4) is outputs
    assert keep_views(outputs, 99) is outputs


def test_no_view_at_all_is_refused(scene):
    with pytest.raises(InputError, match=r"--pipeline.datamanager.train-views is 0: give 1 or more"):
        keep_views(scene.config().setup().get_dataparser_outputs("train"), 0)
