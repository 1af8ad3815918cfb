"""Which depth loss helps when there are few training views, and does S3IM?

Trains s3im-depth-nerfacto-lite on every scene with every number of training views, depth loss and seed, with and
without S3IM, and judges it on the scene's held-out views. Run by hand; one line of JSON per run is appended to the
output, and runs that are in it are not repeated:

    python benchmarks/few_views.py --scenes SEVENSCENES SYNTH_ROOM --out few_views.jsonl
"""

import copy
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table
from training import finished, note, train

from s3im_methods.losses.depth.depth_config import DepthLossKind
from s3im_methods.method_configs import s3im_depth_nerfacto_lite

_METRICS = ("psnr", "ssim", "depth_abs_rel", "depth_rmse_metres", "depth_delta1")


@dataclass
class Arguments:
    """Which runs to make."""

    scenes: tuple[Path, ...]
    """Folders of scenes."""
    out: Path
    """File of results, one line of JSON per run; it is continued."""
    views: tuple[int, ...] = (3, 6, 18)
    """Numbers of training views, evenly spread."""
    losses: tuple[DepthLossKind, ...] = ("none", "l2", "urban", "ds-nerf", "bounded")
    """Depth losses to compare."""
    s3im: tuple[float, ...] = (1.0, 0.0)
    """Weights of S3IM to compare."""
    strengths: tuple[float, ...] = (1.0,)
    """Factors of the depth losses' own weights to compare."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of the runs."""
    steps: int = 1000
    """Training steps."""
    scale: float = 1.0
    """Factor of the images' size, in training and evaluation."""
    levels: str | None = None
    """Which samples the depth loss looks at (all or last); by default as the method says."""
    device: str = "cpu"
    """Where to train."""


def configuration(arguments: Arguments, scene: Path, views: int, loss: str, weight: float, strength: float) -> Any:
    """The lite method with the experiment's settings."""
    config: Any = copy.deepcopy(s3im_depth_nerfacto_lite.config)
    manager, model = config.pipeline.datamanager, config.pipeline.model
    manager.data, manager.train_views, manager.camera_res_scale_factor = scene, views, arguments.scale
    model.depth.kind, model.s3im.loss_mult = loss, weight
    model.depth.loss_mult = strength * model.depth.weight()
    if arguments.levels is not None:
        model.depth.levels = arguments.levels
    return config


def main(arguments: Arguments) -> None:
    """Make the runs that are missing, and print one table of them all."""
    results = finished(arguments.out)
    choices = [
        (seed, scene, views, weight, loss, strength)
        for seed in arguments.seeds
        for scene in arguments.scenes
        for views in arguments.views
        for weight in arguments.s3im
        for loss in arguments.losses
        for strength in arguments.strengths
    ]
    for seed, scene, views, weight, loss, strength in choices:
        name = loss if strength == 1 else f"{loss} x {strength:g}"
        run = (scene.name, views, arguments.steps, arguments.levels or "default", weight, name, seed)
        if run in results:
            continue
        start = time.perf_counter()
        pipeline = train(
            configuration(arguments, scene, views, loss, weight, strength),
            seed,
            arguments.steps,
            0.0,
            arguments.device,
        )
        seconds = time.perf_counter() - start
        metrics = pipeline.get_average_eval_image_metrics()
        found = {name: metrics[name] for name in _METRICS if name in metrics}
        results[run] = note(arguments.out, run, {**found, "seconds": seconds})
    table = Table("scene", "views", "steps", "levels", "S3IM", "depth loss", "seeds", *_METRICS)
    for group in sorted({run[:6] for run in results}, key=str):
        of_group = [line for run, line in results.items() if run[:6] == group]
        cells = [f"{statistics.mean(line.get(name, float('nan')) for line in of_group):.3f}" for name in _METRICS]
        table.add_row(*map(str, group), str(len(of_group)), *cells)
    Console(width=160).print(table)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
