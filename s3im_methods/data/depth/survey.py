"""Look at all depth maps before training: what there is, what was left out, and whether the unit can be right."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras

from s3im_methods.data.depth.maps import DepthMap, DepthMaps
from s3im_methods.data.wording import are, some
from s3im_methods.errors import InputError

# Rooms and turntables lie between 0.25 and 2.5, two views of them included: so a unit wrong by a factor of 100 never
# passes, and captures with a baseline several times shorter or longer still do.
_FAR_FROM_BASELINE = 20.0


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

    def lines(self) -> list[str]:
        """What the user should know, one sentence each; the first says what there is, the others warn."""
        if self.source == "none":
            return ["Depth: none is used."]
        found = [
            f"Depth from {self.source}: {some(self.with_depth, self.views, 'training view')} with depth, "
            f"{100 * self.coverage:.0f} % of their pixels, median {self.median:.3g} metres."
        ]
        if self.with_depth < self.views:
            missing = self.views - self.with_depth
            found.append(f"{some(missing, self.views, 'training view')} {are(missing)} without depth.")
        if self.invalid:
            found.append(f"{self.invalid} NaN, infinite or negative depth values are treated as none.")
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
        ratio = self.median / self.baseline if self.baseline > 0 else 1.0
        if self.with_depth and not 1 / _FAR_FROM_BASELINE <= ratio <= _FAR_FROM_BASELINE:
            found.append(
                f"The median depth is {self.median:.3g} metres where the cameras are at most {self.baseline:.3g} "
                "metres apart: if that is wrong, set --pipeline.datamanager.depth.unit."
            )
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
        if not self.with_depth:
            left = f": {self.out_of_range} readings lie beyond the limits" if self.out_of_range else ""
            raise InputError(
                f"No pixel of the {self.views} training views has usable depth{left}; look at it with "
                f"`s3im depth-report`, {unit}, or correct the near and far limits."
            )
        if far_plane is not None and self.nearest / self.metres_per_unit > far_plane:
            raise InputError(
                f"All depth lies beyond the model's far plane: the nearest is {self.nearest:.3g} metres, and the far "
                f"plane is at {far_plane * self.metres_per_unit:.3g} metres ({far_plane:g} scene units): {unit}, or "
                "raise --pipeline.model.far-plane."
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
    found = [row for row in rows if row[0] > 0]
    places = cameras.camera_to_worlds[..., :3, 3].reshape(-1, 3)
    extent = float(torch.linalg.vector_norm(places.amax(0) - places.amin(0))) * maps.metres_per_unit
    return DepthSurvey(
        source=maps.source,
        views=len(rows),
        with_depth=len(found),
        coverage=float(np.mean([row[0] for row in found])) if found else 0.0,
        nearest=min((row[1] for row in found), default=0.0),
        median=float(np.median([row[2] for row in found])) if found else 0.0,
        baseline=extent,
        metres_per_unit=maps.metres_per_unit,
        invalid=sum(row[3] for row in rows),
        out_of_range=sum(row[4] for row in rows),
        unaligned=tuple(row[5] for row in rows if row[5]),
    )


def _summary(depth: DepthMap) -> tuple[float, float, float, int, int, str | None]:
    valid = depth.metres[depth.metres > 0]
    smallest, median = (float(valid.min()), float(np.median(valid))) if len(valid) else (0.0, 0.0)
    return depth.coverage, smallest, median, depth.invalid, depth.out_of_range, depth.unaligned
