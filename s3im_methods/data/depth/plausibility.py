"""Can a unit be right? Depth against the cameras' distances, against the other views, and against sparse points."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from s3im_methods.data.depth.source_config import length_word
from s3im_methods.data.wording import quote

_FLAG = "--pipeline.datamanager.depth.unit"
# Rooms and turntables lie between 0.25 and 2.5, two views of them included: so a unit wrong by a factor of 100 never
# passes, and captures with a baseline several times shorter or longer still do.
_FAR_FROM_BASELINE, USUAL = 20.0, 0.8
# Metres that would be other units, as seen from those in which the values are read.
_FACTORS = (1e-3, 1e-2, 1e2, 1e3)
_NAMES = {1e-3: "millimetres", 1e-2: "centimetres", 1.0: "metres"}
# Between neighbours in the order of their medians, views of one scene never leave such a gap.
_GAP = 30.0
# Hidden points and the sensor's noise move a view's median ratio by some per cent.
_DISAGREES = 1.5
# A wrong unit moves all views' by one factor, and wrong poses each by another. A view or two may be odd.
_NO_FACTOR, _FEWEST_RATIOS = 1.6, 4
_AXES = "transform_matrix has OpenCV's axes (y down, z forward) in place of OpenGL's"


def implausible_unit(median: float, baseline: float, unit: float | None, source: str) -> str | None:
    """A warning where depth and the cameras' distances differ too much for one unit.

    Args:
        median: Median depth in the unit of the poses.
        baseline: Largest extent of the cameras' positions in that unit.
        unit: Metres per stored value as read, or None where the user has set it or no stored value is read.
        source: Where depth comes from.

    Example:
        >>> print(implausible_unit(1500.0, 2.0, 1.0, "sensor"))
        The median depth is 1.5e+03 metres, but the cameras are at most 2 metres apart: the values look like \
millimetres, for which set --pipeline.datamanager.depth.unit 0.001.
    """
    ratio = median / baseline if baseline > 0 else 1.0
    if 1 / _FAR_FROM_BASELINE <= ratio <= _FAR_FROM_BASELINE:
        return None
    lengths = length_word(source)
    said = f"The median depth is {median:.3g} {lengths}, but the cameras are at most {baseline:.3g} {lengths} apart: "
    if source == "sparse":
        return f"{said}if that is wrong, the points are not in the coordinates of the poses."
    factor = min(_FACTORS, key=lambda factor: abs(np.log(ratio * factor / USUAL)))
    if unit is None or not 1 / _FAR_FROM_BASELINE <= ratio * factor <= _FAR_FROM_BASELINE:
        return f"{said}if that is wrong, set {_FLAG}."
    return f"{said}the values look like {_named(unit * factor)}, for which set {_FLAG} {unit * factor:.3g}."


def mixed_units(medians: Sequence[float], images: Sequence[Path]) -> str | None:
    """A warning where some views are so much farther than the others that their files must be in another unit.

    Args:
        medians: Median depth of each view in metres, 0 where it has none.
        images: Their images.
    """
    order = sorted((median, place) for place, median in enumerate(medians) if median > 0)
    steps = [(after[0] / before[0], k) for k, (before, after) in enumerate(pairwise(order), 1)]
    step, first = max(steps, default=(1.0, 0))
    if step < _GAP:
        return None
    near, far = order[:first], order[first:]
    odd, what = (near, "smaller") if len(near) < len(far) else (far, "larger")
    place = min(place for _, place in odd)
    return (
        f"In {len(odd)} of {len(order)} views depth is {step:.3g} times {what} than in all others, for instance in "
        f"{quote(images[place])}, so their files seem to be in another unit: write all files in one unit."
    )


def disagreeing_points(ratios: Sequence[float], unit: float) -> str | None:
    """A warning where the sensor's depth and the reconstruction's points are on different scales, or fit in no way.

    Args:
        ratios: Of some views, the median of sensor depth over the depth of the points in the same pixels.
        unit: Metres per stored value.
    """
    if not ratios:
        return None
    ratio = float(np.median(ratios))
    if len(ratios) >= _FEWEST_RATIOS and np.divide(*np.quantile(ratios, [0.75, 0.25])) > _NO_FACTOR:
        return (
            f"Sensor depth does not fit the sparse points in the same pixels: it is {min(ratios):.3g} times theirs in "
            f"one view and {max(ratios):.3g} times in another, so no unit helps. Poses, camera model or points are "
            f"wrong: for instance, {_AXES}."
        )
    if 1 / _DISAGREES <= ratio <= _DISAGREES:
        return None
    return (
        f"Sensor depth is {ratio:.3g} times that of the sparse points in the same pixels, so depth and cameras "
        f"are on different scales: set {_FLAG} {unit / ratio:.3g}."
    )


def unseen_points(seen: Sequence[bool]) -> str | None:
    """A warning where the reconstruction's points lie where no view looks.

    Args:
        seen: Of some views, whether any of the points is in the picture.
    """
    if not seen or any(seen):
        return None
    return (
        f"None of the {len(seen)} views that were looked at sees a point of the reconstruction, so poses and points "
        f"do not belong together: for instance, {_AXES}, or the two are in different units."
    )


def _named(unit: float) -> str:
    return next((name for metres, name in _NAMES.items() if abs(unit / metres - 1) < 1e-6), f"{unit:.3g} metres each")
