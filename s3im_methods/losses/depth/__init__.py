"""How rendered rays are compared with known depths: one loss per file, and the settings that choose one."""

from s3im_methods.losses.depth.depth_config import DepthLossConfig, DepthTargets, depth_loss
from s3im_methods.losses.depth.sigma_schedule import SigmaScheduleConfig, sigma_at

__all__ = ["DepthLossConfig", "DepthTargets", "SigmaScheduleConfig", "depth_loss", "sigma_at"]
