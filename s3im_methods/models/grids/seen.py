"""Which nodes of a voxel grid the training views see, by what they weigh in pixels.

Fog behind a wall is opaque and still seen by nobody. So in rooms the weight says more about what is needed than the
opacity (Plenoxels, Fridovich-Keil et al., CVPR 2022, sec. 3.2, prune by it too).
"""

from collections.abc import Iterator
from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle
from torch import Tensor

MOST_NODES = 100**3
"""Of the grid on which weights are noted; between more nodes than this the rays below leave gaps."""
_RAYS = 65536
"""About so many in all; every cell of a grid of 100 voxels a side is crossed by some in a room."""


def spread_rays(cameras: Any, device: torch.device | str) -> Iterator[RayBundle]:
    """Rays ``[n]`` of each camera, on a regular grid of its pixels."""
    pixels = sum(int(w) * int(h) for w, h in zip(cameras.width.flatten(), cameras.height.flatten(), strict=True))
    stride = max(1, round((pixels / _RAYS) ** 0.5))
    for index in range(len(cameras)):
        height, width = int(cameras.height[index]), int(cameras.width[index])
        # Each camera begins at another pixel, so that cameras at one place see other rays.
        rows = torch.arange(index % stride, height, stride) + 0.5
        columns = torch.arange(index // stride % stride, width, stride) + 0.5
        coords = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).view(-1, 2)
        yield cameras.generate_rays(torch.full((len(coords), 1), index), coords=coords).to(device)


def note_weights(weights: Tensor, points: Tensor, weighs: Tensor) -> None:
    """Raise what each node weighs, in place, to the weight of the heaviest sample that is nearest to it.

    Args:
        weights: Of samples, ``[n]``.
        points: Their places in the grid, in [-1, 1], ``[n, 3]``.
        weighs: Of nodes, ``[X, Y, Z]``.

    Example:
        >>> weighs = torch.zeros(3, 2, 2)
        >>> note_weights(torch.tensor([0.5, 0.2]), torch.tensor([[0.1, 1.0, 1.0], [-0.1, 1.0, 1.0]]), weighs)
        >>> weighs[1, 1, 1], weighs.sum()
        (tensor(0.5000), tensor(0.5000))
    """
    counts = torch.tensor(weighs.shape, device=points.device)
    x, y, z = torch.minimum(((points + 1) / 2 * (counts - 1)).round().long().clamp(min=0), counts - 1).unbind(-1)
    weighs.view(-1).scatter_reduce_(0, (x * counts[1] + y) * counts[2] + z, weights, reduce="amax")
