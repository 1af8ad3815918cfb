"""Which depth files belong to which image, and where the reconstruction's points are."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs

from s3im_methods.data.check_depth import depth_fault
from s3im_methods.data.check_files import Listed
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
        points: The point cloud that it names, or None.
        colmap: The folder of the COLMAP model beside it, or None.
        points_to_scene: ``[3, 4]``, from the point cloud's coordinates to those of the cameras, without the scale.
    """

    source: Path
    frames: list[dict]
    points: Path | None
    colmap: Path | None
    points_to_scene: np.ndarray


@dataclass(frozen=True)
class DepthListing:
    """The files of each image; None where it has none.

    Args:
        sensor: Sensor depth.
        confidence: Confidence of the sensor depth.
        monocular: Monocular depth or disparity.
        integer_unit: Metres per stored whole number of a sensor depth file.
        frames: The JSON file's own entries, where the scene is nerfstudio's.
    """

    sensor: list[Path | None]
    confidence: list[Path | None]
    monocular: list[Path | None]
    integer_unit: float = 1e-3
    frames: FrameList | None = None
    source: Path = field(default_factory=Path)

    @property
    def has_sensor(self) -> bool:
        """Whether any image has sensor depth."""
        return any(self.sensor)

    @property
    def has_monocular(self) -> bool:
        """Whether any image has monocular depth."""
        return any(self.monocular)

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
            # EXR has a sentence of its own, which says what to do instead; reading the first one raises it.
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
    if frames is None:
        sensor = list(outputs.metadata.get("depth_filenames") or none)
        return DepthListing(sensor, none, none, integer_unit)
    root = frames.source.parent
    sensor = [_entry(frame, "depth_file_path", frames.source) for frame in frames.frames]
    confidence = [_entry(frame, "confidence_file_path", frames.source) for frame in frames.frames]
    if config.confidence_folder is not None:
        finder = _in_folder(root / config.confidence_folder, "confidence-folder")
        confidence = [c or (finder(s.stem) if s else None) for c, s in zip(confidence, sensor, strict=True)]
    if config.confidence_suffix is not None:
        confidence = [c or _beside(s, config.confidence_suffix) for c, s in zip(confidence, sensor, strict=True)]
    monocular = [_entry(frame, config.monocular_key, frames.source) for frame in frames.frames]
    if config.monocular_folder is not None:
        finder = _in_folder(root / config.monocular_folder, "monocular-folder")
        names = [Path(frame["file_path"]).stem for frame in frames.frames]
        monocular = [m or finder(name) for m, name in zip(monocular, names, strict=True)]
    return DepthListing(sensor, confidence, monocular, integer_unit, frames, frames.source)


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


def _in_folder(folder: Path, flag: str) -> Callable[[str], Path | None]:
    if not folder.is_dir():
        raise InputError(
            f"There is no folder {quote(folder)}: correct --pipeline.datamanager.depth.{flag}, which is seen from the "
            "scene's folder."
        )

    def find(stem: str) -> Path | None:
        return next((path for ending in _ENDINGS if (path := folder / (stem + ending)).is_file()), None)

    return find


def _beside(depth: Path | None, suffix: str) -> Path | None:
    if depth is None:
        return None
    endings = (depth.suffix, *_ENDINGS)
    return next((p for ending in endings if (p := depth.with_name(depth.stem + suffix + ending)).is_file()), None)
