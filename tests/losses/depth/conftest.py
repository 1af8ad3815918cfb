"""What tests of losses that compare depths image by image share."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor


class DepthsOfImages(NamedTuple):
    """Rays of some images, about one in five without a depth."""

    predicted: Tensor
    depth: Tensor
    image: Tensor
    judged: list[Tensor]
    """Of each image with three known depths or more, which rays these are."""


@pytest.fixture(scope="session")
def depths_of_images() -> Callable[[int, int, int], DepthsOfImages]:
    """From a seed, how many rays, and of how many images."""

    def draw(seed: int, count: int, images: int) -> DepthsOfImages:
        random = torch.Generator().manual_seed(seed)
        predicted = torch.rand(count, generator=random, dtype=torch.float64)
        depth = 0.2 + torch.rand(count, generator=random, dtype=torch.float64)
        depth[torch.rand(count, generator=random) < 0.2] = 0
        image = 10 * torch.randint(0, images, (count,), generator=random)
        known = [(image == number) & (depth > 0) for number in image.unique()]
        return DepthsOfImages(predicted, depth, image, [own for own in known if own.sum() >= 3])

    return draw
