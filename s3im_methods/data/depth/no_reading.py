"""Tell "no reading" from a measurement: by the number itself, by its distance from all others, by its repetition."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from s3im_methods.data.depth.depth_files import StoredMap

# What writers put where nothing was met: half precision's largest, 16 bits' largest as it is and in metres.
_CONSTANTS = (65504.0, 65535.0, 65.535)
# No scene is as large as that, whether in metres or in millimetres.
_ABSURD = 1e9
# A single value that lies so many times as far as all others is none of the scene's surfaces.
_ISOLATED = 100.0
# Values that differ, but all lie so many times as far as the greater part of the map: sky, resized.
_REMOTE = 1000.0
# Fewer others than this share may be noise near 0, beside which any wall is isolated.
_OTHERS = 0.05
# A largest value on fewer pixels, or on so small or so large a share of the map, is no plateau.
_FEWEST, _PLATEAU, _MOST = 8, 0.005, 0.9
# A plateau that all cameras share means none if it lies so many times as far as the rest, and as the cameras are apart.
_BEYOND = 5.0


@dataclass(frozen=True)
class Reading:
    """A map without what is no reading.

    Args:
        valid: ``[h, w]``, bool: finite, not negative, and no constant for "none"; zeros, which mean none, are valid.
        invalid: How many values were NaN, infinite or negative.
        constants: How often each constant for "none" was there, by the stored value.
    """

    valid: NDArray[np.bool_]
    invalid: int
    constants: dict[float, int]


@dataclass(frozen=True)
class Plateau:
    """The largest value of a map, where it stands on many pixels.

    Args:
        value: As stored.
        axis: Where the camera looks, of length 1, ``[3]``.
        place: Where it stands along that axis, in stored values.
        below: The largest of the map's other values.
    """

    value: float
    axis: NDArray[np.float64]
    place: float
    below: float


def find_readings(stored: StoredMap, tops: Sequence[float] = (), saturates: bool = True) -> Reading:
    """Leave out what is no reading.

    Args:
        stored: The file's content.
        tops: Values that the scene's maps have for "none", as :func:`common_tops` found them.
        saturates: Whether the largest whole number of the type means none; in maps that are stretched over the whole
            range, such as a network's, it does not.

    Example:
        >>> sky = StoredMap(np.array([[1.0, 2.0, 1e10, 1e10]], dtype=np.float32), 0)
        >>> find_readings(sky).constants
        {10000000000.0: 2}
    """
    values = stored.values
    sound = np.isfinite(values) & (values >= 0)
    invalid = int((~sound).sum())
    none = sound & (values >= _ABSURD)
    constants = [*_CONSTANTS, *tops]
    if stored.bits:
        # Whole numbers hold no metres, and in 8 bits or stretched over 16 the others are numbers like any.
        constants = [65535.0] if stored.bits == 32 else []
        constants += [stored.largest, *tops] if saturates else tops
    for constant in constants:
        none |= sound & (values == np.float32(constant))
    kept = sound & ~none
    none |= kept & _isolated(values, kept)
    found = Counter(values[none].tolist())
    return Reading(sound & ~none, invalid, dict(sorted(found.items())))


def _isolated(values: NDArray[np.float32], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which values lie far beyond all others."""
    beyond = np.zeros_like(kept)
    positive = values[kept & (values > 0)]
    # Sorting takes longer than all else, and most maps span less than that.
    if not len(positive) or positive.max() < _ISOLATED * positive.min():
        return beyond
    positive = np.sort(positive)
    while len(positive) > 1:
        top = positive[-1]
        below = positive[positive < top]
        if not len(below):
            break
        many = len(below) >= _OTHERS * len(positive)
        if top >= _ISOLATED * (1 if many else _ISOLATED) * below[-1]:
            beyond |= values >= top
            positive = below
            continue
        median = positive[len(positive) // 2]
        steps = positive[1:] / positive[:-1]
        far = np.flatnonzero((positive[1:] > median) & (steps >= _REMOTE))
        if len(far):
            beyond |= values >= positive[far[0] + 1]
        break
    return beyond & kept


def plateau_of(stored: StoredMap, pose: NDArray[np.float64], unit: float) -> Plateau | None:
    """The map's largest value, if it stands on many pixels though not on nearly all.

    Args:
        stored: The file's content.
        pose: Camera to world in metres, ``[3 or 4, 4]``, which looks along -z.
        unit: Metres per stored value.
    """
    readings = stored.values[find_readings(stored).valid & (stored.values > 0)]
    if not len(readings):
        return None
    top = readings.max()
    count = int((readings == top).sum())
    if not max(_FEWEST, _PLATEAU * len(readings)) <= count <= _MOST * len(readings):
        return None
    axis = -pose[:3, 2] / max(float(np.linalg.norm(pose[:3, 2])), 1e-12)
    below = float(readings[readings < top].max())
    return Plateau(float(top), axis, float(pose[:3, 3] @ axis) / unit, below)


def common_tops(plateaus: Sequence[Plateau], maps: int, extent: float) -> tuple[list[float], list[float]]:
    """Largest values that several maps share although no surface can be so far from all their cameras.

    A wall across the viewing axis fills many pixels with one depth, and is there at another depth, or not at all, for a
    camera that stands or looks elsewhere. A sensor's limit, or a renderer's far plane, is the same for every camera.

    Args:
        plateaus: Of the maps that have one.
        maps: How many maps were looked at.
        extent: How far the cameras are apart, in stored values.

    Returns:
        Those that mean none, because they lie far beyond everything else; and those that may mean it.
    """
    none, doubtful = [], []
    for value, count in Counter(plateau.value for plateau in plateaus).items():
        same = [plateau for plateau in plateaus if plateau.value == value]
        if count < max(2, min(3, maps)) or 2 * count < len(plateaus) or _one_plane(same):
            continue
        beyond = all(value >= _BEYOND * plateau.below for plateau in same) and value >= _BEYOND * extent
        (none if beyond else doubtful).append(value)
    return sorted(none), sorted(doubtful)


def _one_plane(plateaus: list[Plateau]) -> bool:
    """Whether one surface across all the viewing axes could explain them."""
    first = plateaus[0]
    turned = all(float(first.axis @ other.axis) > 0.9998 for other in plateaus)
    moved = max(abs(first.place - other.place) for other in plateaus)
    return turned and moved <= 1e-3 * first.value
