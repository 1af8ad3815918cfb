"""Run benchmarks, each in a process of its own."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import s3im_methods
from s3im_methods.bench.plan import Benchmark
from s3im_methods.bench.row import Row, read_rows
from s3im_methods.compare.schedule import last_line
from s3im_methods.errors import InputError

_ROOM: dict[str, Any] = {
    "width": 480,
    "height": 270,
    "train_views": 12,
    "test_views": 4,
    "light_samples": 16,
    "supersampling": 1,
}


@contextmanager
def scene_or_room(scene: Path | None, benchmarks: Sequence[Benchmark]) -> Iterator[Path | None]:
    """The scene that the user gave, or a generated room that lasts as long as this is open.

    Args:
        scene: A folder, or None for the room.
        benchmarks: What it is for; there is no room where none of them trains.

    Raises:
        InputError: If there is no such folder.
    """
    if scene is not None:
        if not scene.exists():
            raise InputError(f"No scene at '{scene}': give --data the folder that holds transforms.json.")
        yield scene
        return
    if not any(benchmark.on_scene for benchmark in benchmarks):
        yield None
        return
    from s3im_methods.scenes import RoomConfig, write_scene

    with tempfile.TemporaryDirectory(prefix="s3im-bench-") as folder:
        yield write_scene(RoomConfig(**_ROOM), Path(folder) / "room", progress=True)


class BenchmarkFailure(Exception):
    """A benchmark that ended without its rows; the text says why."""


def run_benchmark(benchmark: Benchmark, folder: Path, scene: Path | None, flags: Sequence[str], log: Path) -> list[Row]:
    """Run a script and read what it measured.

    Args:
        benchmark: Which.
        folder: Where the scripts are.
        scene: What to train on; None for a benchmark that does not.
        flags: Further flags, which every script takes.
        log: File for what the script prints; temporary files are put beside it.

    Raises:
        BenchmarkFailure: If it ended without its rows.
    """
    result = log.with_suffix(".json")
    command = [sys.executable, str(folder / benchmark.script), *benchmark.arguments, *flags, "--rows", str(result)]
    if benchmark.on_scene:
        command += ["--data", str(scene)]
    package = str(Path(s3im_methods.__file__).parents[1])
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    # What a script that is stopped leaves lying goes with the folder of the logs.
    environment = {"PYTHONWARNINGS": "ignore", **os.environ, "PYTHONPATH": path, "TMPDIR": str(log.parent)}
    with log.open("w", encoding="utf-8") as file:
        # A session of its own, so that the processes of a script that is stopped end with it.
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
        try:
            status = process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
    if status != 0 or not result.is_file():
        raise BenchmarkFailure(f"{benchmark.script} ended with status {status}: {last_line(log)}")
    return read_rows(result)
