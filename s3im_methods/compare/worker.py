"""What the process of one run does: it trains, judges and writes run.json."""

import json
import math
import multiprocessing
import os
import shlex
import signal
import threading
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from s3im_methods.bench.machine import installed_versions, peak_memory_mb
from s3im_methods.compare.job import Job
from s3im_methods.engine.checkpoint_notes import notes_of
from s3im_methods.errors import InputError, NoSurfaceError
from s3im_methods.models.any_method.methods import train_command


def make_run(job: Job) -> dict[str, Any]:
    """Train and judge.

    Args:
        job: The run; its folder exists.

    Returns:
        What run.json holds.

    Raises:
        InputError: If the run cannot be made.
    """
    from s3im_methods.compare.judge import HeldOutViews, JudgedView, mean_metrics
    from s3im_methods.compare.ns_train import on_this_machine, read_arguments
    from s3im_methods.compare.training import Clock, train

    config = read_arguments(job.arguments)
    settings = notes_of(config).settings
    job = replace(job, arguments=on_this_machine(job.arguments, config))
    config.output_dir, config.experiment_name, config.timestamp = job.folder.parent, job.id, "run"
    curve: list[dict[str, float]] = []

    def note(clock: Clock, seen: list[JudgedView]) -> None:
        psnr = mean_metrics(seen).get("psnr")
        if psnr is None:
            # An exact render of a view, whose PSNR is infinite, or a method without PSNR.
            return
        curve.append({"step": clock.steps, "seconds": clock.seconds, "psnr": psnr})
        print(f"Step {clock.steps}, {clock.seconds:.1f} s: PSNR {psnr:.2f} dB.", flush=True)

    def look(pipeline: Any, clock: Clock) -> None:
        views = HeldOutViews(pipeline, job.judging.held_out_views)
        note(clock, [views.judge(index) for index in views.of_curve])

    pipeline, clock = train(config, job.seconds, job.judging.curve_points - 1, look)
    memory = _peak_memory_mb()
    views = HeldOutViews(pipeline, job.judging.held_out_views)
    judged = [views.judge(index) for index in views.indices]
    note(clock, [view for view in judged if view.index in views.of_curve])
    metrics = mean_metrics(judged)
    no_mesh = None
    if job.judging.meshes:
        from s3im_methods.compare.surfaces import mesh_metrics

        judging = job.judging
        try:
            metrics |= mesh_metrics(
                pipeline, Path(job.scene_path), job.folder, judging.mesh_resolution, judging.mesh_thresholds
            )
        except InputError as error:
            # Its pictures are valid, and the next call would remove a run that is not done.
            again = "" if isinstance(error, NoSurfaceError) else f" To make this run again, remove '{job.folder}'."
            no_mesh = f"{error}{again}"
            print(no_mesh, flush=True)
    return {
        "id": job.id,
        "method": job.method,
        "scene": job.scene,
        "seed": job.seed,
        "variant": job.variant,
        "command": _command(job, clock.steps),
        "steps": clock.steps,
        "train_seconds": clock.seconds,
        **memory,
        "device": _device(str(pipeline.device)),
        "versions": installed_versions(),
        "settings": _as_json(settings),
        "metrics": metrics,
        "no_mesh": no_mesh,
        "views": [_written(job, view, views.pictured) for view in judged],
        "curve": curve,
    }


def _as_json(value: Any) -> Any:
    """Settings, with numbers that JSON does not have, such as an infinite far plane, as words."""
    if isinstance(value, dict):
        return {name: _as_json(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _command(job: Job, steps: int) -> str:
    """As a user would type it; a run that ended with its time is the run of as many steps."""
    arguments = list(job.arguments)
    if job.seconds is not None:
        if "--max-num-iterations" in arguments:
            place = arguments.index("--max-num-iterations")
            del arguments[place : place + 2]
        arguments[1:1] = ["--max-num-iterations", str(steps)]
    return shlex.join([*train_command(arguments[0]), *arguments[1:]])


def _written(job: Job, view: Any, pictured: set[int]) -> dict[str, Any]:
    from s3im_methods.compare.judge import write_picture

    names: dict[str, str | None] = {"picture": None, "truth": None}
    if view.index in pictured:
        # Runs that put transparent images before different backgrounds have different truths.
        truth_name = f"truth_{view.index:03d}_{zlib.crc32(view.truth.tobytes()):08x}.png"
        names = {"picture": f"view_{view.index:03d}.png", "truth": f"scenes/{job.scene}/{truth_name}"}
        write_picture(job.folder / f"view_{view.index:03d}.png", view.render)
        truth = Path(job.out) / "scenes" / job.scene / truth_name
        if not truth.exists():
            truth.parent.mkdir(parents=True, exist_ok=True)
            write_picture(truth, view.truth)
    short = {name: view.metrics[name] for name in ("psnr", "ssim") if name in view.metrics}
    return {"name": view.name, **short, **names}


def _peak_memory_mb() -> dict[str, float]:
    import torch

    found = {"peak_memory_mb": peak_memory_mb()}
    if torch.cuda.is_available():
        found["peak_gpu_memory_mb"] = torch.cuda.max_memory_allocated() / (1 << 20)
    return found


def _device(device: str) -> str:
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device}, {threads} thread{'s' if threads > 1 else ''}"


def _end_with_parent() -> None:
    """Where the comparison is killed, without a chance to end us, we end too."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        # With the processes that nerfstudio's own methods start to draw rays.
        os.killpg(0, signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _write_to(log: Path) -> None:
    """Whatever is printed, by libraries too, goes there."""
    with log.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)


def work(job_text: str) -> None:
    """Make a run, as the whole of a new process.

    Args:
        job_text: The run, by :meth:`Job.to_json`; its folder exists.

    Raises:
        InputError: If the run cannot be made.
    """
    # A group of processes, which can be ended together.
    os.setsid()
    _end_with_parent()
    # nerfstudio's own processes start as they do without us, not as this one did.
    multiprocessing.set_start_method(None, force=True)
    job = Job.from_json(job_text)
    _write_to(job.log)
    text = json.dumps(make_run(job), indent=1, allow_nan=False)
    staging = job.result.with_name(".run.json")
    staging.write_text(text, encoding="utf-8")
    staging.replace(job.result)
