"""The drawing of cameras: directions on paper, colours, and that all fits onto it."""

import numpy as np
import pytest

from s3im_methods.checkup.placement import Placement, draw_placement, view_axes


def placement(count: int = 8, scale: float = 1.0, **drawn) -> Placement:
    poses = np.tile(np.eye(4)[:3], (count, 1, 1))
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    poses[:, :, 3] = scale * np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=-1)
    return Placement(poses, np.full((count, 2), 0.4), np.arange(count) % 4 == 0, **drawn)


def coloured(image, colour) -> np.ndarray:
    return (np.abs(np.asarray(image).astype(int) - colour).max(-1) < 40).nonzero()


def test_axes_of_the_paper_are_orthonormal_and_up_is_up():
    right, up = view_axes()
    assert right @ right == pytest.approx(1) and up @ up == pytest.approx(1) and right @ up == pytest.approx(0)
    assert up[2] > 0.5 and right[2] == 0


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_all_fits_onto_the_paper_whatever_the_unit(scale):
    image = draw_placement(placement(scale=scale, sphere=((0.0, 0.0, 0.0), 1.5 * scale)), 300)
    rows, columns = (np.asarray(image) != 250).any(-1).nonzero()
    assert 250 < np.ptp(rows) < 300 and 200 < np.ptp(columns) <= 300


def test_training_views_are_blue_and_held_out_ones_orange():
    image = draw_placement(placement(), 300)
    below = np.asarray(image)[60:]
    assert len(coloured(below, (30, 90, 200))[0]) > len(coloured(below, (225, 110, 20))[0]) > 20


def test_a_camera_that_stands_higher_is_drawn_higher():
    poses = np.tile(np.eye(4)[:3], (2, 1, 1))
    poses[1, 2, 3] = 5.0
    image = draw_placement(Placement(poses, np.full((2, 2), 0.3), np.array([False, True])), 600)
    # Beside the legend.
    right = np.asarray(image)[:, 200:]
    blue, orange = coloured(right, (30, 90, 200))[0], coloured(right, (225, 110, 20))[0]
    assert orange.mean() < blue.mean() - 50


def test_points_and_box_are_drawn():
    plain = np.asarray(draw_placement(placement(box=np.array([[-2.0] * 3, [2.0] * 3])), 200))
    points = np.random.default_rng(0).uniform(-1, 1, size=(500, 3))
    dotted = np.asarray(draw_placement(placement(box=np.array([[-2.0] * 3, [2.0] * 3]), points=points), 200))
    assert (plain != 250).any() and (plain != dotted).any(-1).sum() > 100


def test_cameras_at_one_place_are_drawn_too():
    poses = np.tile(np.eye(4)[:3], (3, 1, 1))
    draw_placement(Placement(poses, np.full((3, 2), 5.0), np.zeros(3, bool)), 100)
