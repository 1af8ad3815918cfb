"""Checks this package on a GPU in at most ten minutes: one JSON file, one table.

    benchmarks/on_gpu.sh --data SCENE --output on_gpu.json
    benchmarks/on_gpu.sh --device cpu --tiny          # a rehearsal

Each check is a process of its own, with a limit. What fails or runs too long is noted, what it has measured until then
is kept, and the next one begins. The file is written again after each check.
"""

import argparse
import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_LEAST_SECONDS = 10.0
# A rehearsal is about what breaks, not about how long it takes.
_PATIENCE = 6


def main() -> None:
    """Run the checks, or inside one of their processes the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"], help="where to compute")
    parser.add_argument("--tiny", action="store_true", help="two steps of small batches, to rehearse")
    parser.add_argument("--data", type=Path, help="scene to train on; if not given, noise in a temporary folder")
    parser.add_argument("--output", type=Path, default=Path("on_gpu.json"), help="JSON file; pictures go beside it")
    parser.add_argument("--minutes", type=float, default=10.0, help="when no further check begins")
    parser.add_argument("--only", nargs="*", default=[], help="checks by name")
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument("--lines", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        run_one(arguments)
        return
    names = chosen(arguments.only)
    with tempfile.TemporaryDirectory(prefix="s3im-on-gpu-") as folder:
        results = run_all(arguments, names, Path(folder))
    print("\n" + "\n".join(table(results)))
    sys.exit(0 if all(check["state"] in ("ok", "not here") for check in results["checks"]) else 1)


def chosen(only: list[str]) -> list[str]:
    """The names of the checks to run.

    Args:
        only: As the user gave them; empty for all.
    """
    from gpu_checks import CHECKS

    unknown = [name for name in only if name not in CHECKS]
    if unknown:
        sys.exit(f"--only names no check '{unknown[0]}': give some of {', '.join(CHECKS)}.")
    return [name for name in CHECKS if not only or name in only]


def run_all(arguments: Any, names: list[str], folder: Path) -> dict[str, Any]:
    """Run the checks in turn, and write the file after each.

    Args:
        arguments: The command line's.
        names: Of the checks.
        folder: Temporary.
    """
    from gpu_checks import CHECKS

    from s3im_methods.bench.machine import describe_machine

    began = time.monotonic()
    size = (32, 24) if arguments.tiny else (480, 270)
    scene = arguments.data or noise_scene(folder / "noise", size)
    results: dict[str, Any] = {"device": arguments.device, "tiny": arguments.tiny, "scene": str(scene), "checks": []}
    try:
        results["machine"] = describe_machine(arguments.device)
    except Exception as error:  # Whatever CUDA raises: the checks say more.
        results["machine"] = {"error": str(error)}
    for name in names:
        left = 60 * arguments.minutes - (time.monotonic() - began)
        limit = min(CHECKS[name][0] * (_PATIENCE if arguments.device == "cpu" else 1), left)
        check: dict[str, Any] = {"name": name, "seconds": 0.0, "results": []}
        reason = not_here(name, arguments)
        if reason:
            check |= {"state": "not here", "error": reason}
        elif left < _LEAST_SECONDS:
            check |= {"state": "no time left", "error": ""}
        else:
            print(f"{name} (at most {limit:.0f} s)", flush=True)
            check |= in_a_process(name, arguments, scene, folder, limit)
        results["checks"].append(check)
        results["seconds"] = time.monotonic() - began
        write(results, arguments.output)
        print(f"  {check['state']} after {check['seconds']:.0f} s {last_line(check.get('error', ''))}", flush=True)
    return results


def not_here(name: str, arguments: Any) -> str:
    """Why a check cannot be made here, or an empty text."""
    if name == "tinycudann" and (arguments.device == "cpu" or importlib.util.find_spec("tinycudann") is None):
        return "tinycudann is not installed, or there is no GPU"
    if name == "3,000 steps" and arguments.data is None and not arguments.tiny:
        return "needs a scene: give --data"
    return ""


def in_a_process(name: str, arguments: Any, scene: Path, folder: Path, limit: float) -> dict[str, Any]:
    """Run one check in a process, which is ended after its limit with all that it has started."""
    lines, log = folder / "lines.txt", folder / "log.txt"
    lines.unlink(missing_ok=True)
    command = [sys.executable, str(Path(__file__)), "--run", name, "--lines", str(lines), "--seconds", f"{limit:.1f}"]
    command += ["--device", arguments.device, "--data", str(scene), "--output", str(arguments.output)]
    command += ["--tiny"] if arguments.tiny else []
    began = time.monotonic()
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(timeout=limit)
            state = "ok" if status == 0 else "failed"
        except subprocess.TimeoutExpired:
            state = "ended: too long"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    found = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    if state == "ok" and any(one["good"] is False for one in found):
        state = "not as it should be"
    error = "" if state == "ok" else log.read_text(errors="replace")[-2000:]
    return {"state": state, "seconds": time.monotonic() - began, "results": found, "error": error}


def run_one(arguments: Any) -> None:
    """Make the check that the command line names, in this process."""
    from gpu_checks import CHECKS, Setting, lines_of

    out = arguments.output.absolute().parent
    out.mkdir(parents=True, exist_ok=True)
    setting = Setting(arguments.device, arguments.tiny, arguments.data.absolute(), out, arguments.seconds)
    with lines_of(arguments.lines) as note, tempfile.TemporaryDirectory(prefix="s3im-on-gpu-") as folder:
        os.chdir(folder)
        for measurement in CHECKS[arguments.run][1](setting):
            note(measurement)


def noise_scene(folder: Path, size: tuple[int, int], cut_out: bool = False) -> Path:
    """A scene for measurements of time: eight training views and two others of noise, with depth.

    Args:
        folder: Where to write it.
        size: Width and height of the images.
        cut_out: Whether only the middle of each image is opaque.
    """
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    width, height = size
    (folder / "images").mkdir(parents=True)
    (folder / "depths").mkdir()
    frames = []
    for index in range(10):
        name = f"{index:02d}.png"
        image = random.integers(0, 255, (height, width, 4 if cut_out else 3), dtype=np.uint8)
        if cut_out:
            image[..., 3] = 0
            image[height // 4 : -(height // 4), width // 4 : -(width // 4), 3] = 255
        Image.fromarray(image).save(folder / "images" / name)
        depth = np.full((height, width), 2000, np.uint16)
        Image.fromarray(depth).save(folder / "depths" / name)
        turn = 2 * math.pi * index / 10
        cosine, sine = math.cos(turn), math.sin(turn)
        pose = [[-sine, 0, cosine, 2 * cosine], [cosine, 0, sine, 2 * sine], [0, 1, 0, 0], [0, 0, 0, 1]]
        frames.append({"file_path": f"images/{name}", "depth_file_path": f"depths/{name}", "transform_matrix": pose})
    names = [frame["file_path"] for frame in frames]
    camera = {"fl_x": 0.8 * width, "fl_y": 0.8 * width, "cx": width / 2, "cy": height / 2, "w": width, "h": height}
    splits = {"train_filenames": names[:8], "val_filenames": names[8:], "test_filenames": names[8:]}
    (folder / "transforms.json").write_text(json.dumps({**camera, **splits, "frames": frames}))
    return folder


def write(results: dict[str, Any], path: Path) -> None:
    """Write the results so that the file is never half there."""
    path.absolute().parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(results, indent=1), encoding="utf-8")
    part.replace(path)


def table(results: dict[str, Any]) -> list[str]:
    """The results as lines of a Markdown table."""
    lines = ["| check | what | value | as it should be |", "|---|---|---|---|"]
    for check in results["checks"]:
        if check["state"] != "ok":
            lines.append(f"| {check['name']} | **{check['state']}** | {last_line(check.get('error', ''))} |  |")
        for one in check["results"]:
            value = one["value"] if isinstance(one["value"], str) else f"{one['value']:.4g} {one['unit']}".strip()
            good = {True: "yes", False: "**no**", None: ""}[one["good"]]
            lines.append(f"| {check['name']} | {one['what']} | {value} | {good} |".replace("\n", " "))
    return lines


def last_line(text: str) -> str:
    """The last line of a text that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].replace("|", "/")[:200] if lines else ""


if __name__ == "__main__":
    main()
