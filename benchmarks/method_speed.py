"""Training step, and for some lite methods a rendered view, of a method against what it competes with.

    python benchmarks/method_speed.py --data SCENE --method s3im-nerfacto-lite --repeats 5

The nerfactos compete with stock nerfacto: nerfstudio's own model in its torch implementation, cut to the same sizes,
with the plain loss and nerfstudio's sampler, pipeline, trainer and Adam. The others compete with themselves in plain
torch, see ``contestants.py``; all else, S3IM included, is the same. A step is all that nerfstudio's trainer does for
one: data, forward, losses, backward, Adam and callbacks. Both sides take turns, each in a process of its own; medians
count.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from contestants import Contestant, Running, Side
from timing import Settings, finish, in_turn

from s3im_methods.bench.row import Row


@dataclass(frozen=True)
class Contest:
    """What a method competes with, and how it is measured.

    Args:
        against: The other side.
        their_name: The other side, for the table.
        warm_up: Steps that do not count.
        steps: Steps of each turn.
        targets: How many times as fast a step has to be, by device.
        view_target: The same for a rendered view; None renders none.
        with_s3im: Whether S3IM's share of a step is measured too.
        turns: Of either side.
        view_turns: The same for views.
    """

    against: Side
    their_name: str
    warm_up: int
    steps: int
    targets: dict[str, float]
    view_target: float | None = None
    with_s3im: bool = False
    turns: int = 5
    view_turns: int = 3


_STOCK = "stock nerfacto (torch) at the same sizes, plain loss"
CONTESTS = {
    "s3im-nerfacto-lite": Contest("stock", _STOCK, 20, 12, {"cpu": 3.0}, view_target=12.0, with_s3im=True),
    "s3im-nerfacto": Contest("stock", _STOCK, 2, 1, {"cpu": 3.0, "cuda": 4.0}, turns=3),
    "s3im-tensorf-lite": Contest(
        "plain", "itself before: no kernels, no fused Adam, larger", 20, 10, {"cpu": 2.0}, view_target=4.0
    ),
    # At first the surface is so blurred that the band leaves out little.
    "s3im-neus-facto-lite": Contest(
        "plain", "itself without its kernels, its band and the fused Adam", 200, 6, {"cpu": 2.0}
    ),
}


@dataclass(kw_only=True)
class Arguments(Settings):
    """What to measure."""

    data: Path
    """A scene in nerfstudio's format."""
    method: Literal["s3im-nerfacto-lite", "s3im-nerfacto", "s3im-tensorf-lite", "s3im-neus-facto-lite"] = (
        "s3im-nerfacto-lite"
    )
    """The method."""
    repeats: int | None = None
    """Turns of either side; if not set, the method's own numbers for steps and for views."""
    warm_up: int | None = None
    """Steps that do not count; if not set, the method's own number."""
    steps: int | None = None
    """Steps of each turn; if not set, the method's own number."""


def main(arguments: Arguments) -> None:
    """Measure and print the table."""
    contest = CONTESTS[arguments.method]
    name, device = arguments.method.removeprefix("s3im-"), arguments.device
    warm_up = contest.warm_up if arguments.warm_up is None else arguments.warm_up
    steps = contest.steps if arguments.steps is None else arguments.steps
    turns = arguments.repeats or contest.turns
    with contextlib.ExitStack() as stack:
        sides: tuple[Side, Side] = ("ours", contest.against)
        ours, theirs = (
            stack.enter_context(Running(Contestant(arguments.method, side, arguments.data, device))) for side in sides
        )
        for side in (ours, theirs):
            side.steps(warm_up)
        took = in_turn({"ours": lambda: ours.steps(steps), "theirs": lambda: theirs.steps(steps)}, turns)
        ours_is = f"a training step of {arguments.method}, {ours.ask('rays'):,} rays"
        target = contest.targets.get(device)
        rows = [Row(f"{name}-step", ours_is, contest.their_name, "times", "ms", took["ours"], took["theirs"], target)]
        if contest.view_target is not None:
            works = {"ours": lambda: ours.ask("view"), "theirs": lambda: theirs.ask("view")}
            views = in_turn(works, arguments.repeats or contest.view_turns, warm_up=1)
            width, height = ours.ask("view_size", 1.0)
            ours_is = f"a rendered view of {width} x {height}, {arguments.method}"
            target = contest.view_target if device == "cpu" else None
            rows.append(
                Row(f"{name}-view", ours_is, contest.their_name, "times", "ms", views["ours"], views["theirs"], target)
            )
        if contest.with_s3im:
            s3im = ours.ask("s3im", 10 * turns)
            rows.append(
                Row(
                    "s3im-share",
                    "S3IM, forward and backward",
                    f"a training step of {arguments.method}",
                    "share",
                    "ms",
                    s3im,
                    took["ours"],
                    0.01 if device == "cuda" else None,
                )
            )
    finish(arguments, rows)


if __name__ == "__main__":
    main(tyro.cli(Arguments))
