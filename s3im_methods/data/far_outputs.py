"""A split whose world is far from the origin: the way back there is kept in float64."""

import numpy as np
import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from torch import Tensor

from s3im_methods.console import warn


class FarOutputs(DataparserOutputs):
    """What nerfstudio's parser makes, with a ``dataparser_transform`` in float64.

    nerfstudio's own way back is in float32, which cannot tell apart points that are far away.
    """

    def transform_poses_to_original_space(self, poses: Tensor, camera_convention: str = "opencv") -> Tensor:  # type: ignore[override]
        """Poses in the world's coordinates, in float64.

        Args:
            poses: ``[N, 3, 4]``, scene units.
            camera_convention: As nerfstudio's.

        Returns:
            ``[N, 3, 4]``, float64.
        """
        transform = self.dataparser_transform.double().to(poses.device)
        # The shift is undone first, so that it does not multiply the rounding of an inverse.
        near = poses.double().clone()
        near[..., 3] = near[..., 3] / self.dataparser_scale - transform[:, 3]
        turn = torch.cat([transform[:, :3], torch.zeros_like(transform[:, :1])], dim=-1)
        only_turned = DataparserOutputs([], self.cameras, dataparser_transform=turn)
        world = only_turned.transform_poses_to_original_space(near, camera_convention)  # type: ignore[arg-type]
        if world.numel():
            step = float(np.spacing(np.float32(world[..., 3].abs().max().item())))
            # ns-export's point clouds are the only ones that ask, and open3d writes them so.
            warn(
                f"The world is far from the origin: a file of float32 rounds its coordinates to {step:.2g}. "
                "For exact ones export without the world frame, and apply the inverse of dataparser_transforms.json."
            )
        return world
