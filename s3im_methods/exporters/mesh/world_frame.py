"""Between a run's scene units and the coordinates of the data that it was trained on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.utils.io import load_from_json
from numpy.typing import NDArray

from s3im_methods.data.depth.listing import METADATA_KEY
from s3im_methods.data.far_outputs import FarOutputs


@dataclass(frozen=True)
class WorldFrame:
    """scene = scale (rotation world + shift).

    Attributes:
        rotation: ``[3, 3]``.
        shift: ``[3]``, in world units.
        scale: Scene units per world unit.
    """

    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]
    scale: float

    def to_scene(self, points: NDArray) -> NDArray[np.float64]:
        """World points ``[N, 3]`` in scene units."""
        return self.scale * (points @ self.rotation.T + self.shift)

    def to_world(self, points: NDArray) -> NDArray[np.float64]:
        """Scene points ``[N, 3]`` in world units."""
        return (points / self.scale - self.shift) @ self.rotation

    def directions_to_scene(self, directions: NDArray) -> NDArray[np.float64]:
        """World directions ``[N, 3]`` along the scene's axes, with their length."""
        return directions @ self.rotation.T


def world_frame(outputs: DataparserOutputs) -> WorldFrame:
    """The coordinates of the poses in the file that was parsed.

    nerfstudio's own transform leads further back, to where the poses were before ``applied_transform`` and
    ``applied_scale`` of transforms.json; meshes and point clouds beside that file are not there. Of sdfstudio's scenes,
    which are turned too, it says nothing: their transform is in the metadata alone.

    Coordinates in the world are float64, also where cameras were brought to the origin before they became float32.

    Args:
        outputs: Of a :func:`~s3im_methods.data.checked_parser.checked_parser`.
    """
    transform, scale = outputs.dataparser_transform.double().numpy(), float(outputs.dataparser_scale)
    turned = outputs.metadata.get("transform")
    if turned is not None and not isinstance(outputs, FarOutputs):
        transform = turned.double().numpy()
    frames: Any = outputs.metadata.get(METADATA_KEY)
    if frames is not None:
        transform = frames.points_to_scene
        scale /= float(load_from_json(frames.source).get("applied_scale", 1.0))
    return WorldFrame(transform[:3, :3].astype(np.float64), transform[:3, 3].astype(np.float64), scale)
