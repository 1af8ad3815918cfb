"""The views that a run was trained on, by which its mesh is made."""

from dataclasses import replace
from typing import Any

from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs

from s3im_methods.data.checked_parser import read_again
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.data.few_views import keep_views
from s3im_methods.data.image_sizes import scaled_cameras


def training_split(manager: Any) -> DataparserOutputs:
    """Parse the training split again, with the frames' entries that tell where the world is, and without images.

    Args:
        manager: The run's data manager.

    Raises:
        InputError: If the scene cannot be used any more.
    """
    check_scene(manager.dataparser_config, with_depth=False)
    outputs = read_again(manager.dataparser_config, "train")
    few = getattr(manager.config, "train_views", None)
    if few is not None:
        outputs = keep_views(outputs, few)
    cameras = scaled_cameras(outputs.cameras, manager.config.camera_res_scale_factor, outputs.image_filenames)
    return replace(outputs, cameras=cameras)
