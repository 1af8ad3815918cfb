"""Which benchmarks there are, and which of the repository's scripts makes each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import s3im_methods
from s3im_methods.errors import InputError


@dataclass(frozen=True)
class Benchmark:
    """One call of a script, in a process of its own.

    Args:
        rows: Names of the rows that it writes.
        script: Its file in the folder ``benchmarks/``.
        arguments: What it is called with.
        on_scene: Whether it trains on a scene.
        long: Whether it takes so long that it is run only where it is named.
    """

    rows: tuple[str, ...]
    script: str
    arguments: tuple[str, ...] = ()
    on_scene: bool = False
    long: bool = False


def _of_method(method: str, *rows: str) -> Benchmark:
    return Benchmark(rows, "method_speed.py", ("--method", method), on_scene=True)


BENCHMARKS = (
    _of_method("s3im-nerfacto-lite", "nerfacto-lite-step", "nerfacto-lite-view", "s3im-share"),
    Benchmark(("nerfacto-lite-memory",), "memory.py", on_scene=True),
    _of_method("s3im-nerfacto", "nerfacto-step"),
    _of_method("s3im-tensorf-lite", "tensorf-lite-step", "tensorf-lite-view"),
    _of_method("s3im-neus-facto-lite", "neus-facto-lite-step"),
    Benchmark(("s3im",), "s3im_cost.py"),
    Benchmark(("depth-loss",), "depth_cost.py", on_scene=True),
    Benchmark(("eikonal",), "sdf_cost.py"),
    Benchmark(("sampler",), "sampler_speed.py"),
    Benchmark(
        ("nerfacto-lite-time-to-quality",),
        "time_to_quality.py",
        ("--views", "2", "--first", "400"),
        on_scene=True,
        long=True,
    ),
)
"""In the order of the table."""


def choose(names: Sequence[str]) -> list[Benchmark]:
    """The benchmarks that give some rows.

    Args:
        names: Of rows; none for all but those that take long.

    Raises:
        InputError: If there is no such row.

    Example:
        >>> [benchmark.script for benchmark in choose(["s3im", "sampler"])]
        ['s3im_cost.py', 'sampler_speed.py']
    """
    known = [name for benchmark in BENCHMARKS for name in benchmark.rows]
    for name in names:
        if name not in known:
            raise InputError(f"--only names no row '{name}': give some of {', '.join(known)}.")
    if not names:
        return [benchmark for benchmark in BENCHMARKS if not benchmark.long]
    return [benchmark for benchmark in BENCHMARKS if set(names) & set(benchmark.rows)]


def benchmarks_folder(given: Path | None) -> Path:
    """The folder with the scripts.

    Args:
        given: What the user says; None for the one beside the package in a checkout of its repository.

    Raises:
        InputError: If there is none.
    """
    folder = Path(s3im_methods.__file__).parents[1] / "benchmarks" if given is None else given
    missing = [benchmark.script for benchmark in BENCHMARKS if not (folder / benchmark.script).is_file()]
    if missing and given is None:
        raise InputError(
            "The benchmarks are in the folder 'benchmarks' of the repository, which an installed package lacks: give "
            "that folder of a checkout with --benchmarks."
        )
    if missing:
        raise InputError(f"'{given}' lacks {missing[0]}: give --benchmarks the folder 'benchmarks' of a checkout.")
    return folder
