"""Time of one batch of 32-pixel patches on masked images: our sampler against nerfstudio's ``PatchPixelSampler``.

Run by hand: ``python benchmarks/sampler_speed.py``. Both draw the same number of rays from the same images, turn by
turn in one run; figures are medians. nerfstudio erodes all masks for every batch; ours tabulates them once, which is
timed separately.
"""

import statistics
from dataclasses import dataclass

import torch
import tyro
from nerfstudio.data.pixel_samplers import PatchPixelSamplerConfig
from timing import Settings, finish, in_turn, milliseconds
from torch import Tensor

from s3im_methods.bench.row import Row
from s3im_methods.samplers import PatchAwarePixelSamplerConfig


@dataclass
class Arguments(Settings):
    """What to time."""

    images: int = 50
    """Number of images."""
    height: int = 270
    """Their height, in pixels."""
    width: int = 480
    """Their width, in pixels."""
    rays: int = 4096
    """Rays per batch."""
    patch_size: int = 32
    """Side of a patch, in pixels."""
    repeats: int = 5
    """How often each sampler is timed."""


def blob_masks(images: int, height: int, width: int) -> Tensor:
    """Random smooth blobs that cover about half of each image, ``[images, height, width, 1]``, bool."""
    coarse = torch.rand(images, 1, 5, 8, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    return (smooth > 0.5).permute(0, 2, 3, 1).contiguous()


def main(arguments: Arguments) -> None:
    """Time both samplers and print the table."""
    masks = blob_masks(arguments.images, arguments.height, arguments.width)
    batch = {"image": torch.rand(*masks.shape[:3], 3), "mask": masks, "image_idx": torch.arange(arguments.images)}
    stock = PatchPixelSamplerConfig(patch_size=arguments.patch_size).setup(num_rays_per_batch=arguments.rays)
    config = PatchAwarePixelSamplerConfig(patch_size=arguments.patch_size, patch_share=1.0)
    first = statistics.median(
        milliseconds(lambda: config.setup(num_rays_per_batch=arguments.rays).sample(batch))
        for _ in range(arguments.repeats)
    )
    ours = config.setup(num_rays_per_batch=arguments.rays)
    works = {
        "theirs": lambda: milliseconds(lambda: stock.sample(batch)),
        # One batch takes about a millisecond, so a single call would mostly time what else the machine does.
        "ours": lambda: milliseconds(lambda: [ours.sample(batch) for _ in range(20)]) / 20,
    }
    times = in_turn(works, arguments.repeats, warm_up=1)
    row = Row(
        "sampler",
        f"a batch of {arguments.rays:,} rays in {arguments.patch_size}-pixel patches from {arguments.images} masked "
        f"images of {arguments.width} x {arguments.height}, on the CPU",
        "nerfstudio's PatchPixelSampler",
        "times",
        "ms",
        times["ours"],
        times["theirs"],
        target=50.0,
        details={"our first batch, with its tables": first},
    )
    finish(arguments, [row])


if __name__ == "__main__":
    main(tyro.cli(Arguments))
