"""What the tables of a comparison and its page show: numbers of each variant, and differences between variants."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from s3im_methods.compare.report_data import Results, Run
from s3im_methods.compare.statistics import (
    Group,
    Summary,
    Variant,
    chance_of_clear,
    greater_is_better,
    group_by_seed,
    paired_difference,
    pairs,
    shown_metrics,
    variant_name,
)
from s3im_methods.engine.checkpoint_notes import Notes
from s3im_methods.engine.checkpoint_notes import differences as differences_of
from s3im_methods.engine.leaves import flag

MINUS = "\N{MINUS SIGN}"
COSTS = {"train_seconds": 1, "peak_memory_mb": 0, "peak_gpu_memory_mb": 0}
"""What is measured of a run besides its quality, with the decimals that are worth showing."""

Table = dict[Group, dict[str, dict[int, float]]]
"""Group, metric, seed, value."""


class Difference(NamedTuple):
    """A group minus the one with another variant, at equal seeds; of each metric."""

    group: Group
    reference: Variant
    values: dict[str, Summary]

    @property
    def title(self) -> str:
        """For the reader."""
        return f"{variant_name(self.group.variant)} {MINUS} {variant_name(self.reference)}"


def collect(results: Results) -> Table:
    """All numbers of the runs, with what the runs cost."""
    return group_by_seed(
        (run.group, run.seed, {**run.metrics, **{cost: getattr(run, cost) for cost in COSTS}}) for run in results.runs
    )


def columns(table: Table) -> list[str]:
    """What a table shows of it: :func:`~s3im_methods.compare.statistics.shown_metrics`, then the costs."""
    found = dict.fromkeys(metric for metrics in table.values() for metric in metrics)
    return [*shown_metrics(name for name in found if name not in COSTS), *(name for name in COSTS if name in found)]


def seeds_of(metrics: Mapping[str, Mapping[int, float]]) -> set[int]:
    """The seeds with which a group has any number."""
    return {seed for values in metrics.values() for seed in values}


def by_scene(table: Table, method: str) -> dict[str, Table]:
    """A method's groups, apart by their scenes."""
    scenes: dict[str, Table] = {}
    for group, values in table.items():
        if group.method == method:
            scenes.setdefault(group.scene, {})[group] = values
    return scenes


def differences(table: Table, axes: Mapping[str, Sequence[str]], metrics: Iterable[str]) -> list[Difference]:
    """The paired differences of :func:`~s3im_methods.compare.statistics.pairs`, inside each scene and method.

    Args:
        table: All numbers.
        axes: From each axis to its values, in order.
        metrics: Of which.

    Example:
        >>> none, s3im = (Group("fox", "m", (("loss", name),)) for name in ("none", "s3im"))
        >>> table = {none: {"psnr": {0: 20.0, 1: 21.0}}, s3im: {"psnr": {0: 22.0, 1: 24.0}}}
        >>> [difference] = differences(table, {"loss": ["none", "s3im"]}, ["psnr"])
        >>> difference.values["psnr"].mean
        2.5
    """
    names = list(metrics)
    places: dict[tuple[str, str], dict[Variant, Group]] = {}
    for group in table:
        places.setdefault((group.scene, group.method), {})[group.variant] = group
    found = []
    for groups in places.values():
        for variant, reference in pairs(list(groups), axes):
            mine, other = table[groups[variant]], table[groups[reference]]
            values = {name: paired_difference(mine.get(name, {}), other.get(name, {})) for name in names}
            found.append(Difference(groups[variant], reference, values))
    return found


def judged(metrics: Iterable[str]) -> list[str]:
    """Those of which it is known whether more is better."""
    return [metric for metric in metrics if greater_is_better(metric) is not None]


def decimals(values: Iterable[float], significant: int = 4) -> int:
    """Decimals that show the largest value with so many significant digits.

    Example:
        >>> decimals([0.5, 22.0]), decimals([0.0123], significant=3)
        (2, 4)
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return min(8, max(0, significant - 1 - math.floor(math.log10(largest)))) if largest else 2


def remarks(results: Results) -> list[str]:
    """What a reader must know of the runs: other truths, views that are trained on, no mesh, other versions.

    Args:
        results: What was read; views without a picture of their truth say nothing.
    """
    return [
        *_different_truths(results),
        *_trained_on(results),
        *_without_mesh(results),
        *_made_otherwise(results),
    ]


def _trained_on(results: Results) -> list[str]:
    return [
        f"{scene}: {count} of the evaluated views are trained on too, so its numbers say how well views are fitted, "
        "not how new ones are seen."
        for scene, count in results.trained_on.items()
        if count
    ]


def _without_mesh(results: Results) -> list[str]:
    found = [run for run in results.runs if run.no_mesh]
    if not found:
        return []
    return [
        f"{len(found)} of {len(results.runs)} runs have no mesh, so that metrics of meshes are those of the others. "
        f"The first is {found[0].id}: {found[0].no_mesh}"
    ]


def _made_otherwise(results: Results) -> list[str]:
    found = []
    versions = dict.fromkeys(run.software for run in results.runs if run.software)
    if len(versions) > 1:
        found.append(
            f"Runs were made with different versions ({'; '.join(versions)}): a difference between them may be the "
            "versions'."
        )
    devices = dict.fromkeys(run.device for run in results.runs)
    if results.seconds is not None and len(devices) > 1:
        found.append(
            f"Runs of equal time were made on different devices ({'; '.join(devices)}): the faster one makes more "
            "steps."
        )
    found += _other_settings(results)
    return found


def _other_settings(results: Results) -> list[str]:
    """A method's runs that differ in more than their commands do, as where a newer version has other defaults."""
    found, first = dict[tuple[str, str], str](), dict[tuple[str, str], Run]()
    for run in results.runs:
        cell = (run.scene, run.method)
        one = first.setdefault(cell, run)
        names = one.settings.keys() | run.settings.keys()
        # Those of an older version may lack some.
        then, now = ({name: each.settings.get(name, _NOT_THERE) for name in names} for each in (one, run))
        typed = _typed_flags(one) | _typed_flags(run)
        if any(word.startswith(_SAMPLER) for word in typed):
            # The sampler's class depends on one of its own settings.
            typed |= {flag(name) for name in names if flag(name).startswith(_SAMPLER)}
        same = {name: value for name, value in then.items() if flag(name) in typed or name.endswith(".data")}
        changed = differences_of(Notes(one.method, "", then), Notes(run.method, "", now | same))
        if changed is None:
            continue
        why = f"they differ in {changed}" if one.settings and run.settings else "the settings of one were not recorded"
        found.setdefault(
            cell,
            f"{one.id} and {run.id} may not be comparable: {why}, and their commands do not say so. Another version "
            "may have other defaults: make them again, in another --output-dir.",
        )
    return list(found.values())


_NOT_THERE = "not there"
_SAMPLER = "--pipeline.datamanager.pixel-sampler."


def _typed_flags(run: Run) -> set[str]:
    words = {word for word in run.command.split() if word.startswith("--")}
    # Behind the data parser's name its flags have no path.
    return words | {f"--pipeline.datamanager.dataparser.{word[2:]}" for word in words}


def _different_truths(results: Results) -> list[str]:
    truths: dict[str, dict[str, set[Path]]] = {}
    for run in results.runs:
        for view in run.views:
            if view.truth is not None:
                truths.setdefault(run.scene, {}).setdefault(view.name, set()).add(view.truth)
    return [
        f"{scene}: not all runs have the same truth, so differences between these runs say nothing: leave out axes "
        "that change the size of the images, such as camera-res-scale-factor; for transparent images give --set "
        "pipeline.model.background-color=white, or random-white for nerfacto."
        for scene, views in truths.items()
        if any(len(paths) > 1 for paths in views.values())
    ]


def fewest_seeds(rows: Iterable[Difference]) -> int:
    """Over how many seeds the differences go that have the fewest, but more than one; 1 where none has more."""
    return min((n for row in rows for value in row.values.values() if (n := value.count) > 1), default=1)


def what_a_mark_says(seeds: int) -> str:
    """How a reader should take a difference that is marked.

    Args:
        seeds: Over how many seeds the differences go that have the fewest.
    """
    if seeds < 2:
        return (
            "With one seed nothing can be said about the noise: no number is marked and no difference is called clear."
        )
    return (
        "A difference is called clear where its mean over the seeds, taken at equal seeds, is larger than twice its "
        f"standard error. With {seeds} seeds that also happens to {100 * chance_of_clear(seeds):.0f} of 100 "
        "comparisons of equal variants, so a single mark is a hint; the same mark on many scenes is evidence."
    )
