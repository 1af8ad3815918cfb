"""CPU time of training until held-out views reach each of several qualities, by several methods.

    python benchmarks/race.py --data SCENE --methods s3im-nerfacto-lite s3im-dvgo-lite --psnr 22 24

Each training is a process of its own, by nerfstudio's own trainer and with the method's defaults. All methods have each
seed, one after the other. The mean PSNR of a fixed few held-out views is looked at each time the training has taken a
third longer; the looks do not count, and change nothing of the training. PSNR is interpolated linearly between the last
look below a quality and the first above it. If the first look, after one second, already has the quality, its time
counts. CPU time is that of all threads, so that other work on the machine changes it little. First each method makes
100 steps that do not count, because the first training after an installation compiles kernels.
"""

import contextlib
import copy
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tyro
from time_to_quality import seconds_until

Look = tuple[int, float, float]
"""Steps made, seconds of training, and PSNR in dB."""


@dataclass(kw_only=True)
class Arguments:
    """Who races on what."""

    data: Path
    """A scene in nerfstudio's format."""
    methods: tuple[str, ...] = ("s3im-nerfacto-lite", "s3im-dvgo-lite")
    """Methods of this package; ratios are to the first."""
    psnr: tuple[float, ...] = (22.0, 24.0)
    """Mean PSNRs of the views to reach, in dB, in rising order. A training ends at the last."""
    views: int = 4
    """How many held-out views to look at, evenly spread."""
    steps: int = 1500
    """The most steps of a training. Its learning rates are those of the method's own number all the same."""
    repeats: int = 3
    """Trainings of each method, with the seeds 0, 1 and so on."""


_FIRST, _LONGER = 1.0, 4 / 3
"""Seconds before the first look, and by what the time grows from one look to the next."""
_WARM_UP = 100
"""Steps that do not count; DVGO's coarse stage has 60."""


class _Reached(Exception):
    pass


def train(arguments: Arguments, method: str, seed: int) -> list[Look]:
    """Train until the last quality is reached, or the steps are made; in a process of its own."""
    from s3im_methods import method_configs
    from s3im_methods.compare.judge import HeldOutViews
    from s3im_methods.compare.training import Clock, train

    looks: list[Look] = []
    judges: list[HeldOutViews] = []

    def look(pipeline: Any, clock: Clock) -> None:
        if clock.seconds < (looks[-1][1] * _LONGER if looks else _FIRST):
            return
        judge = judges[0] if judges else HeldOutViews(pipeline, arguments.views)
        judges[:] = [judge]
        psnr = statistics.fmean(judge.judge(index).metrics["psnr"] for index in judge.indices)
        looks.append((clock.steps, clock.seconds, psnr))
        if psnr >= arguments.psnr[-1]:
            raise _Reached

    with TemporaryDirectory(prefix="s3im-bench-") as out:
        config: Any = copy.deepcopy(getattr(method_configs, method.replace("-", "_")).config)
        config.output_dir, config.timestamp = Path(out), "run"
        config.machine.device_type, config.machine.seed = "cpu", seed
        config.pipeline.datamanager.data = arguments.data
        config.max_num_iterations = arguments.steps
        with contextlib.suppress(_Reached):
            train(config, None, arguments.steps - 1, look, timer=time.process_time)
    return looks


def reached(psnr: float, looks: Sequence[Look]) -> float | None:
    """When a quality was first reached, in seconds; None if it was not.

    Example:
        >>> reached(22.0, [(20, 4.0, 21.0), (40, 8.0, 23.0), (60, 12.0, 22.5)])
        6.0
    """
    above = [place for place, (_, _, found) in enumerate(looks) if found >= psnr]
    return seconds_until(psnr, looks[: above[0] + 1]) if above else None


def _in_own_process(arguments: Arguments, method: str, seed: int) -> list[Look]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(train, arguments, method, seed).result()


def _text(seconds: float | None) -> str:
    return "not reached" if seconds is None else f"{seconds:.1f} s"


def main(arguments: Arguments) -> None:
    """Make all trainings and print the table."""
    for method in arguments.methods:
        _in_own_process(replace(arguments, steps=_WARM_UP), method, 0)
    taken: dict[tuple[str, float], list[float | None]] = {}
    for seed in range(arguments.repeats):
        for method in arguments.methods:
            looks = _in_own_process(arguments, method, seed)
            times = {psnr: reached(psnr, looks) for psnr in arguments.psnr}
            for psnr, seconds in times.items():
                taken.setdefault((method, psnr), []).append(seconds)
            shown = "; ".join(f"{psnr:g} dB: {_text(seconds)}" for psnr, seconds in times.items())
            print(f"{method}, seed {seed}: {shown}; {looks[-1][2]:.2f} dB after {looks[-1][0]} steps.", flush=True)
    print("\n| method | PSNR, dB | CPU time | share of the first method's, per seed |\n|---|---|---|---|")
    for (method, psnr), found in taken.items():
        first = taken[arguments.methods[0], psnr]
        times = ", ".join(map(_text, found))
        shares = [f"{one / other:.2f}" for one, other in zip(found, first, strict=True) if one and other]
        print(f"| {method} | {psnr:g} | {times} | {', '.join(shares)} |")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
