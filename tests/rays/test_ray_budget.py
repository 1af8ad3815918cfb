"""How many rays a step takes: whatever happens, within bounds, and where samples are steady, at the target."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3im_methods.rays.ray_budget import FEWEST, MOST, RayBudget, next_budget, rays_of


@given(
    budget=st.floats(FEWEST, MOST),
    samples=st.integers(0, 10**9),
    target=st.integers(1, 10**7),
)
def test_any_number_of_samples_keeps_the_rays_within_bounds(budget, samples, target):
    rays = rays_of(next_budget(budget, rays_of(budget), samples, target))
    assert FEWEST <= rays <= MOST and rays % 64 == 0


@pytest.mark.parametrize(("per_ray", "expected"), [(38, 256), (8, 1024), (6, 1365), (1, 4096), (0, 4096)])
def test_it_settles_where_the_samples_are_at_the_target(per_ray, expected):
    budget = 256.0
    for _ in range(200):
        budget = next_budget(budget, rays_of(budget), per_ray * rays_of(budget), 8192)
    assert abs(rays_of(budget) - expected) <= 32


def test_one_odd_step_changes_little():
    assert next_budget(1024.0, 1024, 0, 8192) < 1.4 * 1024
    assert next_budget(1024.0, 1024, 10**9, 8192) > 0.89 * 1024


def test_its_state_is_in_the_checkpoint():
    budget, other = RayBudget(8192), RayBudget(8192)
    for _ in range(20):
        budget.note(budget.rays, 5 * budget.rays)
    other.load_state_dict(budget.state_dict())
    assert budget.rays == other.rays > FEWEST
