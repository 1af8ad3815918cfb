"""The settings of the depth sources, as a group of command-line flags; this module imports nothing heavy."""

from dataclasses import dataclass
from typing import Literal

from s3im_methods.errors import InputError

Source = Literal["auto", "auto-or-none", "sensor", "monocular", "sparse", "composite", "none"]

SENSORS = ("sensor", "composite")
"""Sources that are a sensor's, or begin with one's."""


def length_word(source: str) -> str:
    """What depth of a source is counted in, the poses' unit: a sensor knows that to be metres, points do not.

    Example:
        >>> length_word("sparse")
        'units of the data'
    """
    return "metres" if source in SENSORS else "units of the data"


@dataclass
class DepthSourceConfig:
    """Where the depth of the training and evaluation views comes from, and what its numbers mean."""

    source: Source = "auto"
    """Where depth comes from. sensor: the files listed as depth_file_path. monocular: those listed as monocular-key,
    aligned to something metric in each image. sparse: the points of the reconstruction, projected into the views.
    composite: the sensor, and aligned monocular depth for pixels without a reading. none: no depth. auto: the best of
    composite, sensor, monocular and sparse that the scene has. auto-or-none: the same, and none for a scene without
    depth."""
    unit: float | None = None
    """Metres per stored value of a sensor depth file. If not set: the dataparser's depth-unit-scale-factor if it is not
    its default, else what the scene's file says (depth_unit_scale_factor, integer_depth_scale, depth_unit), else
    millimetres for whole numbers (16-bit PNG) and metres for floating-point numbers (EXR, .npy)."""
    convention: Literal["z", "distance"] = "z"
    """What a sensor depth file measures: z is the depth along the viewing axis, unless depth_is_euclidean of the
    scene's file says otherwise; distance is the length of the ray."""
    near: float = 0.0
    """Readings nearer than this many metres count as missing."""
    far: float | None = None
    """Readings farther than this many metres count as missing. If not set, no reading is too far."""
    confidence_folder: str | None = None
    """Folder with one confidence map per depth file, relative to the scene's folder. A map has the path of its depth
    file, with another ending if need be. A frame's confidence_file_path in transforms.json comes first."""
    confidence_suffix: str | None = None
    """What follows the depth file's name in the name of its confidence map, for instance _conf for depth/0001.png and
    depth/0001_conf.png."""
    confidence_max: float | None = None
    """Stored value that means full confidence, for instance 2 for ARKit. If not set: 255 for 8-bit files, 65535 for
    16-bit ones and 1 for floating-point ones; where the values fit another usual scale, that scale, and a line says
    so."""
    confidence_threshold: float = 0.0
    """Sensor readings with a confidence, from 0 to 1, below this count as missing."""
    confidence_weighs: bool = True
    """Whether the confidence also weighs the depth loss of each ray; if not, it only masks."""
    monocular_key: str = "mono_depth_file_path"
    """Key under which the frames of transforms.json name their monocular depth files."""
    monocular_folder: str | None = None
    """Folder with one monocular depth file per image, relative to the scene's folder. A file has its image's path below
    the images' folder, with another ending (.npy, .npz, .exr, .pfm, .png or .tif). A frame's own key comes first."""
    monocular_is_disparity: bool = False
    """Whether monocular files hold disparity, that is inverse depth up to scale and shift, instead of depth."""
    alignment: Literal["fixed", "learned", "none"] = "fixed"
    """How monocular depth becomes metric. fixed: a positive scale and a shift are fitted to each image once. learned:
    the same, and the model refines both. none: the files are depth in metres."""
    align_to: Literal["auto", "sensor", "sparse"] = "auto"
    """What monocular depth is fitted to. sensor: the image's sensor readings. sparse: the projected points of the
    reconstruction. auto: the first of both of which the image has enough."""
    monocular_sigma_scale: float = 3.0
    """How many times wider than a sensor reading's the uncertainty of a monocular pixel is, 1 or more."""
    monocular_widening: float = 2.0
    """By how many uncertainties the bounds of a monocular pixel are moved apart, 0 or more (a sensor reading: 0)."""

    def check(self) -> None:
        """Refuse settings out of range.

        Raises:
            InputError: It names the flag and what to give.
        """
        flag = "--pipeline.datamanager.depth"
        if self.unit is not None and not 0 < self.unit < float("inf"):
            raise InputError(f"{flag}.unit is {self.unit:g}: give metres per stored value, above 0.")
        if not 0 <= self.near < float("inf"):
            raise InputError(f"{flag}.near is {self.near:g} metres: give 0 or more.")
        if self.far is not None and not self.far > self.near:
            raise InputError(
                f"{flag}.far is {self.far:g} metres where {flag}.near is {self.near:g}: give a larger one, or drop it."
            )
        if self.confidence_max is not None and not self.confidence_max > 0:
            raise InputError(f"{flag}.confidence-max is {self.confidence_max:g}: give a value above 0.")
        if not 0 <= self.confidence_threshold <= 1:
            raise InputError(f"{flag}.confidence-threshold is {self.confidence_threshold:g}: give 0 to 1.")
        if not self.monocular_sigma_scale >= 1:
            raise InputError(f"{flag}.monocular-sigma-scale is {self.monocular_sigma_scale:g}: give 1 or more.")
        if not self.monocular_widening >= 0:
            raise InputError(f"{flag}.monocular-widening is {self.monocular_widening:g}: give 0 or more.")
        if self.alignment == "none" and self.monocular_is_disparity:
            raise InputError(
                f"Disparity without alignment is no depth: set {flag}.alignment fixed or learned, or drop "
                f"{flag}.monocular-is-disparity."
            )
