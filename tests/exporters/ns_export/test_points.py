"""As many points as are wanted, in the box; an end, with a reason, where there are none."""

import re

import pytest
import torch
from nerfstudio.data.scene_box import OrientedBox

from s3im_methods.errors import InputError, NoSurfaceError
from s3im_methods.exporters.ns_export.points import AxisBox, WantedPoints

RAYS = 1 << 15


def spread(count: int, seed: int = 0) -> torch.Tensor:
    """In a cube from -1 to 1."""
    return 2 * torch.rand(count, 3, generator=torch.Generator().manual_seed(seed)) - 1


def test_no_more_than_are_wanted_and_from_all_over_the_batch():
    wanted = WantedPoints(150, 100)
    assert wanted.within(spread(100)).sum() == 100
    kept = wanted.within(spread(100, 1))
    assert kept.sum() == 50
    assert 10 < kept[50:].sum() < 40
    assert wanted.within(spread(100, 2)).sum() == 0


def test_both_boxes_count():
    oriented = OrientedBox.from_params((0.5, 0.0, 0.0), (0.0, 0.0, 0.3), (1.0, 1.0, 1.0))
    points = spread(1000)
    kept = WantedPoints(9999, 1000, [oriented, AxisBox((-1, -1, 0), (1, 1, 1))]).within(points)
    assert torch.equal(kept, oriented.within(points) & (points[:, 2] > 0))
    assert 0 < kept.sum() < oriented.within(points).sum()


def test_points_that_are_no_numbers_are_left_out():
    points = spread(10)
    points[3, 1] = torch.nan
    assert WantedPoints(99, 10).within(points).tolist() == [index != 3 for index in range(10)]


def asked_until_refused(wanted: WantedPoints, points: torch.Tensor, most: int = 20) -> tuple[int, str]:
    for batch in range(most):
        try:
            wanted.within(points)
        except InputError as error:
            return batch + 1, str(error)
    raise AssertionError("never refused")


def test_a_box_without_points_ends_and_says_where_they_are():
    wanted = WantedPoints(1000, RAYS, [AxisBox((5, 5, 5), (6, 6, 6))], "--obb-center and more")
    batches, answer = asked_until_refused(wanted, spread(RAYS))
    assert batches == 4
    assert answer.startswith(f"Of {4 * RAYS} points that the training cameras see, 0 lie in the box")
    named = [float(number) for number in re.findall(r"-?0\.\d+", answer)]
    assert named == pytest.approx([-0.96] * 3 + [0.96] * 3, abs=0.01)
    assert answer.endswith("Give another box with --obb-center and more, in scene units.")


def test_a_box_that_would_take_days_ends_too():
    box = AxisBox((0.99, 0.99, 0.99), (1, 1, 1))
    points = torch.cat([spread(RAYS - 1).clamp(max=0.9), torch.tensor([[0.995, 0.995, 0.995]])])
    assert ", 4 lie in the box" in asked_until_refused(WantedPoints(1_000_000, RAYS, [box]), points)[1]
    # Few points of the same box are found soon.
    few = WantedPoints(10, RAYS, [box])
    assert sum(int(few.within(points).sum()) for _ in range(20)) == 10


def test_empty_space():
    with pytest.raises(NoSurfaceError, match="nothing but empty space"):
        wanted = WantedPoints(10, RAYS)
        for _ in range(20):
            wanted.within(spread(0))
