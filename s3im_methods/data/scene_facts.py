"""What a scene is known to have: one object, which the data sets fill and the models read.

It travels in a data set's ``metadata``, which nerfstudio's pipeline hands to the model as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from s3im_methods.data.scene_sphere import SceneSphere

_KEY = "scene_facts"


@dataclass(frozen=True)
class SceneFacts:
    """What the training images, their files and their cameras say; None where nobody has looked.

    Example:
        >>> metadata = {"of the parser": 1}
        >>> add_facts(metadata, depth_source="sensor")
        >>> SceneFacts.of(metadata).depth_source, SceneFacts.of({}).depth_source
        ('sensor', None)
    """

    depth_source: Literal["sensor", "monocular", "sparse", "composite", "none"] | None = None
    """Where ``depth_image`` comes from; "none" if the scene has no depth or none is used."""
    depth_metres_per_unit: float | None = None
    """Length of a scene unit in metres."""
    depth_alignment: Literal["fixed", "learned"] = "fixed"
    """Whether scale and shift of monocular depth are to be learned."""
    has_foreground_mask: bool = False
    """Whether masks are listed as the foreground's, or an image has a pixel that is not opaque."""
    has_normals: bool | None = None
    """Whether there is ``normal``."""
    has_monocular_depth: bool | None = None
    """Whether there is ``depth``, sdfstudio's prior up to scale and shift, or ``depth_image`` comes from a network."""
    scene_kind: Literal["object", "room"] | None = None
    """What the cameras suggest."""
    object_sphere: SceneSphere | None = None
    """The sphere of the object that the cameras look at, in scene units."""
    room_sphere: SceneSphere | None = None
    """The sphere of the room that they stand in, in scene units."""
    has_transparent_background: bool = False
    """Whether the images show something that was cut out, see :mod:`s3im_methods.data.cut_out`."""
    object_box_scale: float | None = None
    """By what to enlarge the scene's box so that it holds what was cut out, 1 to 2; None where nothing was, where the
    cameras do not look at one thing from outside, or where 2 is not enough."""

    mean_colour: tuple[float, float, float] | None = None
    """Of the training images, in [0, 1]; None where no training begins, or where what they show was cut out."""

    @classmethod
    def of(cls, metadata: Mapping[str, Any] | None) -> "SceneFacts":
        """The facts in a data set's metadata; those of a scene of which nothing is known where it has none.

        Args:
            metadata: Of a data set; None for a model that was built without one.
        """
        return (metadata or {}).get(_KEY) or cls()

    @property
    def depth_available(self) -> bool:
        """Whether there may be depth: False only where it is known that there is none."""
        return self.depth_source != "none"


def add_facts(metadata: dict[str, Any], **known: Any) -> None:
    """Write facts into a data set's metadata, beside those that are there.

    Args:
        metadata: Of the data set; changed in place.
        **known: Fields of :class:`SceneFacts`.
    """
    metadata[_KEY] = replace(SceneFacts.of(metadata), **known)
