"""Time of one S3IM loss, forward and backward: ours against the reference module's arithmetic.

Run by hand: ``python benchmarks/s3im_cost.py``. All variants get the same colours, turn by turn in one run; figures are
medians. The reference's arithmetic is written down here from its description: it shuffles on the host, writes all
permutations into one image, and takes the five moments of every window by convolutions.
"""

import statistics
from dataclasses import dataclass

import torch
import torch.nn.functional as F
import tyro
from timing import Settings, finish, in_turn, milliseconds
from torch import Tensor

from s3im_methods.bench.row import Row
from s3im_methods.losses import S3IM
from s3im_methods.losses.ssim import C1, C2, gaussian_window


@dataclass
class Arguments(Settings):
    """What to time."""

    rays: int = 4096
    """Rays per batch; a multiple of 64, because the reference's image is 64 pixels high."""
    repeat_time: int = 10
    """Permutations per loss."""
    repeats: int = 30
    """How often each variant is timed."""


def reference_loss(x: Tensor, y: Tensor, repeat_time: int) -> Tensor:
    """The reference module's arithmetic for kernel size and stride 4 and an image 64 pixels high."""
    rays, channels = x.shape
    order = torch.cat([torch.arange(rays)] + [torch.randperm(rays) for _ in range(repeat_time - 1)]).to(x.device)
    image_x, image_y = (values[order].t().reshape(1, channels, 64, -1) for values in (x, y))
    window = gaussian_window(4, x.dtype, x.device).view(1, 1, 4, 4).repeat(channels, 1, 1, 1)

    def mean(image: Tensor) -> Tensor:
        return F.conv2d(image, window, padding=1, stride=4, groups=channels)

    mean_x, mean_y = mean(image_x), mean(image_y)
    variance = mean(image_x * image_x) - mean_x**2 + mean(image_y * image_y) - mean_y**2
    covariance = mean(image_x * image_y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return 1 - (luminance * (2 * covariance + C2) / (variance + C2)).mean()


def main(arguments: Arguments) -> None:
    """Time all variants and print the table."""
    if arguments.rays % 64 or arguments.rays < 64:
        raise SystemExit(f"--rays is {arguments.rays}: give a multiple of 64.")
    device, permutations = arguments.device, arguments.repeat_time
    generator = torch.Generator().manual_seed(0)
    y = torch.rand(arguments.rays, 3, generator=generator)
    x = (y + 0.1 * torch.randn(arguments.rays, 3, generator=generator)).to(device).requires_grad_()
    y = y.to(device)
    grouped = S3IM(repeat_time=permutations)
    official = S3IM(repeat_time=permutations, mode="official")
    losses = {
        "grouped": lambda: grouped(x, y),
        "official": lambda: official(x, y),
        "reference": lambda: reference_loss(x, y, permutations),
    }
    works = {
        name: lambda loss=loss: milliseconds(lambda: torch.autograd.grad(loss(), x), device)
        for name, loss in losses.items()
    }
    times = in_turn(works, arguments.repeats, warm_up=3)
    row = Row(
        "s3im",
        f"S3IM, forward and backward, {arguments.rays:,} rays, {permutations} permutations",
        "the reference module's arithmetic",
        "times",
        "ms",
        times["grouped"],
        times["reference"],
        target=2.0,
        details={"our mode official": statistics.median(times["official"])},
    )
    finish(arguments, [row])


if __name__ == "__main__":
    main(tyro.cli(Arguments))
