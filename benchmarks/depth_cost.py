"""Time of each depth loss, forward and backward, against a training step.

Run by hand: ``python benchmarks/depth_cost.py``. All losses get the same rays, turn by turn in one run; figures are
medians. The batch is that of the lite method's field; every ray has a depth, and rays belong to 18 images.
"""

import statistics
import time
from dataclasses import dataclass
from typing import get_args

import torch
import tyro
from rich.console import Console
from rich.table import Table
from torch import Tensor

from s3im_methods.losses.depth import DepthLossConfig, DepthTargets, depth_loss
from s3im_methods.losses.depth.depth_config import DepthLossKind


@dataclass
class Arguments:
    """What to time."""

    rays: int = 1024
    """Rays per batch."""
    samples: int = 24
    """Samples per ray."""
    repeats: int = 100
    """How often each loss is timed."""
    step_ms: float = 63.0
    """Time of a training step with as many rays, in milliseconds, of which to print each loss's share."""
    limit: float = 3.0
    """Exit with status 1 if a loss takes more than this share of a step, in percent."""
    device: str = "cpu"
    """Where to compute."""


def batch(arguments: Arguments) -> tuple[tuple[Tensor, Tensor, Tensor], DepthTargets]:
    """Random weights in bins of random length, and depths among them with a sigma and a widening per ray."""
    random = torch.Generator().manual_seed(0)
    rays = arguments.rays
    edges = torch.rand(rays, arguments.samples + 1, generator=random).cumsum(-1) / arguments.samples
    weights = torch.rand(rays, arguments.samples, generator=random).softmax(-1)
    targets = DepthTargets(
        depth=edges[:, -1] * (0.1 + 0.8 * torch.rand(rays, generator=random)),
        sigma=0.03 * (1 + torch.rand(rays, generator=random)),
        widening=2.0 * torch.randint(0, 2, (rays,), generator=random),
        confidence=torch.rand(rays, generator=random),
        image_indices=torch.randint(0, 18, (rays,), generator=random),
    )
    moved = DepthTargets(*(value.to(arguments.device) for value in targets if isinstance(value, Tensor)))
    weights, starts, ends = (values.to(arguments.device) for values in (weights, edges[:, :-1], edges[:, 1:]))
    return (weights.requires_grad_(), starts, ends), moved


def main(arguments: Arguments) -> None:
    """Time all losses and print one table."""
    bins, targets = batch(arguments)
    configs = {kind: DepthLossConfig(kind=kind) for kind in get_args(DepthLossKind) if kind not in ("none", "auto")}
    times: dict[str, list[float]] = {kind: [] for kind in configs}
    for repeat in range(arguments.repeats + 3):
        for kind, config in configs.items():
            bins[0].grad = None
            start = time.perf_counter()
            depth_loss(config, *bins, targets).backward()
            if arguments.device.startswith("cuda"):
                torch.cuda.synchronize()
            # The first calls also load and warm up.
            if repeat >= 3:
                times[kind].append(1e3 * (time.perf_counter() - start))

    table = Table(
        "loss",
        "ms",
        "fastest to slowest",
        f"share of a {arguments.step_ms:g} ms step",
        title=f"Depth losses, forward and backward: {arguments.rays} rays of {arguments.samples} samples, "
        f"{arguments.device}, {torch.get_num_threads()} threads",
    )
    shares = {kind: 100 * statistics.median(values) / arguments.step_ms for kind, values in times.items()}
    for kind, values in times.items():
        spread = f"{min(values):.2f} to {max(values):.2f}"
        table.add_row(kind, f"{statistics.median(values):.2f}", spread, f"{shares[kind]:.2f} %")
    Console().print(table)
    slow = ", ".join(kind for kind, share in shares.items() if share > arguments.limit)
    if slow:
        raise SystemExit(f"More than {arguments.limit:g} % of a step: {slow}.")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
