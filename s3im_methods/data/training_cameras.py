"""The training cameras of a scene in the coordinates and units of its own file."""

from pathlib import Path

from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

from s3im_methods.data.checked_parser import checked_parser
from s3im_methods.data.checks.scene import check_scene


def training_cameras(scene: Path) -> Cameras:
    """Read the cameras without moving, turning or scaling them.

    Args:
        scene: Folder with transforms.json, or such a file.

    Raises:
        InputError: If the scene cannot be used.
    """
    config = NerfstudioDataParserConfig(
        data=scene, orientation_method="none", center_method="none", auto_scale_poses=False, downscale_factor=1
    )
    check_scene(config, with_depth=False)
    # No point cloud is read: it may be large, and nerfstudio asks whether to make one where there is none.
    config.load_3D_points = False
    return checked_parser(config).setup().get_dataparser_outputs(split="train").cameras
