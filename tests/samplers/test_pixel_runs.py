"""A table of runs lists exactly the members, draws them evenly, and stays small."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from s3im_methods.samplers.pixel_runs import PixelRuns, runs_of


def random_members(sizes: list[tuple[int, int]], seed: int, density: float = 0.5) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(size, generator=generator) < density for size in sizes]


def table_of(members: list[torch.Tensor]) -> PixelRuns:
    return PixelRuns([runs_of(image) for image in members], [(image.shape[0], image.shape[1]) for image in members])


@settings(deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
    density=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
)
def test_ranks_enumerate_exactly_the_members_in_raster_order(sizes, seed, density):
    members = random_members(sizes, seed, density)
    expected = [[i, *yx] for i, image in enumerate(members) for yx in image.nonzero().tolist()]
    table = table_of(members)
    assert len(table) == len(expected)
    assert table.nth(torch.arange(len(table))).tolist() == expected


def test_members_are_drawn_evenly_from_images_of_different_sizes():
    members = random_members([(4, 7), (9, 3), (1, 1), (5, 5)], seed=1)
    members[2][:] = True
    table = table_of(members)
    draws = 200 * len(table)
    drawn = table.draw(draws, torch.Generator().manual_seed(5))
    counts = torch.stack([(drawn == member).all(dim=1).sum() for member in table.nth(torch.arange(len(table)))])
    assert counts.sum() == draws
    chi_square = ((counts - 200.0) ** 2 / 200).sum()
    freedom = len(table) - 1
    # Five standard deviations; far below, the draw would not be random.
    assert abs(chi_square - freedom) < 5 * (2 * freedom) ** 0.5


def test_a_table_of_a_drawn_shape_is_far_smaller_than_a_list_of_its_pixels():
    y, x = torch.meshgrid(torch.arange(300.0), torch.arange(400.0), indexing="ij")
    disc = (y - 150) ** 2 + (x - 200) ** 2 < 140**2
    table = table_of([disc, torch.ones(300, 400, dtype=torch.bool)])
    assert table.nbytes < 8 * len(table) / 100


def test_images_beyond_four_billion_pixels_are_addressed_exactly():
    sides = [(60_000, 60_000), (60_000, 60_000)]
    table = PixelRuns([torch.tensor([[0, 60_000**2]])] * 2, sides)
    assert table.nth(torch.tensor([2 * 60_000**2 - 1])).tolist() == [[1, 59_999, 59_999]]
