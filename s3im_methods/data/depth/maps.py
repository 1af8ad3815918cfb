"""The depth of each view, put together from the sources that the settings name."""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs

from s3im_methods.data.depth.along_ray import to_model_depth
from s3im_methods.data.depth.depth_files import confidence_of, read_map
from s3im_methods.data.depth.fit_size import fit_size
from s3im_methods.data.depth.listing import list_depth
from s3im_methods.data.depth.no_reading import Reading, find_readings
from s3im_methods.data.depth.projection import project_points
from s3im_methods.data.depth.robust_alignment import (
    FEWEST_PAIRS,
    Alignment,
    AlignmentError,
    ConstantDepthError,
    align,
)
from s3im_methods.data.depth.sensor_files import SensorFiles
from s3im_methods.data.depth.source_config import SENSORS, DepthSourceConfig
from s3im_methods.data.depth.sparse_points import SparsePoints, load_points
from s3im_methods.data.depth.which_source import which_source
from s3im_methods.data.wording import quote
from s3im_methods.errors import InputError


@dataclass(frozen=True)
class DepthMap:
    """One view's depth.

    Args:
        metres: ``[H, W]``, float32, z-depth (for wide cameras, distance) in metres, 0 for none.
        confidence: ``[H, W]``, float32, from 0 to 1, or None where the scene has no confidence maps.
        monocular: ``[H, W]``, bool: which pixels come from the monocular map.
        invalid: How many stored values, of the sensor or the monocular map, were NaN, infinite or negative.
        out_of_range: How many readings of the sensor the near and far limits and the confidence removed.
        constants: How often each constant that means no reading was there, by the stored value.
        alignment: The fit of the monocular map, or None.
        unaligned: Why the monocular map was left out, or None.
    """

    metres: np.ndarray
    confidence: np.ndarray | None
    monocular: np.ndarray
    invalid: int = 0
    out_of_range: int = 0
    alignment: Alignment | None = None
    unaligned: str | None = None
    constants: dict[float, int] = field(default_factory=dict)

    @property
    def coverage(self) -> float:
        """Share of pixels with depth, from 0 to 1."""
        return float((self.metres > 0).mean())


class DepthMaps:
    """Makes the depth maps of a split's images, one at a time and from the files each time.

    Args:
        outputs: The split, as parsed.
        cameras: Its cameras, in the resolution that the maps shall have.
        config: The settings.

    Raises:
        InputError: If a setting is out of range or the scene lacks the source that the settings name.
    """

    def __init__(self, outputs: DataparserOutputs, cameras: Cameras, config: DepthSourceConfig) -> None:
        config.check()
        self.config = config
        self.images = outputs.image_filenames
        self.metres_per_unit = 1.0 / outputs.dataparser_scale
        self.listing = list_depth(outputs, config)
        self.source = which_source(self.listing, config)
        self.sensor_files = SensorFiles(self.listing, config)
        self._cameras = cameras
        self._transform = outputs.dataparser_transform.double().cpu().numpy()
        self._fits: dict[int, Alignment | str] = {}

    def __len__(self) -> int:
        return len(self.images)

    @property
    def uses_sensor(self) -> bool:
        """Whether sensor files are read, as depth or as what monocular depth is aligned to."""
        aligned = self.source == "monocular" and self.config.align_to != "sparse" and self.config.alignment != "none"
        return (self.source in SENSORS or aligned) and bool(self.listing.scene)

    @property
    def has_monocular(self) -> bool:
        """Whether pixels may come from monocular maps, so that pixels differ in their uncertainty."""
        return self.source in ("monocular", "composite")

    @property
    def has_confidence(self) -> bool:
        """Whether pixels may differ in their confidence."""
        uses = self.source in SENSORS and self.config.confidence_weighs
        return uses and "confidence" in self.listing.offers

    def check_files(self) -> None:
        """Refuse listed files that are missing or unreadable, and depth whose unit cannot be known.

        Raises:
            InputError: If there are any.
        """
        if self.source != "none":
            self.listing.check_files()
        if self.uses_sensor:
            self.sensor_files.check()

    def get(self, index: int) -> DepthMap:
        """The depth of one image.

        Args:
            index: Its number in the split.

        Raises:
            InputError: If a file cannot be read, has another shape than the image, or is constant where it has to be
                aligned; the sentence names it.
        """
        camera = self._cameras[index]
        size = int(camera.height), int(camera.width)
        nothing = DepthMap(np.zeros(size, dtype=np.float32), None, np.zeros(size, dtype=bool))
        if self.source == "none":
            return nothing
        if self.source == "sparse":
            return DepthMap(self._limited(self._projected(index, camera)), None, nothing.monocular)
        sensor = self._sensor(index, camera, size) if self.uses_sensor else nothing
        if self.source == "sensor" or self.listing.monocular[index] is None:
            return sensor if self.source != "monocular" else nothing
        return self._with_monocular(index, camera, size, sensor)

    def sees_points(self, index: int) -> bool | None:
        """Whether any of the reconstruction's points is in the picture.

        Args:
            index: The image's number in the split.

        Returns:
            None where there are no points.
        """
        if not self.listing.has_points:
            return None
        try:
            return bool((self._projected(index, self._cameras[index]) > 0).any())
        except InputError:  # Whoever asks for the points themselves is told what is wrong with them.
            return None

    def against_points(self, index: int) -> float | None:
        """How sensor depth relates to the reconstruction's points in the same pixels, as the median of the ratio.

        Args:
            index: The image's number in the split.

        Returns:
            None where there are no points, or too few in pixels with a reading.
        """
        camera = self._cameras[index]
        if not self.listing.has_points or self.listing.sensor[index] is None:
            return None
        try:
            projected = self._projected(index, camera)
        except InputError:  # Whoever asks for the points themselves is told what is wrong with them.
            return None
        measured = self._sensor(index, camera, (int(camera.height), int(camera.width))).metres
        both = (projected > 0) & (measured > 0)
        return float(np.median(measured[both] / projected[both])) if both.sum() >= FEWEST_PAIRS else None

    def _with_monocular(self, index: int, camera: Cameras, size: tuple[int, int], sensor: DepthMap) -> DepthMap:
        predicted, reading = self._predicted(index, size)
        fit: Alignment | str | None = None
        depth = np.where(np.isfinite(predicted), predicted, 0.0)
        if self.config.alignment != "none":
            if index not in self._fits:
                self._fits[index] = self._fit(index, predicted, sensor, camera)
            fit = self._fits[index]
            depth = fit.apply(predicted) if isinstance(fit, Alignment) else np.zeros(size, dtype=np.float32)
        depth = self._limited(np.where(np.isfinite(depth), depth, 0.0))
        fills = depth > 0
        metres, confidence = depth, None
        if self.source == "composite":
            fills &= sensor.metres == 0
            metres = np.where(fills, depth, sensor.metres)
        if self.has_confidence and sensor.confidence is not None:
            confidence = np.where(fills, np.float32(1.0), sensor.confidence)
        return DepthMap(
            metres.astype(np.float32),
            confidence,
            fills,
            sensor.invalid + reading.invalid,
            sensor.out_of_range,
            fit if isinstance(fit, Alignment) else None,
            fit if isinstance(fit, str) else None,
            dict(Counter(sensor.constants) + Counter(reading.constants)),
        )

    def _sensor(self, index: int, camera: Cameras, size: tuple[int, int]) -> DepthMap:
        path = self.listing.sensor[index]
        none = np.zeros(size, dtype=np.float32)
        if path is None:
            return DepthMap(none, None, np.zeros(size, dtype=bool))
        metres, reading, is_distance = self.sensor_files.read(index)
        metres = self._fitted(metres, size, path, index)
        metres = to_model_depth(metres, camera, is_distance)
        before = int((metres > 0).sum())
        metres = self._limited(metres)
        confidence_path, confidence = self.listing.confidence[index], None
        if confidence_path is not None:
            confidence = confidence_of(read_map(confidence_path), self.sensor_files.full_confidence[0])
            confidence = self._fitted(confidence, size, confidence_path, index)
            metres = np.where(confidence >= self.config.confidence_threshold, metres, none)
        found = DepthMap(metres, confidence, np.zeros(size, dtype=bool), reading.invalid)
        return replace(found, out_of_range=before - int((metres > 0).sum()), constants=reading.constants)

    def _predicted(self, index: int, size: tuple[int, int]) -> tuple[np.ndarray, Reading]:
        path = self.listing.monocular[index]
        assert path is not None
        stored = read_map(path)
        reading = find_readings(stored, saturates=False)
        # Disparity 0 is infinitely far, but depth 0 is no depth.
        valid = reading.valid if self.config.monocular_is_disparity else reading.valid & (stored.values > 0)
        return self._fitted(np.where(valid, stored.values, np.nan), size, path, index), reading

    def _fit(self, index: int, predicted: np.ndarray, sensor: DepthMap, camera: Cameras) -> Alignment | str:
        candidates: list[Literal["sensor", "sparse"]] = ["sensor", "sparse"]
        reason = "it has neither sensor readings nor sparse points"
        for kind in candidates:
            if self.config.align_to not in ("auto", kind):
                continue
            reference = sensor.metres
            if kind == "sparse":
                reference = self._projected(index, camera) if self.listing.has_points else np.zeros_like(reference)
            known = (reference > 0) & np.isfinite(predicted)
            if kind == "sensor" and self.config.align_to == "auto" and known.sum() < FEWEST_PAIRS:
                continue
            try:
                return align(predicted[known], reference[known], self.config.monocular_is_disparity)
            except ConstantDepthError as error:
                raise InputError(
                    f"The monocular depth map {quote(self.listing.monocular[index])} of {quote(self.images[index])} "
                    f"cannot be aligned, because {error}: write it again, or drop it."
                ) from error
            except AlignmentError as error:
                reason = str(error)
        return reason

    def _projected(self, index: int, camera: Cameras) -> np.ndarray:
        assert self.listing.frames is not None
        points, visible = self._points.visible_in(self.listing.frames.frames[index]["file_path"])
        return project_points(points, camera, visible) * np.float32(self.metres_per_unit)

    @cached_property
    def _points(self) -> SparsePoints:
        assert self.listing.frames is not None
        return load_points(self.listing.frames, self._transform, 1.0 / self.metres_per_unit)

    def _fitted(self, values: np.ndarray, size: tuple[int, int], path: object, index: int) -> np.ndarray:
        return fit_size(values, size, quote(path), quote(self.images[index]))

    def _limited(self, metres: np.ndarray) -> np.ndarray:
        far = np.inf if self.config.far is None else self.config.far
        return np.where((metres >= self.config.near) & (metres <= far), metres, 0.0).astype(np.float32)
