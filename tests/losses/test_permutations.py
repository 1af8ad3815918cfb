"""Random orders: permutations, uniform, from their own generator."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from s3im_methods.losses.permutations import random_permutations, valid_first


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(count=st.integers(0, 4), length=st.integers(0, 40))
def test_every_row_is_a_permutation(count, length):
    rows = random_permutations(count, length, generator())
    assert rows.shape == (count, length) and rows.dtype == torch.int64
    assert torch.equal(rows.sort(1).values, torch.arange(length).expand(count, length))


def test_every_ray_is_equally_often_at_every_place():
    count, length = 6000, 5
    rows = random_permutations(count, length, generator())
    frequency = torch.nn.functional.one_hot(rows, length).double().mean(0)
    # Five standard errors of a frequency.
    assert (frequency - 1 / length).abs().max() < 5 * (0.2 * 0.8 / count) ** 0.5
    pairs = (rows[1:] == rows[:-1]).double().mean()
    assert abs(pairs - 1 / length) < 5 * (0.2 * 0.8 / (count * length)) ** 0.5


def test_the_global_random_numbers_are_left_alone():
    before = torch.get_rng_state()
    first = random_permutations(2, 30, generator(1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, random_permutations(2, 30, generator(1)))
    assert not torch.equal(first, random_permutations(2, 30, generator(2)))


@given(valid=st.lists(st.booleans(), min_size=0, max_size=30), seed=st.integers(0, 5))
def test_valid_rays_come_first_in_their_order(valid, seed):
    rows = random_permutations(3, len(valid), generator(seed))
    expected = [sorted(row, key=lambda ray: not valid[ray]) for row in rows.tolist()]
    assert valid_first(rows, torch.tensor(valid, dtype=torch.bool)).tolist() == expected
