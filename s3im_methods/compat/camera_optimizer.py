"""Learned camera poses in full precision, and without two waits for the GPU in every step.

nerfstudio multiplies rays by the learned corrections inside the model's forward pass. Under autocast these products are
in float16, so every ray leaves its pixel: by 0.25 pixels at a focal length of 1000 pixels, by 0.7 at 3000. Its metrics
read two numbers from the GPU, for which the host waits.
"""

from typing import Any

import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizer
from nerfstudio.cameras.rays import RayBundle
from torch import nn


class PreciseCameraOptimizer(CameraOptimizer):
    """nerfstudio's, with the same parameters; see the module's docstring."""

    def apply_to_raybundle(self, raybundle: RayBundle) -> None:
        """Correct origins and directions of a bundle, in place, in float32."""
        with torch.autocast(raybundle.origins.device.type, enabled=False):
            super().apply_to_raybundle(raybundle)

    def get_metrics_dict(self, metrics_dict: dict[str, Any]) -> None:
        """Add the largest and the mean correction, translations in scene units and rotations in degrees."""
        if self.config.mode == "off":
            return
        adjustment = self.pose_adjustment.detach()
        translation, rotation = adjustment[:, :3].norm(dim=-1), torch.rad2deg(adjustment[:, 3:].norm(dim=-1))
        metrics_dict["camera_opt_translation_max"] = translation.max()
        metrics_dict["camera_opt_translation_mean"] = translation.mean()
        metrics_dict["camera_opt_rotation_mean"] = rotation.mean()
        metrics_dict["camera_opt_rotation_max"] = rotation.max()


def make_poses_precise(model: nn.Module) -> None:
    """Let the camera optimiser inside a model be ours, where it is nerfstudio's own.

    Args:
        model: Any model.
    """
    for child in model.modules():
        if type(child) is CameraOptimizer:
            # config.yml names nerfstudio's class, and the parameters are the same.
            child.__class__ = PreciseCameraOptimizer
