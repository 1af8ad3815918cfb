"""Where the time of a training step, or of a rendered view, goes, by torch's profiler.

    python benchmarks/profile_step.py --data SCENE --method s3im-nerfacto-lite
    python benchmarks/profile_step.py --data SCENE --method s3im-nerfacto --device cuda

Operators are listed by the time that each takes by itself; the profiler adds to all of them, most to the smallest. On a
GPU a last line counts the calls that make the host wait for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tyro
from contestants import Contestant, Session
from torch.profiler import ProfilerActivity, profile

_WAITS = ("cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize")


@dataclass(kw_only=True)
class Arguments:
    """What to look at."""

    data: Path
    """A scene in nerfstudio's format."""
    method: str = "s3im-nerfacto-lite"
    """The method."""
    device: str = "cpu"
    """Where to compute: cpu or cuda."""
    warm_up: int = 30
    """Steps before those that count."""
    steps: int = 20
    """Steps that count."""
    view: bool = False
    """Look at a rendered view in place of a step."""
    rows: int = 15
    """How many operators to list."""


def _view(pipeline: Any) -> Callable[[int], Any]:
    """What renders a held-out view, which it has rendered once before."""
    pipeline.eval()
    camera, _ = next(iter(pipeline.datamanager.fixed_indices_eval_dataloader))
    pipeline.model.get_outputs_for_camera(camera)
    return lambda _: pipeline.model.get_outputs_for_camera(camera)


def main(arguments: Arguments) -> None:
    """Print the operators that take longest."""
    activities = [ProfilerActivity.CPU]
    on_gpu = arguments.device.startswith("cuda")
    if on_gpu:
        activities.append(ProfilerActivity.CUDA)
    with TemporaryDirectory(prefix="s3im-bench-") as out:
        session = Session(Contestant(arguments.method, "ours", arguments.data, arguments.device), Path(out))
        session.steps(arguments.warm_up)
        work, count = (_view(session.trainer.pipeline), 1) if arguments.view else (session.steps, arguments.steps)
        with profile(activities=activities) as profiled:
            work(count)
    events = profiled.key_averages()

    def own_time(event: Any) -> float:
        return (event.self_device_time_total if on_gpu else event.self_cpu_time_total) / count / 1000

    total = sum(map(own_time, events))
    unit = "view" if arguments.view else "step"
    print(f"{arguments.method}: {total:.2f} ms per {unit}, on {arguments.device}")
    print(f"| operator | ms | share | calls per {unit} |\n|---|---|---|---|")
    for event in sorted(events, key=own_time, reverse=True)[: arguments.rows]:
        print(
            f"| `{event.key[:50]}` | {own_time(event):.2f} | {own_time(event) / total:.0%} | {event.count / count:g} |"
        )
    if on_gpu:
        waits = sum(event.count for event in events if event.key in _WAITS)
        print(f"calls that make the host wait: {waits / count:g} per {unit}")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
