"""Which depth files belong to which image, and where the reconstruction's points are."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs

from s3im_methods.data.checks.depth import depth_fault
from s3im_methods.data.checks.files import Listed
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

METADATA_KEY = "depth_frames"
_ENDINGS = (".npy", ".exr", ".png", ".tif", ".tiff")


@dataclass(frozen=True)
class FrameList:
    """What a transforms.json says beyond what nerfstudio's parser passes on; the parser's metadata carry it.

    Args:
        source: The JSON file.
        frames: Its entry for each image, in the order of the images.
        all_frames: Its entries for the images of all splits.
        points: The point cloud that it names, or None.
        colmap: The folder of the COLMAP model beside it, or None.
        points_to_scene: ``[3, 4]``, from the point cloud's coordinates to those of the cameras, without the scale.
    """

    source: Path
    frames: list[dict]
    all_frames: list[dict]
    points: Path | None
    colmap: Path | None
    points_to_scene: np.ndarray

    def keep(self, indices: list[int]) -> "FrameList":
        """The same for some of the images.

        Args:
            indices: Which ones.
        """
        return replace(self, frames=[self.frames[index] for index in indices])


@dataclass(frozen=True)
class DepthListing:
    """The files of each image; None where it has none.

    Args:
        sensor: Sensor depth.
        confidence: Confidence of the sensor depth.
        monocular: Monocular depth or disparity.
        integer_unit: Metres per stored whole number of a sensor depth file.
        frames: The JSON file's own entries, where the scene is nerfstudio's.
        source: The file that lists them, for sentences.
        offers: Which kinds any image of the scene has, of whatever split: "sensor", "confidence", "monocular".
    """

    sensor: list[Path | None]
    confidence: list[Path | None]
    monocular: list[Path | None]
    integer_unit: float = 1e-3
    frames: FrameList | None = None
    source: Path = field(default_factory=Path)
    offers: frozenset[str] = frozenset()

    @property
    def has_points(self) -> bool:
        """Whether there are points of a reconstruction."""
        return self.frames is not None and (self.frames.points is not None or self.frames.colmap is not None)

    def check_files(self) -> None:
        """Refuse files that are listed but missing or unreadable.

        Raises:
            InputError: If there are any; the sentence counts them and names the first.
        """
        for noun, paths in (
            ("depth map", self.sensor),
            ("confidence map", self.confidence),
            ("monocular depth map", self.monocular),
        ):
            listed = Listed(
                noun,
                [path for path in paths if path],
                self.source,
                "put back what is missing, or drop its entry from those frames, which then train without it",
            )
            listed.check_present()
            # EXR files have a reader and sentences of their own, and all maps are read before training anyway.
            replace(listed, paths=[p for p in listed.paths if p.suffix.lower() != ".exr"]).check_readable(depth_fault)


def list_depth(outputs: DataparserOutputs, config: DepthSourceConfig) -> DepthListing:
    """Find the files of each image of a split.

    Args:
        outputs: What a data parser made. Only ``nerfstudio-data``, through
            :class:`~s3im_methods.data.depth.nerfstudio_frames.NerfstudioFrames`, tells more than sensor depth.
        config: The settings.

    Raises:
        InputError: If a frame's entry is no file name, or a folder of the settings does not exist.
    """
    count = len(outputs.image_filenames)
    integer_unit = float(outputs.metadata.get("depth_unit_scale_factor", 1e-3))
    frames: FrameList | None = outputs.metadata.get(METADATA_KEY)
    none: list[Path | None] = [None] * count
    if config.source == "none":
        return DepthListing(none, none, none, integer_unit)
    if frames is None:
        # What sdfstudio's parser lists is monocular, of unknown scale, and nothing there could be its reference.
        is_sensor = "include_mono_prior" not in outputs.metadata
        sensor = list((outputs.metadata.get("depth_filenames") if is_sensor else None) or none)
        return DepthListing(sensor, none, none, integer_unit, offers=frozenset({"sensor"} if any(sensor) else ()))
    kinds = [_finder(frames.source, config, kind) for kind in ("sensor", "confidence", "monocular")]
    sensor, confidence, monocular = ([find(frame) for frame in frames.frames] for find in kinds)
    # What the scene has must not depend on the split: evaluation views may be without depth.
    offers = frozenset(
        kind
        for kind, find in zip(("sensor", "confidence", "monocular"), kinds, strict=True)
        if any(find(frame) for frame in frames.all_frames)
    )
    return DepthListing(sensor, confidence, monocular, integer_unit, frames, frames.source, offers)


def _finder(source: Path, config: DepthSourceConfig, kind: str) -> Callable[[dict], Path | None]:
    root = source.parent
    if kind == "sensor":
        return lambda frame: _entry(frame, "depth_file_path", source)
    if kind == "monocular":
        in_folder = _in_folder(root, config.monocular_folder, "monocular-folder")
        return lambda frame: _entry(frame, config.monocular_key, source) or in_folder(Path(frame["file_path"]).stem)
    in_folder = _in_folder(root, config.confidence_folder, "confidence-folder")

    def confidence(frame: dict) -> Path | None:
        depth = _entry(frame, "depth_file_path", source)
        if depth is None:
            return None
        beside = None if config.confidence_suffix is None else _beside(depth, config.confidence_suffix)
        return _entry(frame, "confidence_file_path", source) or in_folder(depth.stem) or beside

    return confidence


def _entry(frame: dict, key: str, source: Path) -> Path | None:
    name = frame.get(key)
    if name is None:
        return None
    if not isinstance(name, str) or not name:
        raise InputError(
            f"The {key} of {quote(frame['file_path'])} in {quote(source)} is {quote(name)}: give the name of a file, "
            "or drop it."
        )
    return source.parent / name


def _in_folder(root: Path, name: str | None, flag: str) -> Callable[[str], Path | None]:
    if name is None:
        return lambda stem: None
    folder = root / name
    if not folder.is_dir():
        raise InputError(
            f"There is no folder {quote(folder)}: correct --pipeline.datamanager.depth.{flag}, which is seen from the "
            "scene's folder."
        )
    return lambda stem: next((path for ending in _ENDINGS if (path := folder / (stem + ending)).is_file()), None)


def _beside(depth: Path, suffix: str) -> Path | None:
    endings = (depth.suffix, *_ENDINGS)
    return next((p for ending in endings if (p := depth.with_name(depth.stem + suffix + ending)).is_file()), None)
