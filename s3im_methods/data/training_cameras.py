"""The training cameras of a scene in the coordinates and units of its own file."""

from pathlib import Path

import numpy as np
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from numpy.typing import NDArray

from s3im_methods.data.checked_parser import read_again
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.data.depth.listing import METADATA_KEY, FrameList


def training_cameras(scene: Path) -> tuple[Cameras, NDArray[np.float64]]:
    """Read the cameras without turning or scaling them, and moved only where float32 needs it.

    Args:
        scene: Folder with transforms.json, or such a file.

    Returns:
        The cameras, and what is to be added to their places, ``[3]``: 0 near the origin.

    Raises:
        InputError: If the scene cannot be used.
    """
    config = NerfstudioDataParserConfig(
        data=scene, orientation_method="none", center_method="none", auto_scale_poses=False, downscale_factor=1
    )
    check_scene(config, with_depth=False)
    # No point cloud is read: it may be large, and nerfstudio asks whether to make one where there is none.
    config.load_3D_points = False
    outputs = read_again(config, "train")
    frames: FrameList = outputs.metadata[METADATA_KEY]
    return outputs.cameras, -frames.points_to_scene[:, 3].astype(np.float64)
