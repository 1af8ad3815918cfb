"""A scene's sensor depth as files: their unit, what they have for "no reading", and one view's depth in metres."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from s3im_methods.data.depth.confidence import full_confidence
from s3im_methods.data.depth.depth_files import StoredMap, clean_metres, read_map
from s3im_methods.data.depth.listing import DepthListing, SensorFile
from s3im_methods.data.depth.no_reading import Reading, common_tops, find_readings, plateau_of
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth.units import DepthUnit, unit_of
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

_FLAG = "--pipeline.datamanager.depth"
# So many maps tell how a scene's files are written; each takes some milliseconds to read.
_MOST_SAMPLES = 16
_ALIKE = 10.0


@dataclass(frozen=True)
class _Samples:
    """Some of the scene's maps.

    Args:
        bits: Those of :class:`StoredMap`, in increasing order, each once.
        eight_bit: The first file of 8-bit numbers whose unit nobody says, or None.
        tops: Constants for "none" that no map tells by itself.
        doubtful: Values that may be such constants, by their metres per stored value.
        floats_in_metres: Whether floating-point maps are in metres although another unit is said for the scene.
    """

    bits: tuple[int, ...]
    eight_bit: SensorFile | None
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
            InputError: If a file holds 8-bit numbers and nothing says their unit.
        """
        found = self._samples.eight_bit
        if found is not None:
            raise InputError(
                f"The depth map {quote(found.path)} holds 8-bit numbers, which reach a quarter of a metre in "
                f"millimetres: set {_FLAG}.unit to metres per stored value, write 16-bit maps in millimetres, or train "
                f"without depth by {_FLAG}.source none."
            )

    def read(self, index: int) -> tuple[np.ndarray, Reading, bool]:
        """One view's depth as the file measures it.

        Args:
            index: Its number in the split; it has a file.

        Returns:
            ``[h, w]``, float32, metres, 0 for none; what was no reading; and whether it is the length of the ray.

        Raises:
            InputError: If the file cannot be read.
        """
        path, frames = self._listing.sensor[index], self._listing.frames
        assert path is not None
        stored = read_map(path)
        if stored.bits == 1:
            raise InputError(f"{quote(path)} holds true and false, which is no depth: give one number per pixel.")
        unit = self._unit({} if frames is None else frames.said(frames.frames[index]))
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
                f"Depth maps whose cameras stand apart share the largest value {value:g} on many pixels: if it means "
                f"no reading, set {_FLAG}.far below {value * factor:.4g}."
            )
        return found

    @cached_property
    def full_confidence(self) -> tuple[float | None, str | None]:
        """The stored confidence that counts as 1, None for that of each file's type, and a sentence if it is odd."""
        paths = [file.confidence for file in self._listing.scene if file.confidence and file.confidence.is_file()]
        maps = [read_map(path) for path in _spread(paths)]
        return full_confidence(maps, self._config.confidence_max, self._config.confidence_threshold)

    def _unit(self, said) -> DepthUnit:
        return unit_of(self._config, self._listing.integer_unit, said)

    def _floating(self, unit: DepthUnit) -> float:
        return 1.0 if self._samples.floats_in_metres else unit.floating

    def _factor(self, stored: StoredMap, unit: DepthUnit) -> float:
        return unit.whole if stored.bits else self._floating(unit)

    def _why(self, unit: DepthUnit, bits: int) -> str:
        source = unit.source if bits else "" if self._samples.floats_in_metres else unit.floating_source
        return source or "assumed"

    @cached_property
    def _samples(self) -> _Samples:
        bits, plateaus, medians = set(), [], {True: [], False: []}
        eight_bit, count, factor = None, 0, 1.0
        for file, stored in self._some_maps():
            count += 1
            unit = self._unit(file.said)
            bits.add(stored.bits)
            if stored.bits == 8 and not unit.source:
                eight_bit = eight_bit or file
            factor = unit.whole if stored.bits else unit.floating
            plateaus.append(plateau_of(stored, file.pose, factor))
            values = stored.values[find_readings(stored).valid & (stored.values > 0)]
            if len(values):
                medians[bool(stored.bits)].append(float(np.median(values)) * (factor if stored.bits else 1.0))
        unit = self.unit
        in_metres = False
        if medians[True] and medians[False] and not unit.by_user:
            # Files of both types: the unit that is said for the scene may be that of the whole numbers alone.
            whole, metres = np.median(medians[True]), np.median(medians[False])
            in_metres = bool(1 / _ALIKE <= metres / whole <= _ALIKE)
        places = np.array([file.pose[:3, 3] for file in self._listing.scene])
        extent = float(np.linalg.norm(np.ptp(places, axis=0))) if len(places) else 0.0
        none, doubtful = common_tops([plateau for plateau in plateaus if plateau], count, extent / factor)
        return _Samples(
            tuple(sorted(bits)), eight_bit, tuple(none), tuple((value, factor) for value in doubtful), in_metres
        )

    def _some_maps(self) -> Iterator[tuple[SensorFile, StoredMap]]:
        files = [file for file in self._listing.scene if file.path.is_file()]
        for file in _spread(files):
            yield file, read_map(file.path)


def _spread(things: Sequence) -> list:
    count = min(len(things), _MOST_SAMPLES)
    return [things[place * len(things) // count] for place in range(count)]


def _metres(factor: float) -> str:
    return "1 metre" if factor == 1 else f"{factor:g} metres"


def _kind(bits: int) -> str:
    return {0: "floating-point numbers", 1: "true and false", 32: "whole numbers"}.get(bits, f"{bits}-bit numbers")
