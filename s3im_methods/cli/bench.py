"""``s3im bench``: how fast this package is, as ratios in one table."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True)
class BenchCommand:
    """Measure this package's speed on this machine, as ratios.

    The two sides of a ratio take turns. Each script of the repository's folder benchmarks runs in a process of its own;
    training steps, views and memory are measured under nerfstudio's own trainer. Leave the machine alone meanwhile.
    docs/speed.md explains the rows.
    """

    example: ClassVar[str] = "s3im bench --only s3im sampler --output speed.json"

    only: tuple[str, ...] = ()
    """Rows to measure, by name; if not set, all but nerfacto-lite-time-to-quality, which takes 20 minutes."""
    data: Path | None = None
    """Scene to train on; if not set, a room of 480 x 270 pixels, generated in a temporary folder."""
    repeats: int | None = None
    """How often each measurement is repeated; if not set, each benchmark's own number."""
    device: str = "cpu"
    """Where to compute, cpu or cuda. Most targets are for two cores of a CPU."""
    output: Path | None = None
    """File to write all figures to, as JSON."""
    compare_with: Path | None = None
    """File of an earlier --output, whose ratios are shown beside."""
    benchmarks: Path | None = None
    """Folder of the benchmarks; if not set, the one beside the package in a checkout of its repository."""

    def run(self) -> None:
        """Run the benchmarks and print the table."""
        import tempfile

        from s3im_methods.bench.machine import describe_machine, machine_line
        from s3im_methods.bench.plan import benchmarks_folder, choose
        from s3im_methods.bench.row import Row, read_rows, write_rows
        from s3im_methods.bench.runner import BenchmarkFailure, run_benchmark, scene_or_room
        from s3im_methods.bench.table import table_lines
        from s3im_methods.errors import InputError
        from s3im_methods.outputs import check_output_file

        if self.repeats is not None and self.repeats < 1:
            raise InputError(f"--repeats is {self.repeats}: give 1 or more.")
        if self.device.startswith("cuda"):
            import torch

            if not torch.cuda.is_available():
                raise InputError(f"--device is {self.device}, and torch finds no CUDA here: give cpu.")
        chosen = choose(self.only)
        folder = benchmarks_folder(self.benchmarks)
        if self.output is not None:
            check_output_file(self.output, "--output")
        stored = None
        if self.compare_with is not None:
            stored = {row.name: row for row in read_rows(self.compare_with)}
        machine = describe_machine(self.device)
        print(machine_line(machine), flush=True)
        flags = ["--device", self.device]
        flags += [] if self.repeats is None else ["--repeats", str(self.repeats)]
        rows: list[Row] = []
        failures: list[str] = []
        try:
            with scene_or_room(self.data, chosen) as scene, tempfile.TemporaryDirectory(prefix="s3im-bench-") as logs:
                for number, benchmark in enumerate(chosen, start=1):
                    print(f"[{number}/{len(chosen)}] {', '.join(benchmark.rows)}", flush=True)
                    try:
                        found = run_benchmark(benchmark, folder, scene, flags, Path(logs) / f"{number}.txt")
                    except BenchmarkFailure as failure:
                        failures.append(str(failure))
                        continue
                    rows += [row for row in found if not self.only or row.name in self.only]
        finally:
            # Also after Ctrl-C: what is measured took its time.
            if rows:
                print("\n" + "\n".join(table_lines(rows, stored)))
                if self.output is not None:
                    write_rows(self.output.expanduser(), rows, machine)
        for failure in failures:
            print(failure)
        if failures:
            raise SystemExit(1)
