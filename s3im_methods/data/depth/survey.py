"""Look at all depth maps before training: what there is, what was left out, and whether the unit can be right."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras

from s3im_methods.data.depth.maps import DepthMap, DepthMaps
from s3im_methods.data.depth.plausibility import disagreeing_points, implausible_unit, mixed_units, unseen_points
from s3im_methods.data.depth.source_config import SENSORS, length_word
from s3im_methods.data.wording import are, quote, some, which
from s3im_methods.errors import InputError

# So many views tell whether the sensor and the reconstruction's points agree.
_VIEWS_WITH_POINTS = 6


@dataclass(frozen=True)
class DepthSurvey:
    """What the depth maps of a split hold.

    Args:
        source: Where depth comes from.
        views: How many images there are.
        with_depth: How many of them have any depth.
        coverage: Mean share of pixels with depth, over the images that have any.
        nearest: Smallest depth in metres, 0 if there is none.
        median: Median over the images of their median depth in metres, 0 if there is none.
        baseline: Largest extent of the cameras' positions in metres.
        metres_per_unit: Metres per scene unit.
        invalid: Stored values that were NaN, infinite or negative.
        out_of_range: Readings that the limits and the confidence removed.
        unaligned: Why monocular maps were left out, one entry per image.
        constants: How often each constant that means no reading was stored.
        how_read: How the sensor's files are read, in one sentence, or nothing.
        unit: Metres per stored value of the sensor's files, or None where that is set by the user or none are read.
        remarks: What the user should know of the files, one sentence each.
    """

    source: str
    views: int
    with_depth: int
    coverage: float
    nearest: float
    median: float
    baseline: float
    metres_per_unit: float
    invalid: int
    out_of_range: int
    unaligned: tuple[str, ...]
    constants: dict[float, int] = field(default_factory=dict)
    how_read: str = ""
    unit: float | None = None
    remarks: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """What the user should know, one sentence each; the first says what there is, the others warn."""
        if self.source == "none":
            return ["Depth: none is used."]
        found = [
            f"Depth from {self.source}: {some(self.with_depth, self.views, 'training view')} with depth, "
            f"{100 * self.coverage:.0f} % of their pixels, median {self.median:.3g} {length_word(self.source)}."
            + (f" In the sensor's files {self.how_read}" if self.how_read else "")
        ]
        if self.with_depth < self.views:
            missing = self.views - self.with_depth
            found.append(f"{some(missing, self.views, 'training view')} {are(missing)} without depth.")
        if self.invalid:
            found.append(f"{self.invalid} NaN, infinite or negative depth values are treated as none.")
        if self.constants:
            named = ", ".join(f"{value:g} ({count} times)" for value, count in self.constants.items())
            found.append(f"These stored depth values are treated as no reading: {named}.")
        if self.out_of_range:
            found.append(
                f"{self.out_of_range} readings beyond the near and far limits or of low confidence are left out."
            )
        if self.unaligned:
            count = len(self.unaligned)
            found.append(
                f"{some(count, self.views, 'monocular depth map')} {are(count)} left out because no scale could be "
                f"found, for instance since {self.unaligned[0]}."
            )
        found += self.remarks
        if self.with_depth and (warning := implausible_unit(self.median, self.baseline, self.unit, self.source)):
            found.append(warning)
        return found

    def check(self, far_plane: float | None = None) -> None:
        """Refuse depth of which nothing can be used.

        Args:
            far_plane: Where the model's rays end, in scene units, or None where that is not known.

        Raises:
            InputError: If no pixel of any image has depth, or all depth lies beyond the far plane.
        """
        if self.source == "none":
            return
        unit = "set --pipeline.datamanager.depth.unit to the metres per stored value"
        if not self.with_depth and self.source == "sparse" and not self.out_of_range:
            raise InputError(
                f"No point of the reconstruction is seen by any of the {self.views} training views: give points in the "
                "coordinates of the poses, or train without depth by --pipeline.datamanager.depth.source none."
            )
        if not self.with_depth:
            left = ""
            if self.out_of_range:
                left = f": {self.out_of_range} readings lie beyond the limits or have low confidence"
            elif lost := self.invalid + sum(self.constants.values()):
                left = f": {lost} stored values are NaN, infinite, negative or constants for no reading"
            raise InputError(
                f"No pixel of the {self.views} training views has usable depth{left}. Look at it with "
                f"`s3im depth-report`, {unit}, or correct the near and far limits."
            )
        if far_plane is not None and self.nearest / self.metres_per_unit > far_plane:
            lengths = length_word(self.source)
            change = f"{unit}, or raise" if self.source in SENSORS else "raise"
            raise InputError(
                f"All depth lies beyond the model's far plane: the nearest is {self.nearest:.3g} {lengths}, and the "
                f"far plane is at {far_plane * self.metres_per_unit:.3g} {lengths} ({far_plane:g} scene units): "
                f"{change} --pipeline.model.far-plane."
            )


def survey(maps: DepthMaps, cameras: Cameras) -> DepthSurvey:
    """Read all depth maps once.

    Nothing is kept of them: a map of 640 x 480 pixels takes about as long to read as its image, some 10 ms, and would
    have to be held beside all images, which the data manager loads later.

    Args:
        maps: A split's depth.
        cameras: Its cameras.

    Raises:
        InputError: If a map cannot be used; see :meth:`DepthMaps.get`.
    """
    if maps.source == "none":
        return DepthSurvey("none", len(maps), 0, 0.0, 0.0, 0.0, 0.0, maps.metres_per_unit, 0, 0, ())
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        rows = list(pool.map(lambda index: _summary(maps.get(index)), range(len(maps))))
    found = [row for row in rows if row.coverage > 0]
    places = cameras.camera_to_worlds[..., :3, 3].reshape(-1, 3)
    extent = float(torch.linalg.vector_norm(places.amax(0) - places.amin(0))) * maps.metres_per_unit
    reads_sensor = maps.uses_sensor and maps.source != "monocular"
    by_user = maps.config.unit is not None
    return DepthSurvey(
        source=maps.source,
        views=len(rows),
        with_depth=len(found),
        coverage=float(np.mean([row.coverage for row in found])) if found else 0.0,
        nearest=min((row.nearest for row in found), default=0.0),
        median=float(np.median([row.median for row in found])) if found else 0.0,
        baseline=extent,
        metres_per_unit=maps.metres_per_unit,
        invalid=sum(row.invalid for row in rows),
        out_of_range=sum(row.out_of_range for row in rows),
        unaligned=tuple(row.unaligned for row in rows if row.unaligned),
        constants=dict(sorted(sum((Counter(row.constants) for row in rows), Counter()).items())),
        how_read=maps.sensor_files.line() if maps.uses_sensor else "",
        unit=maps.sensor_files.metres_per_value if reads_sensor and not by_user else None,
        remarks=tuple(_remarks(maps, [row.median for row in rows])),
    )


def _remarks(maps: DepthMaps, medians: list[float]) -> list[str]:
    found = maps.sensor_files.remarks() if maps.uses_sensor else []
    if maps.uses_sensor and (odd := maps.sensor_files.full_confidence[1]):
        found.append(odd)
    without = [image for image, path in zip(maps.images, maps.listing.monocular, strict=True) if path is None]
    if maps.has_monocular and maps.config.monocular_folder is not None and without:
        found.append(
            f"{some(len(without), len(maps), 'training view')} {are(len(without))} without a monocular depth map, "
            f"{which(len(without))} {quote(without[0])}."
        )
    if maps.source in SENSORS:
        if warning := mixed_units(medians, maps.images):
            found.append(warning)
        places = [i for i, median in enumerate(medians) if median > 0]
        places = places[:: max(1, len(places) // _VIEWS_WITH_POINTS)][:_VIEWS_WITH_POINTS]
        ratios = [ratio for place in places if (ratio := maps.against_points(place)) is not None]
        if warning := disagreeing_points(ratios, maps.sensor_files.metres_per_value):
            found.append(warning)
        seen = [] if ratios else [sees for place in places if (sees := maps.sees_points(place)) is not None]
        if warning := unseen_points(seen):
            found.append(warning)
    return found


@dataclass(frozen=True)
class _Row:
    """One view's depth in numbers, in metres; 0 where it has none."""

    coverage: float
    nearest: float
    median: float
    invalid: int
    out_of_range: int
    unaligned: str | None
    constants: dict[float, int]


def _summary(depth: DepthMap) -> _Row:
    valid = depth.metres[depth.metres > 0]
    nearest, median = (float(valid.min()), float(np.median(valid))) if len(valid) else (0.0, 0.0)
    return _Row(depth.coverage, nearest, median, depth.invalid, depth.out_of_range, depth.unaligned, depth.constants)
