"""``s3im demo``: the whole life of a run on a procedural room, one plain command after another."""

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from s3im_methods.data.wording import argument, command_line
from s3im_methods.interruptions import answering

Words = list[str | Path]

# A training that is told to end writes its checkpoint, and then says that it was told so.
_INTERRUPTIONS = {
    status for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) for status in (128 + number, -number)
}


@dataclass(frozen=True)
class Step:
    """One command of the demo.

    Args:
        title: What it does, for the reader.
        command: The command with its arguments, as a user would type it.
        result: What it makes.
    """

    title: str
    command: Words
    result: Path

    @property
    def line(self) -> str:
        """The command as one line for a shell."""
        return command_line(self.command)


@dataclass(frozen=True)
class DemoCommand:
    """Make a room, train on it, evaluate, render and export it.

    A second call reuses what exists.
    """

    example: ClassVar[str] = "s3im demo --output-dir demo"

    output_dir: Path = Path("demo")
    """Folder for the scene and all results."""
    method: str = "s3im-depth-nerfacto-lite"
    """Method to train; see ns-train --help. The default learns from the room's depth maps, so its mesh is a room."""
    max_num_iterations: int = 1500
    """Training steps."""

    def run(self) -> None:
        """Run every step whose result is not there yet, then say where each result is."""
        from s3im_methods.outputs import check_output_folder

        steps = replace(self, output_dir=check_output_folder(self.output_dir, "--output-dir")).steps()
        began = time.monotonic()
        for number, step in enumerate(steps, start=1):
            if _is_done(step):
                print(f"\n[{number}/{len(steps)}] {step.title}: there already.", flush=True)
                continue
            print(f"\n[{number}/{len(steps)}] {step.title}:\n  {step.line}\n", flush=True)
            # What comes after it was made from its old result.
            for later in steps[number:]:
                _forget(later)
            _run(step)
        print(
            f"\nDone in {(time.monotonic() - began) / 60:.1f} minutes. What is where, and the command that made it:\n"
        )
        for step in steps:
            print(f"  {step.title}: {step.result}\n    {step.line}")
        print(f"\nLook at {steps[-1].result} first.", flush=True)

    def steps(self) -> list[Step]:
        """The demo's commands, in order."""
        room, out = self.output_dir / "room", self.output_dir / self.method
        run = self.output_dir / "runs" / "room" / self.method / "demo"
        config: Words = ["--load-config", run / "config.yml"]
        train: Words = ["ns-train", self.method, "--data", room, "--output-dir", self.output_dir / "runs"]
        train += ["--experiment-name", "room", "--timestamp", "demo"]
        train += ["--max-num-iterations", str(self.max_num_iterations), "--viewer.quit-on-train-completion", "True"]
        flight: Words = ["ns-render", "interpolate", *config, "--pose-source", "eval", "--interpolation-steps", "4"]
        flight += ["--order-poses", "True", "--frame-rate", "8", "--output-path", out / "flight.mp4"]
        cloud: Words = ["ns-export", "pointcloud", *config, "--output-dir", out, "--num-points", "100000"]
        cloud += ["--normal-method", "open3d", "--num-rays-per-batch", "8192"]
        # nerfstudio scales the scene so that the cameras fit into a cube of side 2; the walls are further out.
        mesh: Words = ["ns-export", "tsdf", *config, "--output-dir", out, "--texture-method", "tsdf"]
        mesh += ["--resolution", "144", "--bounding-box-min", "-1.5", "-1.5", "-1.5"]
        mesh += ["--bounding-box-max", "1.5", "1.5", "1.5"]
        return [
            Step("Make a procedural room", ["s3im", "scene", "room", room, "--overwrite"], room),
            Step("Train", train, run / "config.yml"),
            Step("Evaluate", ["ns-eval", *config, "--output-path", out / "metrics.json"], out / "metrics.json"),
            Step("Render a camera path", flight, out / "flight.mp4"),
            Step("Export a point cloud", cloud, out / "point_cloud.ply"),
            Step("Export a mesh", mesh, out / "tsdf_mesh.ply"),
            Step(
                "Draw an overview",
                ["s3im", "overview", *config, "--output-path", out / "overview.png", "--max-views", "4"],
                out / "overview.png",
            ),
        ]


def _marker(step: Step) -> Path:
    # A file that was being written when somebody pressed Ctrl-C exists too, so that existence alone proves nothing.
    return step.result.parent / f".{step.result.name}.done"


def _is_done(step: Step) -> bool:
    marker = _marker(step)
    return step.result.exists() and marker.exists() and marker.read_text() == step.line


def _forget(step: Step) -> None:
    _marker(step).unlink(missing_ok=True)
    if step.command[0] == "ns-train":
        shutil.rmtree(_checkpoints(step), ignore_errors=True)


def _checkpoints(step: Step) -> Path:
    return step.result.parent / "nerfstudio_models"


def _status(command: list[str]) -> int:
    """Run a command to its end: at Ctrl-C, which it hears too, a training still writes its checkpoint."""
    with subprocess.Popen(command) as process:

        def tell(number: int, frame: object) -> None:
            if number == signal.SIGTERM:
                process.terminate()

        with answering(tell, signal.SIGINT, signal.SIGTERM):
            return process.wait()


def _run(step: Step) -> None:
    program, *arguments = map(argument, step.command)
    beside_python = Path(sys.executable).parent / program
    executable = str(beside_python) if beside_python.exists() else shutil.which(program) or program
    _marker(step).unlink(missing_ok=True)
    if program == "ns-train":
        begun = step.result.parent / f".{step.result.name}.begun"
        if begun.exists() and begun.read_text() != step.line:
            # What is there was trained otherwise, such as for another number of steps.
            _forget(step)
        begun.parent.mkdir(parents=True, exist_ok=True)
        begun.write_text(step.line)
        if any(_checkpoints(step).glob("step-*.ckpt")):
            arguments += ["--load-dir", str(_checkpoints(step))]
    status = _status([executable, *arguments])
    if status in _INTERRUPTIONS:
        raise KeyboardInterrupt
    if status != 0:
        raise SystemExit(
            f"'{step.title}' failed with status {status}; run the command above by itself to look into it."
        )
    if not step.result.exists():
        raise SystemExit(f"'{step.title}' ended without making {step.result}.")
    from s3im_methods.outputs import written

    with written(_marker(step)) as path:
        path.write_text(step.line)
