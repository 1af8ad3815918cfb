"""Time of one batch of 32-pixel patches on masked images: our sampler against nerfstudio's ``PatchPixelSampler``.

Run by hand: ``python benchmarks/sampler_speed.py``. Both draw the same number of rays from the same images, turn by
turn in one run; figures are medians. nerfstudio erodes all masks for every batch; ours tabulates them once, which is
timed separately.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import tyro
from nerfstudio.data.pixel_samplers import PatchPixelSamplerConfig
from rich.console import Console
from rich.table import Table
from torch import Tensor

from s3im_methods.samplers import PatchAwarePixelSamplerConfig


@dataclass
class Arguments:
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
    repeats: int = 7
    """How often each sampler is timed."""
    target: float = 50.0
    """Exit with status 1 if our sampler is not this many times faster."""


def blob_masks(images: int, height: int, width: int) -> Tensor:
    """Random smooth blobs that cover about half of each image, ``[images, height, width, 1]``, bool."""
    coarse = torch.rand(images, 1, 5, 8, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    return (smooth > 0.5).permute(0, 2, 3, 1).contiguous()


def milliseconds(action: Callable[[], Any]) -> float:
    """Time that one call takes."""
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1e3


def main(arguments: Arguments) -> None:
    """Time both samplers and print one table."""
    masks = blob_masks(arguments.images, arguments.height, arguments.width)
    batch = {"image": torch.rand(*masks.shape[:3], 3), "mask": masks, "image_idx": torch.arange(arguments.images)}
    stock = PatchPixelSamplerConfig(patch_size=arguments.patch_size).setup(num_rays_per_batch=arguments.rays)
    config = PatchAwarePixelSamplerConfig(patch_size=arguments.patch_size, patch_share=1.0)
    first = statistics.median(
        milliseconds(lambda: config.setup(num_rays_per_batch=arguments.rays).sample(batch))
        for _ in range(arguments.repeats)
    )
    ours = config.setup(num_rays_per_batch=arguments.rays)
    ours.sample(batch)
    times: dict[str, list[float]] = {"stock": [], "ours": []}
    for _ in range(arguments.repeats):
        times["stock"].append(milliseconds(lambda: stock.sample(batch)))
        # One batch takes about a millisecond, so a single call would mostly time what else the machine does.
        times["ours"].append(milliseconds(lambda: [ours.sample(batch) for _ in range(20)]) / 20)
    stock_time, our_time = (statistics.median(times[name]) for name in ("stock", "ours"))

    table = Table(
        "sampler",
        "ms per batch",
        "fastest to slowest",
        title=f"{arguments.rays} rays in {arguments.patch_size}-pixel patches from {arguments.images} masked images of "
        f"{arguments.width} x {arguments.height}, {torch.get_num_threads()} threads",
    )
    table.add_row("PatchPixelSampler", f"{stock_time:.1f}", f"{min(times['stock']):.1f} to {max(times['stock']):.1f}")
    table.add_row("ours", f"{our_time:.2f}", f"{min(times['ours']):.2f} to {max(times['ours']):.2f}")
    table.add_row("ours, first batch, with its tables", f"{first:.1f}", "")
    table.add_row("ratio", f"{stock_time / our_time:.0f}", "")
    Console().print(table)
    if stock_time < arguments.target * our_time:
        raise SystemExit(f"Our sampler is less than {arguments.target:g} times faster.")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
