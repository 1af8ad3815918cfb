"""Training time until held-out views reach a PSNR: s3im-nerfacto-lite against stock nerfacto at the same sizes.

    python benchmarks/time_to_quality.py --data SCENE --psnr 23.5

Each training is a process of its own, by nerfstudio's own trainer, one after the other, both sides with each seed.
Every so many steps the mean PSNR of a fixed few held-out views is looked at; the looks do not count, and change nothing
of the training. Between the last look below the quality and the first above it PSNR is taken for a straight line. Stock
is nerfstudio's model in its torch implementation with the plain loss and nerfstudio's sampler, pipeline, trainer and
Adam, with the lite method's learning rates.
"""

import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tyro
from contestants import Contestant, Side, configuration
from timing import Settings, finish

from s3im_methods.bench.row import Row


@dataclass(kw_only=True)
class Arguments(Settings):
    """What to reach."""

    data: Path
    """A scene in nerfstudio's format."""
    psnr: float = 23.5
    """Mean PSNR of the views to reach, in dB."""
    views: int = 4
    """How many held-out views to look at, evenly spread."""
    first: int = 800
    """Steps before the first look, because a look at stock takes longer than the steps up to the next."""
    every: int = 100
    """Steps between two looks."""
    steps: int = 4000
    """The most steps of a training, for which its learning rates are made."""
    repeats: int = 3
    """Trainings of each side, with the seeds 0, 1 and so on."""
    method: str = "s3im-nerfacto-lite"
    """The method; a nerfacto."""


class _Reached(Exception):
    pass


def train(arguments: Arguments, side: Side, seed: int) -> list[tuple[int, float, float]]:
    """Train until the quality is reached, or the steps are made; in a process of its own.

    Returns:
        The looks: steps made, seconds of training, and PSNR in dB.
    """
    from s3im_methods.compare.judge import HeldOutViews
    from s3im_methods.compare.training import Clock, train
    from s3im_methods.compat.lpips import lpips_without_download

    looks: list[tuple[int, float, float]] = []
    judges: list[HeldOutViews] = []

    def look(pipeline: Any, clock: Clock) -> None:
        if clock.steps < arguments.first:
            return
        judge = judges[0] if judges else HeldOutViews(pipeline, arguments.views)
        judges[:] = [judge]
        psnr = statistics.fmean(judge.judge(index).metrics["psnr"] for index in judge.indices)
        looks.append((clock.steps, clock.seconds, psnr))
        if psnr >= arguments.psnr:
            raise _Reached

    with TemporaryDirectory(prefix="s3im-bench-") as out:
        config = configuration(Contestant(arguments.method, side, arguments.data, arguments.device, seed), Path(out))
        config.max_num_iterations = arguments.steps
        try:
            with lpips_without_download():
                train(config, None, arguments.steps // arguments.every, look)
        except _Reached:
            pass
    return looks


def seconds_until(psnr: float, looks: Sequence[tuple[int, float, float]]) -> float:
    """When a quality was reached, by a straight line between the last two looks.

    Args:
        psnr: The quality, in dB, which the last look reached and the others did not.
        looks: As :func:`train` returns them.

    Example:
        >>> seconds_until(23.5, [(900, 40.0, 23.0), (1000, 50.0, 24.0)])
        45.0
    """
    *before, (_, seconds, reached) = looks
    if not before:
        return seconds
    _, earlier, lower = before[-1]
    return earlier + (seconds - earlier) * (psnr - lower) / (reached - lower)


def main(arguments: Arguments) -> None:
    """Make all trainings and print the table."""
    seconds: dict[Side, list[float]] = {"ours": [], "stock": []}
    for seed in range(arguments.repeats):
        for side, reached in seconds.items():
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                looks = pool.submit(train, arguments, side, seed).result()
            steps, took, psnr = looks[-1]
            if psnr >= arguments.psnr:
                reached.append(seconds_until(arguments.psnr, looks))
            print(f"{side}, seed {seed}: {psnr:.2f} dB after {steps} steps and {took:.1f} s of training.", flush=True)
    # What is not reached takes longer than anything that is, so that a median over the others would flatter.
    missing = [side for side, reached in seconds.items() if len(reached) < arguments.repeats]
    if missing:
        raise SystemExit(f"Not every training of {' and '.join(missing)} reached {arguments.psnr:g} dB: no ratio.")
    row = Row(
        f"{arguments.method.removeprefix('s3im-')}-time-to-quality",
        f"training of {arguments.method} to {arguments.psnr:g} dB",
        "stock nerfacto (torch) at the same sizes, plain loss",
        "times",
        "s",
        seconds["ours"],
        seconds["stock"],
        target=4.0,
    )
    finish(arguments, [row])


if __name__ == "__main__":
    main(tyro.cli(Arguments))
