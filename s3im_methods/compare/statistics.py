"""What a metric's values over seeds say: mean, spread, and differences between variants that had the same seeds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from scipy import stats

Variant = tuple[tuple[str, str], ...]
"""Values of the axes of one variant, in the order of the axes: ``(("loss", "s3im"), ...)``; empty without an axis."""

_GREATER_IS_BETTER = (
    "psnr",
    "masked_psnr",
    "ssim",
    "f_score",
    "precision",
    "recall",
    "normal_consistency",
    "depth_delta1",
)
_SMALLER_IS_BETTER = ("lpips", "depth_abs_rel", "depth_rmse", "abs_rel", "rmse", "chamfer", "accuracy", "completeness")
_WITHOUT = "none"
_MORE_REFERENCES = {"s3im": ("control", "patch"), "add": ("control",), "both": ("s3im", "patch")}
_FIRST = ("psnr", "masked_psnr", "ssim", "lpips")


class Group(NamedTuple):
    """Runs that differ in nothing but their seed."""

    scene: str
    method: str
    variant: Variant


@dataclass(frozen=True)
class Summary:
    """Of some values: how many are finite, their mean, and their sample standard deviation.

    ``mean`` is NaN without a value, ``std`` (with n - 1 in the denominator) with fewer than two.
    """

    count: int
    mean: float
    std: float

    @property
    def standard_error(self) -> float:
        """By how much the mean itself varies: the standard deviation divided by the root of the count."""
        return self.std / math.sqrt(self.count) if self.count else math.nan

    @property
    def is_clear(self) -> bool:
        """Whether the mean, of differences, lies outside the noise: more than two standard errors from 0.

        Needs two values or more. See :func:`chance_of_clear` for what that is worth.
        """
        return self.count >= 2 and abs(self.mean) > 2 * self.standard_error


def summarise(values: Iterable[float]) -> Summary:
    """Count, mean and sample standard deviation of the finite values.

    Example:
        >>> summarise([1.0, 2.0, 6.0])
        Summary(count=3, mean=3.0, std=2.6457513110645907)
    """
    finite = [value for value in values if math.isfinite(value)]
    count = len(finite)
    mean = math.fsum(finite) / count if count else math.nan
    std = math.sqrt(math.fsum((value - mean) ** 2 for value in finite) / (count - 1)) if count > 1 else math.nan
    return Summary(count, mean, std)


def paired_difference(values: Mapping[int, float], reference: Mapping[int, float]) -> Summary:
    """Of ``values - reference``, seed by seed, over the seeds that both have.

    What a seed does to both, such as the choice of rays, cancels; the difference of the two means is noisier.

    Args:
        values: A metric's value for each seed.
        reference: The same of what it is compared with.

    Example:
        >>> paired_difference({0: 21.0, 1: 25.0, 2: 30.0}, {0: 20.0, 1: 23.0})
        Summary(count=2, mean=1.5, std=0.7071067811865476)
    """
    return summarise(values[seed] - reference[seed] for seed in values if seed in reference)


def chance_of_clear(count: int) -> float:
    """How often :attr:`Summary.is_clear` holds for differences of pure noise: Student's t beyond 2, on both sides.

    Args:
        count: Number of differences, 2 or more. They are taken as normally distributed around 0.

    Returns:
        A probability.

    Example:
        >>> round(chance_of_clear(3), 3)
        0.184
    """
    return float(2 * stats.t.sf(2, count - 1))


def group_by_seed(
    runs: Iterable[tuple[Group, int, Mapping[str, Any]]],
) -> dict[Group, dict[str, dict[int, float]]]:
    """Sort the metrics of runs by group, then metric, then seed.

    Args:
        runs: Group, seed and metrics of each run.

    Returns:
        Groups and metrics in the order in which they first occur. Values that are no finite number are left out; of
        two runs with the same group and seed the later one counts.

    Example:
        >>> group = Group("fox", "s3im-nerfacto-lite", (("loss", "s3im"),))
        >>> group_by_seed([(group, 0, {"psnr": 20.0}), (group, 1, {"psnr": 21.0, "ssim": None})])[group]
        {'psnr': {0: 20.0, 1: 21.0}}
    """
    groups: dict[Group, dict[str, dict[int, float]]] = {}
    for group, seed, metrics in runs:
        by_metric = groups.setdefault(group, {})
        for name, value in metrics.items():
            if is_number(value):
                by_metric.setdefault(name, {})[seed] = float(value)
    return groups


def is_number(value: Any) -> bool:
    """Whether a value from a JSON file is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def greater_is_better(metric: str) -> bool | None:
    """Which way a metric improves; None for one that is not known, about which nothing is judged.

    Args:
        metric: Its name, with or without a unit or threshold at the end, as in ``f_score@0.01``.

    Example:
        >>> greater_is_better("f_score@0.01"), greater_is_better("depth_rmse_metres"), greater_is_better("mass")
        (True, False, None)
    """
    metric = metric.removeprefix("expected_")
    for names, answer in ((_GREATER_IS_BETTER, True), (_SMALLER_IS_BETTER, False)):
        if any(metric == name or metric.startswith((f"{name}@", f"{name}_")) for name in names):
            return answer
    return None


def shown_metrics(metrics: Iterable[str]) -> list[str]:
    """Those of the metrics that a table shows, PSNR, SSIM and LPIPS first.

    Left out is what nearly repeats another one: the metrics of the expected depth, which is in ``results.csv``, and the
    depth's error in scene units where it is known in metres.

    Example:
        >>> shown_metrics(["depth_rmse", "expected_depth_rmse", "lpips", "depth_rmse_metres", "psnr"])
        ['psnr', 'lpips', 'depth_rmse_metres']
    """
    found = list(dict.fromkeys(metrics))
    repeated = {"depth_rmse"} if "depth_rmse_metres" in found else set()
    rest = [name for name in found if name not in _FIRST and name not in repeated and not name.startswith("expected_")]
    return [name for name in _FIRST if name in found] + rest


def is_better(metric: str, difference: Summary) -> bool | None:
    """Whether a difference is a gain (True), a loss (False), or neither: within the noise or of an unknown metric.

    Example:
        >>> is_better("lpips", summarise([-0.10, -0.11])), is_better("psnr", summarise([0.4, -0.3]))
        (True, None)
    """
    direction = greater_is_better(metric)
    if direction is None or not difference.is_clear:
        return None
    return (difference.mean > 0) == direction


def best(metric: str, candidates: Mapping[Variant, Mapping[int, float]]) -> Variant | None:
    """The variant that is better than every other one by more than the noise.

    Args:
        metric: Name of the metric.
        candidates: Its value for each seed of each variant.

    Returns:
        None where no variant is, or where there is nothing to compare. A variant without values does not count.

    Example:
        >>> best("psnr", {(("loss", "none"),): {0: 20.0, 1: 21.0}, (("loss", "s3im"),): {0: 22.0, 1: 23.1}})
        (('loss', 's3im'),)
    """
    present = {variant: values for variant, values in candidates.items() if values}
    for variant, values in present.items():
        others = [other for name, other in present.items() if name != variant]
        if others and all(is_better(metric, paired_difference(values, other)) for other in others):
            return variant
    return None


def pairs(variants: Sequence[Variant], axes: Mapping[str, Sequence[str]]) -> list[tuple[Variant, Variant]]:
    """Which variants to compare: those that differ in one axis only, with that axis's first value.

    On the axis ``loss`` that is ``none`` where it was run, whatever call brought it. There S3IM and ``add`` have the
    control as a second reference, because the gain of a stronger loss is no gain of S3IM, and S3IM has SSIM on real
    patches (``patch``) as a third; ``both`` together are compared with each of the two.

    Args:
        variants: Those that have runs.
        axes: The values of each axis, in the order in which the user gave them.

    Returns:
        Pairs of a variant and its reference, in the order of ``variants``.

    Example:
        >>> none, s3im, control = ((("loss", name),) for name in ("none", "s3im", "control"))
        >>> pairs([none, s3im, control], {"loss": ["none", "s3im", "control"]}) == [
        ...     (s3im, none), (s3im, control), (control, none)]
        True
    """
    present = set(variants)
    found = []
    for variant in variants:
        for axis, values in axes.items():
            settings = dict(variant)
            if axis not in settings:
                continue
            own = settings[axis]
            references = list(values[:1])
            if axis == "loss":
                references = [_WITHOUT] if _with(variant, axis, _WITHOUT) in present else references
                references += _MORE_REFERENCES.get(own, ())
            for other in dict.fromkeys(_with(variant, axis, value) for value in references):
                if other != variant and other in present:
                    found.append((variant, other))
    return found


def _with(variant: Variant, axis: str, value: str) -> Variant:
    return tuple((name, value if name == axis else own) for name, own in variant)


def variant_name(variant: Variant) -> str:
    """A variant in a few words: the values of its axes; what the values alone don't say is named.

    Example:
        >>> variant_name((("loss", "s3im"), ("pipeline.model.s3im.kernel_size", "4")))
        's3im, kernel_size 4'
        >>> variant_name(())
        'as it is'
    """
    ends = [axis.rsplit(".", 1)[-1] for axis, _ in variant]
    words = []
    for (axis, value), end in zip(variant, ends, strict=True):
        name = end if ends.count(end) == 1 else axis
        words.append(value if axis == "loss" else f"{name} {value}")
    return ", ".join(words) or "as it is"
