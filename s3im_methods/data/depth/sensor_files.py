"""A scene's sensor depth as files: their unit, what they have for "no reading", and one view's depth in metres."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from s3im_methods.data.depth.confidence import full_confidence
from s3im_methods.data.depth.depth_files import StoredMap, clean_metres, read_map
from s3im_methods.data.depth.listing import DepthListing
from s3im_methods.data.depth.no_reading import Reading, common_tops, find_readings, plateau_of
from s3im_methods.data.depth.plausibility import USUAL
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth.units import PARSER_DEFAULT, DepthUnit, unit_of
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

_FLAG = "--pipeline.datamanager.depth"
# So many maps tell how a scene's files are written; each takes some milliseconds to read.
_MOST_SAMPLES = 16


@dataclass(frozen=True)
class _Samples:
    """Some of the scene's maps.

    Args:
        bits: Those of :class:`StoredMap`, in increasing order, each once.
        tops: Constants for "none" that no map tells by itself.
        doubtful: Values that may be such constants, by their metres per stored value.
        floats_in_metres: Whether floating-point maps are in metres although another unit is said for the scene.
    """

    bits: tuple[int, ...]
    tops: tuple[float, ...]
    doubtful: tuple[tuple[float, float], ...]
    floats_in_metres: bool


class SensorFiles:
    """Reads the sensor's depth, by what the settings, the parser, the scene's file and some of its maps say.

    What the maps say is asked of the whole scene, so that training and evaluation views are read alike.

    Args:
        listing: The scene's files.
        config: The settings.
    """

    def __init__(self, listing: DepthListing, config: DepthSourceConfig) -> None:
        self._listing, self._config = listing, config

    def check(self) -> None:
        """Refuse depth whose unit cannot be known.

        Raises:
            InputError: If a file that is looked at holds 8-bit numbers and nothing says their unit, or no numbers.
        """
        _ = self._samples

    def read(self, index: int) -> tuple[np.ndarray, Reading, bool]:
        """One view's depth as the file measures it.

        Args:
            index: Its number in the split; it has a file.

        Returns:
            ``[h, w]``, float32, metres, 0 for none; what was no reading; and whether it is the length of the ray.

        Raises:
            InputError: If the file cannot be read, or its unit cannot be known.
        """
        path, frames = self._listing.sensor[index], self._listing.frames
        assert path is not None
        unit = self._unit({} if frames is None else frames.said(frames.frames[index]))
        stored = _numbers(path, unit)
        reading = find_readings(stored, self._samples.tops)
        metres, _ = clean_metres(stored, self._factor(stored, unit), unit.whole)
        return np.where(reading.valid, metres, np.float32(0.0)), reading, unit.is_distance

    @property
    def unit(self) -> DepthUnit:
        """The unit of the scene's first map."""
        return self._unit(self._listing.scene[0].said if self._listing.scene else {})

    @property
    def metres_per_value(self) -> float:
        """Metres per stored value of most of the scene's maps."""
        return self.unit.whole if any(self._samples.bits) else self._floating(self.unit)

    def line(self) -> str:
        """How the files are read, and what of that is a guess, in one sentence."""
        unit, kinds = self.unit, self._samples.bits
        parts = [
            f"{_kind(bits)} count {_metres(unit.whole if bits else self._floating(unit))} each "
            f"({self._why(unit, bits)})"
            for bits in kinds
        ]
        measures = "distance along the ray" if unit.is_distance else "depth along the viewing axis"
        return f"{' and '.join(parts)}, as {measures} ({unit.distance_source or 'assumed'})."

    def remarks(self) -> list[str]:
        """What the user should know of the files, one sentence each."""
        found = list(self.unit.remarks)
        for value, factor in self._samples.doubtful:
            found.append(
                f"Depth maps from different places share one largest value, {value:g}, on many pixels: if it means "
                f"no reading, set {_FLAG}.far below {value * factor:.4g}."
            )
        return found

    @cached_property
    def full_confidence(self) -> tuple[float | None, str | None]:
        """The stored confidence that counts as 1, None for that of each file's type, and a sentence if it is odd."""
        paths = [file.confidence for file in self._listing.scene if file.confidence and file.confidence.is_file()]
        maps = [read_map(path) for path in _spread(paths)]
        return full_confidence(maps, self._config.confidence_max, self._config.confidence_threshold)

    def _unit(self, said: Mapping[str, Any]) -> DepthUnit:
        return unit_of(self._config, self._listing.integer_unit, said)

    def _floating(self, unit: DepthUnit) -> float:
        return 1.0 if self._samples.floats_in_metres else unit.floating

    def _factor(self, stored: StoredMap, unit: DepthUnit) -> float:
        return unit.whole if stored.bits else self._floating(unit)

    def _why(self, unit: DepthUnit, bits: int) -> str:
        if not bits and self._samples.floats_in_metres:
            return f"told from the values, though {unit.floating_source} says {unit.floating:g}"
        return (unit.source if bits else unit.floating_source) or "assumed"

    @cached_property
    def _samples(self) -> _Samples:
        files = [file for file in self._listing.scene if file.path.is_file()]
        bits, plateaus, factor = set(), [], 1.0
        medians: dict[bool, list[float]] = {True: [], False: []}
        for file in (some := _spread(files)):
            unit = self._unit(file.said)
            stored = _numbers(file.path, unit)
            bits.add(stored.bits)
            factor = unit.whole if stored.bits else unit.floating
            plateaus.append(plateau_of(stored, file.pose, factor))
            values = stored.values[find_readings(stored).valid & (stored.values > 0)]
            if len(values):
                medians[stored.bits > 0].append(float(np.median(values)) * (factor if stored.bits else 1.0))
        places = np.array([file.pose[:3, 3] for file in self._listing.scene])
        extent = float(np.linalg.norm(np.ptp(places, axis=0))) if len(places) else 0.0
        in_metres = _in_metres(self.unit, medians[False], medians[True], extent)
        if in_metres and bits == {0}:
            factor = 1.0
        none, doubtful = common_tops([plateau for plateau in plateaus if plateau], len(some), extent / factor)
        return _Samples(tuple(sorted(bits)), tuple(none), tuple((value, factor) for value in doubtful), in_metres)


def _in_metres(unit: DepthUnit, floats: list[float], whole: list[float], extent: float) -> bool:
    """Whether floating-point maps are in metres although another unit is said for the scene.

    A tool that writes whole numbers says their unit, and often stays silent on the metres of its other files.

    Args:
        unit: What is said.
        floats: Medians of some floating-point maps, as stored.
        whole: Medians of some maps of whole numbers, in metres.
        extent: How far the cameras are apart, in metres.
    """
    if not floats or unit.by_user or unit.floating == 1 or not (whole or unit.from_file):
        return False
    expected = float(np.median(whole)) if whole else USUAL * extent
    if not expected > 0:
        return True
    ratio = float(np.median(floats)) / expected
    return bool(abs(np.log(ratio)) < abs(np.log(ratio * unit.floating)))


def _numbers(path: Path, unit: DepthUnit) -> StoredMap:
    stored = read_map(path)
    if stored.bits == 1:
        raise InputError(f"{quote(path)} holds true and false, which is not depth: give one number per pixel.")
    # What a file says of millimetres was said of 16 bits: 8 do not reach beyond the camera's own lens.
    if stored.bits == 8 and (not unit.source or (unit.from_file and unit.whole <= PARSER_DEFAULT)):
        raise InputError(
            f"The depth map {quote(path)} holds 8-bit numbers, which reach only 0.255 metres if they are millimetres: "
            f"set {_FLAG}.unit to the metres per stored value, write 16-bit maps in millimetres, or train without "
            f"depth by {_FLAG}.source none."
        )
    return stored


def _spread(things: Sequence) -> list:
    count = min(len(things), _MOST_SAMPLES)
    return [things[place * len(things) // count] for place in range(count)]


def _metres(factor: float) -> str:
    return "1 metre" if factor == 1 else f"{factor:g} metres"


def _kind(bits: int) -> str:
    return {0: "floating-point numbers", 1: "true and false", 32: "whole numbers"}.get(bits, f"{bits}-bit numbers")
