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
from s3im_methods.console import warn
from s3im_methods.data.wording import are, names_below, some
from s3im_methods.engine.odd_settings import idle_settings
from s3im_methods.errors import InputError
from s3im_methods.models.any_method.methods import base_name, known_methods


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
        scales: Factors by which these are made smaller when they are judged.
        trained_on: How many of these are trained on too.
        source: What it is made of, by :func:`~s3im_methods.compare.scenes.source_of`.
    """

    held_out: list[str]
    scales: list[int]
    trained_on: int
    source: str

    @property
    def judged(self) -> dict[str, list]:
        """The views and scales that runs are judged by, without the name of the scene's folder."""
        return {"views": names_below([Path(name) for name in self.held_out]), "scales": self.scales}


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
    from s3im_methods.compare.surfaces import check_true_mesh

    found: dict[str, SceneFacts] = {}
    for name, path in zip(names, request.scenes, strict=True):
        for method in request.methods:
            for variant in chosen:
                held_out, training, scales = _checked_splits(request, path, method, variant)
                both = set(held_out) & set(training)
                if both and variant.edit.corruption is not None:
                    raise InputError(
                        f"{some(len(both), len(held_out), 'evaluated view')} of the scene '{name}' "
                        f"{are(len(both))} trained on too, so the axis corruption would corrupt the truth: split "
                        "the scene so that none is, or leave out that axis."
                    )
                if name not in found:
                    source = source_of(path, sorted({*held_out, *training}))
                    found[name] = SceneFacts(held_out, scales, len(both), source)
                    if request.judging.meshes and any(map(_has_surface, request.methods)):
                        check_true_mesh(path, request.judging.mesh_thresholds)
                if held_out != found[name].held_out:
                    raise InputError(
                        f"Not all variants have the same held-out views of the scene '{name}', so their results cannot "
                        "be compared: leave out the axis or method that splits the scene differently."
                    )
                if scales != found[name].scales:
                    raise InputError(
                        f"Not all variants are evaluated at the same scales of the scene '{name}', so their results "
                        "cannot be compared: use the axis scales, which evaluates every variant at every scale."
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


_OURS = {
    "--data",
    "--pipeline.datamanager.data",
    "--pipeline.datamanager.dataparser.data",
    "--machine.seed",
    "--max-num-iterations",
    "--output-dir",
    "--experiment-name",
    "--timestamp",
}
# A run has no viewer, no events and one process, is saved at its end, and begins anew.
_WITHOUT_EFFECT = {"--vis", "--steps-per-save", "--keep-checkpoints", "--load-config", "--machine.num-devices"}


def _check_settings(request: Request, variant: Variant) -> None:
    for flag, *_ in variant.after(request.settings):
        if flag in _OURS:
            raise InputError(f"{flag} is set by the comparison itself: use its own flags.")
        if flag in _WITHOUT_EFFECT or flag.startswith("--logging."):
            raise InputError(f"{flag} has no effect in a comparison: leave it out.")


def _arguments(request: Request, data: Path, method: str, variant: Variant, seed: int) -> list[str]:
    settings = variant.after(request.settings)
    return train_arguments(method, data, seed, request.steps, settings, request.dataparser)


def _dataparser(config: Any, path: Path) -> Any:
    dataparser = config.pipeline.datamanager.dataparser
    dataparser.data = path
    return dataparser


def _checked_splits(
    request: Request, path: Path, method: str, variant: Variant
) -> tuple[list[str], list[str], list[int]]:
    """Image files of the views for evaluation and of those for training, and the scales of evaluation."""
    from s3im_methods.data.checks.scene import check_scene
    from s3im_methods.data.scaled_datamanager import judged_scales
    from s3im_methods.engine.pipeline import check_pipeline

    config = read_arguments(_arguments(request, path, method, variant, request.seeds[0]))
    if path == request.scenes[0]:
        _say_what_is_idle(config, variant)
    dataparser = _dataparser(config, path)
    if hasattr(config.pipeline.model, "s3im"):
        check_pipeline(config.pipeline)
    else:
        check_scene(dataparser)
    # nerfstudio's parsers print what concerns a single training.
    with contextlib.redirect_stdout(io.StringIO()):
        held_out, training = images_of(dataparser, "test"), images_of(dataparser, "train")
    return held_out, training, list(judged_scales(config.pipeline.datamanager))


def _has_surface(method: str) -> bool:
    model = known_methods()[base_name(method)].pipeline.model
    return hasattr(model._target, "surface_value")


def _say_what_is_idle(config: Any, variant: Variant) -> None:
    """Say which settings change nothing, but for those that a value such as none switches off itself."""
    switches = [f"because {flag} is" for flag, *_ in variant.settings]
    for line in idle_settings(config):
        if not any(switch in line for switch in switches):
            warn(line)


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
