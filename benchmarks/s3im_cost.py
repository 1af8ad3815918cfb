"""Time of one S3IM loss, forward and backward: ours against the reference module's arithmetic.

Run by hand: ``python benchmarks/s3im_cost.py``. All variants get the same colours, turn by turn in one run; figures are
medians. The reference's arithmetic is written down here from its description: it shuffles on the host, writes all
permutations into one image, and takes the five moments of every window by convolutions.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from s3im_methods.losses import S3IM
from s3im_methods.losses.ssim import C1, C2, gaussian_window


@dataclass
class Arguments:
    """What to time."""

    rays: int = 4096
    """Rays per batch; a multiple of 64, because the reference's image is 64 pixels high."""
    repeat_time: int = 10
    """Permutations per loss."""
    repeats: int = 30
    """How often each variant is timed."""
    step_ms: float | None = None
    """Time of a training step with as many rays, in milliseconds, of which to print each variant's share."""
    device: str = "cpu"
    """Where to compute."""
    threads: int | None = None
    """How many threads torch may use on a CPU; by default as many as it chooses."""
    target: float = 1.0
    """Exit with status 1 if mode grouped is not this many times as fast as the reference."""


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


def milliseconds(loss: Callable[[], Tensor], device: torch.device) -> float:
    """Time of one call and its backward pass."""
    start = time.perf_counter()
    loss().backward()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) * 1e3


def main(arguments: Arguments) -> None:
    """Time all variants and print one table."""
    if arguments.rays % 64 or arguments.rays < 64:
        raise SystemExit(f"--rays is {arguments.rays}: give a multiple of 64.")
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    generator = torch.Generator().manual_seed(0)
    y = torch.rand(arguments.rays, 3, generator=generator).to(device)
    x = (y.cpu() + 0.1 * torch.randn(arguments.rays, 3, generator=generator)).to(device).requires_grad_()
    grouped = S3IM(repeat_time=arguments.repeat_time)
    official = S3IM(repeat_time=arguments.repeat_time, mode="official")
    variants: dict[str, Callable[[], Tensor]] = {
        "reference arithmetic": lambda: reference_loss(x, y, arguments.repeat_time),
        "ours, mode grouped": lambda: grouped(x, y),
        "ours, mode official": lambda: official(x, y),
    }
    times: dict[str, list[float]] = {name: [] for name in variants}
    for repeat in range(arguments.repeats + 3):
        for name, loss in variants.items():
            x.grad = None
            elapsed = milliseconds(loss, device)
            # The first calls also load and warm up.
            if repeat >= 3:
                times[name].append(elapsed)

    medians = {name: statistics.median(values) for name, values in times.items()}
    baseline = medians["reference arithmetic"]
    columns = ["loss", "ms", "fastest to slowest", "speed-up"]
    columns += [] if arguments.step_ms is None else [f"share of a {arguments.step_ms:g} ms step"]
    table = Table(
        *columns,
        title=f"S3IM, forward and backward: {arguments.rays} rays, {arguments.repeat_time} permutations, {device}, "
        f"{torch.get_num_threads()} threads",
    )
    for name, median in medians.items():
        row = [name, f"{median:.2f}", f"{min(times[name]):.2f} to {max(times[name]):.2f}", f"{baseline / median:.2f}"]
        row += [] if arguments.step_ms is None else [f"{100 * median / arguments.step_ms:.2f} %"]
        table.add_row(*row)
    Console().print(table)
    if baseline < arguments.target * medians["ours, mode grouped"]:
        raise SystemExit(f"Mode grouped is not {arguments.target:g} times as fast as the reference.")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
