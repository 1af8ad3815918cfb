"""Time of each depth loss, forward and backward, against a training step of s3im-nerfacto-lite.

    python benchmarks/depth_cost.py --data SCENE

All losses get the same rays, turn by turn with training steps in one run; figures are medians. The batch is that of the
lite method's field; every ray has a depth, and rays belong to 18 images.
"""

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch
import tyro
from contestants import Contestant, Running
from timing import Settings, finish, in_turn, milliseconds
from torch import Tensor

from s3im_methods.bench.row import Row
from s3im_methods.losses.depth import DepthLossConfig, DepthTargets, depth_loss
from s3im_methods.losses.depth.depth_config import DepthLossKind

_CALLS_BEFORE = 5


@dataclass(kw_only=True)
class Arguments(Settings):
    """What to time."""

    data: Path
    """A scene in nerfstudio's format, for the training steps."""
    rays: int = 1024
    """Rays per batch."""
    samples: int = 24
    """Samples per ray."""
    repeats: int = 30
    """How often each loss is timed."""


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
    """Time all losses and the step, and print the table."""
    bins, targets = batch(arguments)
    kinds = [kind for kind in get_args(DepthLossKind) if kind not in ("none", "auto")]

    def loss(kind: DepthLossKind) -> float:
        config = DepthLossConfig(kind=kind)

        def work() -> None:
            torch.autograd.grad(depth_loss(config, *bins, targets), bins[0])

        # In a training the threads are awake when they come to the loss. Here they sleep, and those of the training's
        # process spin on for a while after its step.
        for _ in range(_CALLS_BEFORE):
            work()
        return milliseconds(work, arguments.device)

    rays = (("pipeline.datamanager.train_num_rays_per_batch", arguments.rays),)
    method = "s3im-nerfacto-lite"
    with Running(Contestant(method, "ours", arguments.data, arguments.device, settings=rays)) as training:
        training.steps(20)
        works = {kind: lambda kind=kind: loss(kind) for kind in kinds}
        times = in_turn({**works, "step": lambda: training.steps(1)}, arguments.repeats, warm_up=3)
    medians = {kind: statistics.median(times[kind]) for kind in kinds}
    slowest = max(kinds, key=lambda kind: medians[kind])
    row = Row(
        "depth-loss",
        f"the slowest depth loss ({slowest}), forward and backward, {arguments.rays:,} rays",
        f"a training step of {method} with as many rays",
        "share",
        "ms",
        times[slowest],
        times["step"],
        target=0.03,
        details=medians,
    )
    finish(arguments, [row])


if __name__ == "__main__":
    main(tyro.cli(Arguments))
