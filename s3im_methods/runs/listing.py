"""Find the runs in a folder and read what their files say: method, scene, steps, PSNR, time, pictures."""

import datetime
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError
from s3im_methods.runs.picture_notes import read_note

_MODELS = "nerfstudio_models"
_CHECKPOINT = re.compile(r"step-(\d{9,})\.ckpt")
_TIMESTAMP = "%Y-%m-%d_%H%M%S"
# Folders of scenes, of which one may hold thousands of files, and nobody's results; _2 is a copy at half the size.
_NOT_LOOKED_INTO = re.compile(r"\..*|__pycache__|site-packages|sparse|wandb|(images|depths|normals|masks)(_\d+)?")


@dataclass
class FoundRun:
    """A run that has a checkpoint; what its files do not tell is None.

    Attributes:
        folder: That of its config.yml.
        method: Name of the method.
        scene: Name of the scene.
        steps: Training steps of the newest checkpoint.
        planned: Training steps that were asked for.
        ended: When that checkpoint was written, seconds since 1970.
        seconds: From the start of the training until then; not known for copies, whose files have other times.
        psnr: Mean over held-out views, in dB.
        psnr_from: What says so, for the reader.
        pictures: Files of pictures, the best first.
    """

    folder: Path
    method: str
    scene: str
    steps: int
    planned: int | None
    ended: float
    seconds: float | None
    psnr: float | None = None
    psnr_from: str = ""
    pictures: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Listing:
    """The runs of a folder, newest first, and the folders of those without a checkpoint."""

    runs: list[FoundRun]
    unfinished: list[Path]


def list_runs(given: Path) -> Listing:
    """Look for runs and their results.

    PSNR is taken from what ``ns-eval --output-path`` or ``s3im compare`` wrote, else from the picture of ``s3im
    overview``, which has fewer views. Both are looked for in the whole folder, and recognised by the run that they
    name.

    Args:
        given: A run's folder, its config.yml, or a folder with runs at any depth.

    Raises:
        InputError: If there is no such folder, or no run in it.
    """
    given = given.expanduser()
    folder = given.parent if given.name == "config.yml" else given
    if not folder.is_dir():
        raise InputError(f"No folder at {quote(folder)}: give a run's folder, or one with runs, such as outputs.")
    runs, unfinished, jsons, images = [], [], [], []
    for place, files in _walk(folder):
        if "config.yml" in files:
            run = _read_run(place)
            if run is not None:
                runs.append(run)
            elif _is_a_run(place / "config.yml"):
                unfinished.append(place)
        jsons += [place / name for name in files if name.endswith(".json")]
        images += [place / name for name in files if name.endswith(".png")]
    if not runs and not unfinished:
        raise InputError(f"No run in {quote(folder)}: give a folder that ns-train wrote to, such as outputs.")
    by_place = {run.folder.resolve(): run for run in runs}
    for path in images:
        _add_picture(path, by_place)
    for path in sorted(jsons, key=_changed):
        _add_evaluation(path, by_place)
    for run in runs:
        _add_comparison(run)
    return Listing(sorted(runs, key=lambda run: run.ended, reverse=True), unfinished)


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != _MODELS and not _NOT_LOOKED_INTO.fullmatch(name))
        yield Path(place), files


def _is_a_run(config: Path) -> bool:
    with config.open(encoding="utf-8", errors="replace") as file:
        return file.readline().startswith("!!python/object:")


def _read_run(folder: Path) -> FoundRun | None:
    """The run, or None if it has no checkpoint or is none."""
    path = folder / "config.yml"
    found = [(int(match[1]), file) for place in (folder / _MODELS, folder) for match, file in _checkpoints(place)]
    if not found or not _is_a_run(path):
        return None
    step, checkpoint = max(found)
    config = _settings(path)
    ended = _changed(checkpoint)
    seconds = ended - _began(config, path)
    return FoundRun(
        folder=folder,
        method=str(config.get("method_name", "?")),
        scene=_scene(config),
        steps=step + 1,
        planned=planned if isinstance(planned := config.get("max_num_iterations"), int) else None,
        ended=ended,
        seconds=seconds if seconds >= 1 else None,
    )


def _checkpoints(folder: Path) -> Iterator[tuple[re.Match, Path]]:
    if folder.is_dir():
        for file in folder.iterdir():
            match = _CHECKPOINT.fullmatch(file.name)
            if match:
                yield match, file


_Fastest: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Fastest):
    """Reads the values of a config.yml and leaves its Python classes alone."""


def _plain(loader: Any, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return None


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", _plain)


def _settings(path: Path) -> dict[str, Any]:
    try:
        found = yaml.load(path.read_text(encoding="utf-8", errors="replace"), Loader=_Loader)
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def _began(config: dict[str, Any], path: Path) -> float:
    try:
        return datetime.datetime.strptime(str(config.get("timestamp")), _TIMESTAMP).timestamp()
    except ValueError:
        # It was given a name. config.yml is written when training begins.
        return _changed(path)


def _scene(config: dict[str, Any]) -> str:
    """The scene's folder, or its file where that has a name of its own."""
    manager = (config.get("pipeline") or {}).get("datamanager") or {}
    places = (config.get("data"), manager.get("data"), (manager.get("dataparser") or {}).get("data"))
    parts = next((place for place in places if isinstance(place, list) and place), None)
    if parts is None:
        return str(config.get("experiment_name", "?"))
    names = [str(part) for part in parts]
    if names[-1] in ("transforms.json", "."):
        names = names[:-1]
    return "/".join(names[-2:]) if names[-1].endswith(".json") else names[-1] if names else "?"


def _add_evaluation(path: Path, runs: dict[Path, FoundRun]) -> None:
    """Take the PSNR that ns-eval wrote for one of the runs; of several files the newest comes last and wins."""
    found = _json(path)
    checkpoint, results = found.get("checkpoint"), found.get("results")
    if not (isinstance(checkpoint, str) and isinstance(results, dict) and isinstance(results.get("psnr"), float)):
        return
    run = _run_of(Path(checkpoint).parent.parent, runs)
    if run is not None and Path(checkpoint).name == f"step-{run.steps - 1:09d}.ckpt":
        run.psnr, run.psnr_from = results["psnr"], "ns-eval"


def _add_picture(path: Path, runs: dict[Path, FoundRun]) -> None:
    note = read_note(path)
    run = _run_of(Path(note["run"]), runs) if note and isinstance(note.get("run"), str) else None
    if note is None or run is None or note.get("steps") != run.steps:
        return
    run.pictures.append(path)
    if isinstance(note.get("psnr"), float):
        run.psnr, run.psnr_from = note["psnr"], f"overview of {note.get('views')} views"


def _add_comparison(run: FoundRun) -> None:
    """Take what ``s3im compare`` keeps two folders above each run that it makes."""
    place = run.folder.parent.parent
    found = _json(place / "run.json")
    metrics, views = found.get("metrics"), found.get("views")
    if not (isinstance(metrics, dict) and isinstance(views, list) and found.get("method") == run.method):
        return
    run.scene = str(found.get("scene", run.scene))
    if isinstance(metrics.get("psnr"), float):
        run.psnr, run.psnr_from = metrics["psnr"], "s3im compare"
    if isinstance(found.get("train_seconds"), float):
        run.seconds = found["train_seconds"]
    names = [view.get("picture") for view in views if isinstance(view, dict)]
    run.pictures += [place / name for name in names if isinstance(name, str) and (place / name).is_file()]


def _run_of(folder: Path, runs: dict[Path, FoundRun]) -> FoundRun | None:
    """The run that a file names; one that was moved still has the same last three folders."""
    run = runs.get(folder.resolve())
    if run is None and not folder.exists():
        alike = [found for place, found in runs.items() if place.parts[-3:] == folder.parts[-3:]]
        run = alike[0] if len(alike) == 1 else None
    return run


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _changed(path: Path) -> float:
    return path.stat().st_mtime
