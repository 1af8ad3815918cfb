"""Evaluate a function on a grid only where its surface is: first coarsely, then block by block along the surface."""

from collections.abc import Callable, Iterable
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from s3im_methods.exporters.mesh.grid import Grid
from s3im_methods.exporters.mesh.memory import MemoryBudget
from s3im_methods.progress import task, track

BLOCK = 16
"""Cells along each side of a block."""

Signed = Callable[[NDArray], NDArray[np.float32]]
"""From points ``[N, 3]`` to values ``[N]``: positive inside, NaN where nothing is known."""
Blocks = dict[tuple[int, int, int], NDArray[np.float32]]
"""Values at the nodes of blocks, at most 17 along each axis, by the block's place among the blocks."""

_BLOCKS_AT_ONCE = 53
_SIDES = [side for side in product((-1, 0, 1), repeat=3) if any(side)]
# A node on the surface itself would give several vertices in one place.
_LEAST = 1e-3


def evaluate_blocks(function: Signed, grid: Grid, budget: MemoryBudget) -> Blocks:
    """The values in all blocks that the surface passes through.

    A coarse pass, every fourth node or fewer, finds where to begin; from there the surface is followed from block to
    block, so that a part which the coarse pass misses is found if it hangs together with one that it sees.

    Args:
        function: Its surface is where it changes its sign.
        grid: Where.
        budget: What memory may be used.

    Returns:
        The blocks; nodes that blocks share have the same value in all of them, to the last bit.

    Raises:
        InputError: If the surface does not fit into the memory.
    """
    blocks: Blocks = {}
    waiting = _first_blocks(function, grid, budget)
    known = set(waiting)
    with task("Following the surface") as steps:
        while waiting:
            budget.check_blocks(len(known), max(grid.cells))
            group, waiting = waiting[:_BLOCKS_AT_ONCE], waiting[_BLOCKS_AT_ONCE:]
            for place, values in _evaluate(function, grid, group):
                _take_over(blocks, place, values)
                blocks[place] = values
                for neighbour in _crossed_into(place, values, grid):
                    if neighbour not in known:
                        known.add(neighbour)
                        waiting.append(neighbour)
            steps.advance(len(group), total=len(known))
    return blocks


def coarse_stride(resolution: int) -> int:
    """Nodes from one node of the coarse pass to the next."""
    return 4 if resolution <= 512 else 8 if resolution <= 1024 else BLOCK


def _first_blocks(function: Signed, grid: Grid, budget: MemoryBudget) -> list[tuple[int, int, int]]:
    stride = coarse_stride(max(grid.cells))
    axes = [np.unique(np.append(np.arange(0, count, stride), count)) for count in grid.cells]
    budget.check_coarse(int(np.prod([len(axis) for axis in axes])), max(grid.cells))
    coarse = np.empty([len(axis) for axis in axes], dtype=np.float32)
    for row, x in enumerate(track(axes[0], "Looking for the surface", len(axes[0]))):
        nodes = np.stack(np.meshgrid([x], axes[1], axes[2], indexing="ij"), axis=-1)
        coarse[row] = function(grid.points(nodes.reshape(-1, 3))).reshape(coarse.shape[1:])
    # One cell farther than where the coarse values change sign: between them a thin part may pass.
    lowest = ndimage.minimum_filter(np.where(np.isnan(coarse), np.inf, coarse), size=3)
    highest = ndimage.maximum_filter(np.where(np.isnan(coarse), -np.inf, coarse), size=3)
    nodes = np.argwhere((lowest < 0) & (highest > 0))
    index = np.stack([axes[axis][nodes[:, axis]] for axis in range(3)], axis=-1)
    last = (np.array(grid.cells) - 1) // BLOCK
    return [tuple(place) for place in np.unique(np.minimum(index // BLOCK, last), axis=0).tolist()]


def _evaluate(
    function: Signed, grid: Grid, places: Iterable[tuple[int, int, int]]
) -> Iterable[tuple[tuple[int, int, int], NDArray[np.float32]]]:
    nodes = []
    for place in places:
        first = BLOCK * np.array(place)
        last = np.minimum(first + BLOCK, grid.cells)
        nodes.append(np.stack(np.meshgrid(*map(np.arange, first, last + 1), indexing="ij"), axis=-1))
    values = function(grid.points(np.concatenate([part.reshape(-1, 3) for part in nodes])))
    values = np.where(np.abs(values) < _LEAST, np.copysign(np.float32(_LEAST), values), values)
    ends = np.cumsum([part[..., 0].size for part in nodes])
    for place, part, own in zip(places, nodes, np.split(values, ends[:-1]), strict=True):
        yield place, own.reshape(part.shape[:3])


def _take_over(blocks: Blocks, place: tuple[int, int, int], values: NDArray[np.float32]) -> None:
    """Replace the nodes that neighbours have too by theirs: models answer slightly differently from batch to batch."""
    for side in _SIDES:
        neighbour = blocks.get((place[0] + side[0], place[1] + side[1], place[2] + side[2]))
        if neighbour is not None:
            mine = tuple({-1: slice(0, 1), 0: slice(None), 1: slice(-1, None)}[step] for step in side)
            theirs = tuple({-1: slice(-1, None), 0: slice(None), 1: slice(0, 1)}[step] for step in side)
            values[mine] = neighbour[theirs]


def _crossed_into(
    place: tuple[int, int, int], values: NDArray[np.float32], grid: Grid
) -> Iterable[tuple[int, int, int]]:
    """Neighbours into which the surface continues."""
    for axis, step in product(range(3), (-1, 1)):
        neighbour = list(place)
        neighbour[axis] += step
        if not 0 <= neighbour[axis] * BLOCK < grid.cells[axis]:
            continue
        face = np.take(values, -1 if step > 0 else 0, axis=axis)
        if (face < 0).any() and (face > 0).any():
            yield (neighbour[0], neighbour[1], neighbour[2])
