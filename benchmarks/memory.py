"""Peak memory of a training of s3im-nerfacto-lite against stock nerfacto at the same sizes.

    python benchmarks/memory.py --data SCENE

Each training is a process of its own that makes some steps and then says the most memory that it has had (ru_maxrss; on
a GPU torch's peak), the imports and the images included.
"""

from dataclasses import dataclass
from pathlib import Path

import tyro
from contestants import Contestant, Running, Side
from timing import Settings, finish, in_turn

from s3im_methods.bench.row import Row


@dataclass(kw_only=True)
class Arguments(Settings):
    """What to measure."""

    data: Path
    """A scene in nerfstudio's format."""
    method: str = "s3im-nerfacto-lite"
    """The method; a nerfacto."""
    steps: int = 60
    """Training steps of each process."""
    repeats: int = 1
    """Processes of either side."""


def peak(arguments: Arguments, side: Side) -> float:
    """Of one training, in MB."""
    with Running(Contestant(arguments.method, side, arguments.data, arguments.device)) as training:
        training.steps(arguments.steps)
        return training.ask("peak_memory_mb")


def main(arguments: Arguments) -> None:
    """Measure and print the table."""
    found = in_turn(
        {"ours": lambda: peak(arguments, "ours"), "theirs": lambda: peak(arguments, "stock")}, arguments.repeats
    )
    row = Row(
        f"{arguments.method.removeprefix('s3im-')}-memory",
        f"peak memory of {arguments.steps} steps of {arguments.method}",
        "stock nerfacto (torch) at the same sizes, plain loss",
        "times",
        "MB",
        found["ours"],
        found["theirs"],
        target=1.0,
    )
    finish(arguments, [row])


if __name__ == "__main__":
    main(tyro.cli(Arguments))
