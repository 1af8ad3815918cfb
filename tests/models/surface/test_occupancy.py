"""Steps in occupied cells, of which a sharp surface takes those that count."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from s3im_methods.models.surface.occupancy import steps_that_count
from s3im_methods.rays.occupied_steps import Steps


def field(threshold: float = 1e-4) -> Any:
    """A sharpness of 100 and a band of 5: what is within 0.05 of the surface counts."""
    opacity = SimpleNamespace(sharpness=lambda: torch.tensor([100.0]))
    config = SimpleNamespace(band=5.0, color_weight_threshold=threshold)
    return SimpleNamespace(opacity=opacity, config=config)


def steps(rays: list[int], length: float = 0.06) -> Steps:
    starts = torch.arange(len(rays)) * length
    return Steps(torch.tensor(rays), starts, starts + length)


@pytest.mark.parametrize(("threshold", "behind"), [(1e-4, False), (0.0, True)])
def test_what_is_clear_and_what_is_behind_a_solid_are_left_out(threshold, behind):
    #       clear  near  solid  solid  behind a transmittance of exp(-12)
    sdf = [0.2, 0.07, -0.09, -0.1, -0.1, -0.03, 0.01, 0.2]
    found = steps_that_count(steps([0] * 8), torch.tensor(sdf), field(threshold))
    assert found.tolist() == [False, True, True, True, behind, behind, behind, False]


def test_each_ray_begins_anew():
    sdf = [-0.2, -0.2, -0.2, 0.0, 0.01, -0.2, -0.2, -0.2, 0.0]
    found = steps_that_count(steps([2, 2, 2, 2, 5, 7, 7, 7, 7]), torch.tensor(sdf), field())
    assert found.tolist() == [True, True, False, False, True, True, True, False, False]


def test_thousands_of_rays_do_not_blur_the_sum():
    rays = torch.arange(3000).repeat_interleave(3).tolist()
    sdf = torch.tensor([-0.2, -0.2, -0.03]).repeat(3000)
    found = steps_that_count(steps(rays, length=0.045), sdf, field())
    # Two solid steps let exp(-9) through, which is more than the threshold.
    assert found.all()
