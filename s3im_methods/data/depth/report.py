"""What ``s3im depth-report`` shows: one row per image, and a few images beside their depth."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

from s3im_methods.data.checked_parser import read_splits
from s3im_methods.data.checks.folder import find_transforms
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.data.checks.transforms import read_transforms
from s3im_methods.data.depth.maps import DepthMap
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth.survey import survey
from s3im_methods.data.depth_dataset import DepthDataset
from s3im_methods.data.few_views import spread_evenly
from s3im_methods.data.wording import names_below


@dataclass(frozen=True)
class ReportRow:
    """One image's depth in numbers.

    Args:
        image: The image's file.
        coverage: Share of its pixels with depth, from 0 to 1.
        monocular: Share of its pixels whose depth comes from a monocular map, from 0 to 1.
        nearest: Smallest depth in metres, 0 where there is none, as for the next two.
        median: Median depth in metres.
        farthest: Largest depth in metres.
        invalid: How many stored values were NaN, infinite or negative.
        fit: The alignment of its monocular map in words, or why it was left out, or nothing.
        constants: How often each constant that means no reading was stored.
        name: The image's path below the folder that all images share.
    """

    image: Path
    coverage: float
    monocular: float
    nearest: float
    median: float
    farthest: float
    invalid: int
    fit: str
    constants: dict[float, int]
    name: str

    def cells(self) -> tuple[str, ...]:
        """The row's cells, in the order of :data:`COLUMNS`."""
        metres = [f"{value:.3f}" if self.coverage else "-" for value in (self.nearest, self.median, self.farthest)]
        shares = [f"{100 * share:.1f}" for share in (self.coverage, self.monocular)]
        none = [f"{value:g} x {count}" for value, count in self.constants.items()]
        return self.name, *shares, *metres, ", ".join([str(self.invalid), *none]), self.fit


COLUMNS = ("image", "cover %", "mono %", "min", "median", "max", "invalid", "alignment")


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
    """All images of a ``nerfstudio-data`` scene, or of its lists where it has some, whatever their split.

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
        if "train_filenames" in read_transforms(find_transforms(scene)):
            # The lists decide, and nobody has asked for another split.
            parser.eval_mode = NerfstudioDataParserConfig.eval_mode
        splits = read_splits(parser)
        places: dict[Path, tuple[DepthDataset, int]] = {}
        datasets = [DepthDataset(outputs, 1.0, config) for outputs in splits.values()]
        for dataset in datasets:
            dataset.depth_maps.check_files()
            for index, image in enumerate(dataset.image_filenames):
                places.setdefault(image, (dataset, index))
        self._places = [places[image] for image in sorted(places)]
        self._names = dict(zip(sorted(places), names_below(sorted(places)), strict=True))
        self._training = datasets[0]
        self.source = self._training.depth_maps.source

    def __len__(self) -> int:
        return len(self._places)

    def rows(self) -> Iterator[ReportRow]:
        """One row per image, in the order of their names; each is read when it is asked for.

        Raises:
            InputError: If a depth map cannot be used.
        """
        for dataset, index in self._places:
            yield self._row(dataset.image_filenames[index], dataset.depth_maps.get(index))

    def lines(self) -> list[str]:
        """What training would say of the depth: how its files are read, and what is odd about them."""
        return survey(self._training.depth_maps, self._training.cameras).lines()

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
            views.append(ReportView(self._row(dataset.image_filenames[index], depth), colour, depth.metres))
        return views

    def _row(self, image: Path, depth: DepthMap) -> ReportRow:
        valid = depth.metres[depth.metres > 0]
        nearest, median, farthest = np.quantile(valid, [0.0, 0.5, 1.0]).tolist() if len(valid) else (0.0, 0.0, 0.0)
        monocular, name = float(depth.monocular.mean()), self._names[image]
        found = depth.coverage, monocular, nearest, median, farthest, depth.invalid, _fit(depth), depth.constants, name
        return ReportRow(image, *found)


def _fit(depth: DepthMap) -> str:
    if depth.unaligned is not None:
        return f"left out: {depth.unaligned}"
    fit = depth.alignment
    if fit is None:
        return ""
    line = f"x {fit.scale:.4g} {'+' if fit.shift >= 0 else '-'} {abs(fit.shift):.3g}"
    return f"{line}, off by {100 * fit.residual:.2f} %, {100 * fit.inliers:.0f} % of {fit.pairs} px fit"
