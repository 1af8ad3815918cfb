"""What ``s3im depth-report`` shows: one row per image, and a few images beside their depth."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

from s3im_methods.data.check_scene import check_scene
from s3im_methods.data.depth.maps import DepthMap
from s3im_methods.data.depth.nerfstudio_frames import with_frames
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth_dataset import DepthDataset
from s3im_methods.data.few_views import spread_evenly


@dataclass(frozen=True)
class ReportRow:
    """One image's depth in numbers.

    Args:
        image: The image's file.
        source: Where its depth comes from.
        coverage: Share of its pixels with depth, from 0 to 1.
        nearest: Smallest depth in metres, 0 where there is none, as for the next two.
        median: Median depth in metres.
        farthest: Largest depth in metres.
        invalid: How many stored values were NaN, infinite or negative.
        fit: The alignment of its monocular map in words, or why it was left out, or nothing.
    """

    image: Path
    source: str
    coverage: float
    nearest: float
    median: float
    farthest: float
    invalid: int
    fit: str

    def cells(self) -> tuple[str, ...]:
        """The row's cells, in the order of :data:`COLUMNS`."""
        if self.coverage == 0:
            return self.image.name, self.source, "0.0", "-", "-", "-", str(self.invalid), self.fit
        metres = (f"{value:.3f}" for value in (self.nearest, self.median, self.farthest))
        return self.image.name, self.source, f"{100 * self.coverage:.1f}", *metres, str(self.invalid), self.fit


COLUMNS = ("image", "source", "cover %", "min m", "median m", "max m", "invalid", "alignment")


@dataclass(frozen=True)
class ReportView:
    """One image beside its depth.

    Args:
        row: Its numbers.
        colour: ``[H, W, 3]``, uint8.
        metres: ``[H, W]``, float32, 0 for none.
    """

    row: ReportRow
    colour: np.ndarray
    metres: np.ndarray


class DepthReport:
    """All images of a ``nerfstudio-data`` scene, whatever their split.

    Args:
        scene: The folder, or its JSON file.
        config: The settings of the depth sources.
        downscale_factor: As nerfstudio's, or None to let it choose.

    Raises:
        InputError: If the scene or its depth cannot be used.
    """

    def __init__(self, scene: Path, config: DepthSourceConfig, downscale_factor: int | None = None) -> None:
        parser = NerfstudioDataParserConfig(data=scene, eval_mode="all", downscale_factor=downscale_factor)
        check_scene(parser, with_depth=False)
        parsed = with_frames(parser).setup()
        places: dict[Path, tuple[DepthDataset, int]] = {}
        for split in ("train", "val", "test"):
            dataset = DepthDataset(parsed.get_dataparser_outputs(split), 1.0, config)
            dataset.depth_maps.check_files()
            for index, image in enumerate(dataset.image_filenames):
                places.setdefault(image, (dataset, index))
        self._places = [places[image] for image in sorted(places)]
        self.source = self._places[0][0].depth_maps.source

    def __len__(self) -> int:
        return len(self._places)

    def rows(self) -> Iterator[ReportRow]:
        """One row per image, in the order of their names; each is read when it is asked for.

        Raises:
            InputError: If a depth map cannot be used.
        """
        for dataset, index in self._places:
            yield _row(dataset.image_filenames[index], self.source, dataset.depth_maps.get(index))

    def views(self, most: int) -> list[ReportView]:
        """Some of the images with their depth, evenly spread.

        Args:
            most: At most this many.
        """
        views = []
        for place in spread_evenly(min(most, len(self)), len(self)):
            dataset, index = self._places[place]
            depth = dataset.depth_maps.get(index)
            colour = dataset.get_numpy_image(index)[..., :3]
            views.append(ReportView(_row(dataset.image_filenames[index], self.source, depth), colour, depth.metres))
        return views


def _row(image: Path, source: str, depth: DepthMap) -> ReportRow:
    valid = depth.metres[depth.metres > 0]
    nearest, median, farthest = np.quantile(valid, [0.0, 0.5, 1.0]).tolist() if len(valid) else (0.0, 0.0, 0.0)
    return ReportRow(image, source, depth.coverage, nearest, median, farthest, depth.invalid, _fit(depth))


def _fit(depth: DepthMap) -> str:
    if depth.unaligned is not None:
        return f"left out: {depth.unaligned}"
    fit = depth.alignment
    if fit is None:
        return ""
    return (
        f"x {fit.scale:.4g} {'+' if fit.shift >= 0 else '-'} {abs(fit.shift):.3g}, residual {100 * fit.residual:.2f} %, "
        f"{100 * fit.inliers:.0f} % of {fit.pairs} pixels fit"
    )
