"""Fetching at pixels, stacked and listed, against indexing one by one."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.samplers.gather import gather_pixels, image_sizes


@settings(deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=6),
    rays=st.integers(1, 20),
    seed=st.integers(0, 1000),
)
def test_listed_values_come_in_the_order_of_the_indices(sizes, rays, seed):
    generator = torch.Generator().manual_seed(seed)
    values = [torch.rand(*size, 3, generator=generator) for size in sizes]
    image = torch.randint(len(sizes), (rays,), generator=generator)
    limits = torch.tensor(sizes)[image]
    yx = (torch.rand(rays, 2, generator=generator) * limits).long()
    indices = torch.cat((image[:, None], yx), dim=1)
    expected = torch.stack([values[i][y, x] for i, y, x in indices.tolist()])
    assert torch.equal(gather_pixels(values, indices), expected)


def test_stacked_and_listed_values_agree():
    stacked = torch.rand(3, 4, 5, 2)
    indices = torch.tensor([[2, 3, 4], [0, 0, 0], [2, 1, 1], [1, 2, 3]])
    assert torch.equal(gather_pixels(stacked, indices), gather_pixels(list(stacked), indices))


def test_what_has_no_pixels_has_no_sizes():
    assert image_sizes(torch.zeros(2, 3, 4)) == [(3, 4), (3, 4)]
    for values in (torch.zeros(2), torch.zeros(2, 7), ["a.png", "b.png"], [torch.zeros(3)], "text", None, 3):
        assert image_sizes(values) is None
