"""Which depth files belong to which image, and where the reconstruction's points are."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs

from s3im_methods.data.checks.depth import map_fault
from s3im_methods.data.checks.files import Listed
from s3im_methods.data.depth.look_up import files_in, pair_by_path
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth.units import KEYS
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError

METADATA_KEY = "depth_frames"
_KEEP_ONE = "keep one file for each image, in the same folders as the images"


@dataclass(frozen=True)
class FrameList:
    """What a transforms.json says beyond what nerfstudio's parser passes on; the parser's metadata carry it.

    Args:
        source: The JSON file.
        frames: Its entry for each image, in the order of the images.
        all_frames: Its entries for the images of all splits.
        points: The point cloud that it names, or None.
        colmap: The folder of the COLMAP model beside it, or None where it has no points.
        points_to_scene: ``[3, 4]``, from the point cloud's coordinates to those of the cameras, without the scale.
        header: What it says for all frames, without the frames.
    """

    source: Path
    frames: list[dict]
    all_frames: list[dict]
    points: Path | None
    colmap: Path | None
    points_to_scene: np.ndarray
    header: dict = field(default_factory=dict)

    def keep(self, indices: list[int]) -> "FrameList":
        """The same for some of the images.

        Args:
            indices: Which ones.
        """
        return replace(self, frames=[self.frames[index] for index in indices])

    def said(self, frame: dict) -> Mapping[str, Any]:
        """What the file says of a frame's depth.

        Args:
            frame: One of its frames.
        """
        return {key: value for key, value in {**self.header, **frame}.items() if key in KEYS}


def points_of(header: Mapping[str, Any], root: Path) -> Path | None:
    """The point cloud that a scene's file names, if it is there.

    Args:
        header: What the file says.
        root: Its folder.
    """
    name = header.get("ply_file_path")
    return root / name if isinstance(name, str) and (root / name).is_file() else None


def gone_points(header: Mapping[str, Any], path: Path) -> list[str]:
    """A sentence where the point cloud that a scene's file names is not there.

    Args:
        header: What the file says.
        path: The file.
    """
    name = header.get("ply_file_path")
    if name is None or points_of(header, path.parent) is not None:
        return []
    return [f"The ply_file_path {quote(name)} of {quote(path)} is not there: the scene is read without those points."]


@dataclass(frozen=True)
class SensorFile:
    """One sensor depth file of the scene.

    Args:
        path: Where it is.
        pose: Of its camera, to the world, in metres, ``[3 or 4, 4]``.
        said: What the scene's file says for all frames, and over it for this one.
        confidence: Its confidence map, or None.
    """

    path: Path
    pose: np.ndarray
    said: Mapping[str, Any]
    confidence: Path | None = None


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
        scene: The sensor depth of the scene, of all splits as far as they are known.
    """

    sensor: list[Path | None]
    confidence: list[Path | None]
    monocular: list[Path | None]
    integer_unit: float = 1e-3
    frames: FrameList | None = None
    source: Path = field(default_factory=Path)
    offers: frozenset[str] = frozenset()
    scene: tuple[SensorFile, ...] = ()

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
            listed.check_readable(map_fault)
            if noun != "confidence map":
                self._check_distinct(noun, paths)

    def _check_distinct(self, noun: str, paths: list[Path | None]) -> None:
        repeated = next((path for path, count in Counter(p for p in paths if p).items() if count > 1), None)
        if repeated is None:
            return
        places = [index for index, path in enumerate(paths) if path == repeated][:2]
        names = [f" of {quote(self.frames.frames[place]['file_path'])}" if self.frames else "" for place in places]
        raise InputError(
            f"{quote(repeated)} is the {noun}{names[0]} and{names[1] or ' of another image'}: give each image its own."
        )


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
        offers = frozenset({"sensor"} if any(sensor) else ())
        return DepthListing(sensor, none, none, integer_unit, offers=offers, scene=_of_split(outputs, sensor))
    kinds = [_finder(frames, config, kind) for kind in ("sensor", "confidence", "monocular")]
    sensor, confidence, monocular = ([find(frame) for frame in frames.frames] for find in kinds)
    # What the scene has must not depend on the split: evaluation views may be without depth.
    offers = frozenset(
        kind
        for kind, find in zip(("sensor", "confidence", "monocular"), kinds, strict=True)
        if any(find(frame) for frame in frames.all_frames)
    )
    scene = tuple(
        SensorFile(path, np.array(frame["transform_matrix"], dtype=np.float64), frames.said(frame), kinds[1](frame))
        for frame in frames.all_frames
        if (path := kinds[0](frame)) is not None
    )
    return DepthListing(sensor, confidence, monocular, integer_unit, frames, frames.source, offers, scene)


def _of_split(outputs: DataparserOutputs, sensor: list[Path | None]) -> tuple[SensorFile, ...]:
    poses = outputs.cameras.camera_to_worlds.double().cpu().numpy().copy()
    poses[:, :3, 3] /= outputs.dataparser_scale
    return tuple(SensorFile(Path(path), pose, {}) for path, pose in zip(sensor, poses, strict=True) if path)


def _finder(frames: FrameList, config: DepthSourceConfig, kind: str) -> Callable[[dict], Path | None]:
    source, every = frames.source, frames.all_frames
    if kind == "sensor":
        return lambda frame: _entry(frame, "depth_file_path", source)
    if kind == "monocular":
        key, noun = config.monocular_key, "monocular depth map"
        names = [frame["file_path"] for frame in every if frame.get(key) is None]
        in_folder = _in_folder(source.parent, config.monocular_folder, "monocular-folder", names, noun)
        return lambda frame: _entry(frame, key, source) or in_folder(frame["file_path"])
    key = "confidence_file_path"
    names = [str(frame["depth_file_path"]) for frame in every if frame.get("depth_file_path") and key not in frame]
    in_folder = _in_folder(source.parent, config.confidence_folder, "confidence-folder", names, "confidence map")

    def confidence(frame: dict) -> Path | None:
        depth = _entry(frame, "depth_file_path", source)
        if depth is None:
            return None
        found = _entry(frame, key, source) or in_folder(frame["depth_file_path"])
        suffix = config.confidence_suffix
        return found or (None if suffix is None else _beside(depth, suffix))

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


def _in_folder(root: Path, name: str | None, flag: str, wanted: list[str], noun: str) -> Callable[[str], Path | None]:
    if name is None:
        return lambda image: None
    folder = root / name
    if not folder.is_dir():
        raise InputError(
            f"There is no folder {quote(folder)}: correct --pipeline.datamanager.depth.{flag}, which is relative to "
            "the scene's folder."
        )
    found = pair_by_path(list(dict.fromkeys(wanted)), files_in(folder), noun, _KEEP_ONE)
    if wanted and not found:
        raise InputError(
            f"The folder {quote(folder)} holds no {noun} for any of {len(wanted)} images, the first of which is "
            f"{quote(wanted[0])}: give each file its image's name (the ending may differ), or correct "
            f"--pipeline.datamanager.depth.{flag}."
        )
    return lambda image: Path(found[image]) if image in found else None


def _beside(depth: Path, suffix: str) -> Path | None:
    found = files_in(depth.parent)((), depth.stem + suffix + depth.suffix)
    if len(found) > 1:
        raise InputError(
            f"Both {quote(found[0])} and {quote(found[1])} could be the confidence map of {quote(depth)}: {_KEEP_ONE}."
        )
    return Path(found[0]) if found else None
