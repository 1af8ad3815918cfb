"""From what a user asks for to the list of runs, all of it checked before anything is trained."""

import contextlib
import hashlib
import io
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from s3im_methods.compare.axes import Axis, Setting, Variant, variants
from s3im_methods.compare.job import Job, Judging
from s3im_methods.compare.ns_train import read_arguments, train_arguments
from s3im_methods.compare.scenes import edited_path, images_of, make_edited, scene_name, source_of
from s3im_methods.errors import InputError


@dataclass(frozen=True)
class Request:
    """What is compared.

    Args:
        methods: Methods of ns-train.
        scenes: Folders of scenes, or their JSON files.
        seeds: Seeds of each.
        axes: What varies.
        steps: Training steps; None for the method's own number.
        seconds: End of each training, in seconds of training steps; None for no such end.
        settings: Flags that all runs have.
        dataparser: Name of the data parser; None for the methods' own.
        judging: How runs are judged.
    """

    methods: tuple[str, ...]
    scenes: tuple[Path, ...]
    seeds: tuple[int, ...]
    axes: tuple[Axis, ...]
    steps: int | None = None
    seconds: float | None = None
    settings: tuple[Setting, ...] = ()
    dataparser: str | None = None
    judging: Judging = field(default_factory=Judging)

    def fixed(self) -> dict[str, Any]:
        """What all runs of one folder have in common."""
        return {
            "steps": self.steps,
            "seconds": self.seconds,
            "settings": [" ".join(setting) for setting in self.settings],
            "dataparser": self.dataparser,
            "judging": {**asdict(self.judging), "mesh_thresholds": list(self.judging.mesh_thresholds)},
        }


class SceneFacts(NamedTuple):
    """What a scene is as all its runs have it.

    Args:
        held_out: Image files of the views that runs are judged by.
        trained_on: How many of these are trained on too.
        source: What it is made of, by :func:`~s3im_methods.compare.scenes.source_of`.
    """

    held_out: list[str]
    trained_on: int
    source: str


def look_at_scenes(request: Request) -> dict[str, SceneFacts]:
    """Check all that a comparison asks for, and write nothing.

    Args:
        request: What is compared.

    Returns:
        From the names of the scenes to what they are.

    Raises:
        InputError: If a method, flag, value or scene could not be trained with.
    """
    names = [scene_name(path) for path in request.scenes]
    for what, given in (("scene", request.scenes), ("method", request.methods), ("seed", request.seeds)):
        if len(set(given)) < len(given):
            raise InputError(f"A {what} is given twice in {' '.join(map(str, given))}: give each once.")
    for name, path in zip(names, request.scenes, strict=True):
        if names.count(name) > 1:
            raise InputError(
                f"More than one scene is called '{name}', such as '{path}': rename the folder of one, or give it "
                "another --output-dir."
            )
    chosen = variants(request.axes)
    for variant in chosen:
        _check_settings(request, variant)
    found: dict[str, SceneFacts] = {}
    for name, path in zip(names, request.scenes, strict=True):
        for method in request.methods:
            for variant in chosen:
                held_out, training = _checked_splits(request, path, method, variant)
                if name not in found:
                    both, all_images = set(held_out) & set(training), {*held_out, *training}
                    found[name] = SceneFacts(held_out, len(both), source_of(path, sorted(all_images)))
                if held_out != found[name].held_out:
                    raise InputError(
                        f"Not all variants have the same held-out views of the scene '{name}', so their results cannot "
                        "be compared: leave out the axis or method that splits the scene differently."
                    )
    return found


def plan(request: Request, out: Path, scenes: dict[str, SceneFacts] | None = None) -> list[Job]:
    """All runs, seed by seed, so that an interrupted comparison has whole seeds; changed scenes are written.

    Args:
        request: What is compared.
        out: The comparison's folder.
        scenes: What :func:`look_at_scenes` found; None to look now.

    Raises:
        InputError: If a method, flag, value or scene could not be trained with.
    """
    facts = look_at_scenes(request) if scenes is None else scenes
    cells = [
        (name, path, method, variant, _data(request, path, name, method, variant, out, facts[name].source))
        for name, path in ((scene_name(path), path) for path in request.scenes)
        for method in request.methods
        for variant in variants(request.axes)
    ]
    return [
        _job(request, out, name, path, method, variant, data, seed)
        for seed in request.seeds
        for name, path, method, variant, data in cells
    ]


def run_id(scene: str, method: str, variant: dict[str, str], seed: int) -> str:
    """Name of a run's folder, different for different runs.

    Example:
        >>> run_id("fox", "s3im-nerfacto-lite", {"loss": "s3im"}, 0)
        'fox.s3im-nerfacto-lite.loss-s3im.seed-0'
    """
    parts = [f"{axis.rpartition('.')[2]}-{value}" for axis, value in variant.items()]
    plain = [re.sub(r"[^A-Za-z0-9_.-]+", "-", part) for part in parts]
    # Two values may differ only in what a name of a folder cannot hold, and two fields in what is before the last dot.
    exact = [f"{axis}-{value}" for axis, value in variant.items()]
    mark = [] if plain == exact else [hashlib.sha256(repr(variant).encode()).hexdigest()[:8]]
    return ".".join([scene, method, *plain, *mark, f"seed-{seed}"])


def _check_settings(request: Request, variant: Variant) -> None:
    ours = {"--data", "--machine.seed", "--max-num-iterations", "--output-dir", "--experiment-name", "--timestamp"}
    for flag, *_ in variant.after(request.settings):
        if flag in ours:
            raise InputError(f"{flag} is set by the comparison itself: use its own flags.")


def _arguments(request: Request, data: Path, method: str, variant: Variant, seed: int) -> list[str]:
    settings = variant.after(request.settings)
    return train_arguments(method, data, seed, request.steps, settings, request.dataparser)


def _dataparser(config: Any, path: Path) -> Any:
    dataparser = config.pipeline.datamanager.dataparser
    dataparser.data = path
    return dataparser


def _checked_splits(request: Request, path: Path, method: str, variant: Variant) -> tuple[list[str], list[str]]:
    """Image files of the views that the variant is judged by, and of those that it is trained on."""
    from s3im_methods.data.checks.scene import check_scene
    from s3im_methods.engine.pipeline import check_pipeline

    config = read_arguments(_arguments(request, path, method, variant, request.seeds[0]))
    dataparser = _dataparser(config, path)
    if hasattr(config.pipeline.model, "s3im"):
        check_pipeline(config.pipeline)
    else:
        check_scene(dataparser)
    # nerfstudio's parsers print what concerns a single training.
    with contextlib.redirect_stdout(io.StringIO()):
        return images_of(dataparser, "test"), images_of(dataparser, "train")


def _data(request: Request, path: Path, name: str, method: str, variant: Variant, out: Path, source: str) -> Path:
    """The scene that the variant trains on."""
    if not variant.edit:
        return path
    config = read_arguments(_arguments(request, path, method, variant, request.seeds[0]))
    data = edited_path(path, variant.edit, out / "scenes" / name)
    with contextlib.redirect_stdout(io.StringIO()):
        make_edited(_dataparser(config, path), variant.edit, data, source)
    return data


def _job(
    request: Request, out: Path, scene: str, path: Path, method: str, variant: Variant, data: Path, seed: int
) -> Job:
    return Job(
        id=run_id(scene, method, variant.values, seed),
        method=method,
        scene=scene,
        scene_path=os.fspath(path),
        seed=seed,
        variant=variant.values,
        arguments=_arguments(request, data, method, variant, seed),
        seconds=request.seconds,
        out=os.fspath(out),
        judging=request.judging,
    )


def axes_of(jobs: Sequence[Job]) -> dict[str, list[str]]:
    """From each axis to its values, in the order in which the jobs have them."""
    found: dict[str, dict[str, None]] = {}
    for job in jobs:
        for axis, value in job.variant.items():
            found.setdefault(axis, {})[value] = None
    return {axis: list(values) for axis, values in found.items()}
