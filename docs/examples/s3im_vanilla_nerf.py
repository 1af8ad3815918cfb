"""The NeRF of 2020 (Mildenhall et al., ECCV 2020) as nerfstudio has it, trained with S3IM: a method in one file."""

# region imports
from dataclasses import dataclass, field
from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.configs.base_config import MachineConfig
from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManagerConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.models.vanilla_nerf import NeRFModel, VanillaModelConfig
from nerfstudio.plugins.types import MethodSpecification
from torch import Tensor

from s3im_methods.engine.pipeline import S3IMPipelineConfig
from s3im_methods.engine.trainer import S3IMTrainer
from s3im_methods.losses import S3IMConfig
from s3im_methods.models.s3im_mixin import S3IMMixin
from s3im_methods.samplers import PatchAwarePixelSamplerConfig

# endregion


# region config
@dataclass
class S3IMVanillaNeRFConfig(VanillaModelConfig):
    """Vanilla NeRF's settings, and S3IM's."""

    _target: type = field(default_factory=lambda: S3IMVanillaNeRF)
    """The class to instantiate."""
    s3im: S3IMConfig = field(default_factory=S3IMConfig)
    """Settings of the S3IM loss."""


# endregion
# region names
class _WithUsualNames(NeRFModel):
    """Vanilla NeRF with the names of outputs and losses that most of nerfstudio's models share."""

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        outputs = super().get_outputs(ray_bundle)
        return outputs | {name: outputs[f"{name}_fine"] for name in ("rgb", "accumulation", "depth")}

    def get_loss_dict(self, outputs: Any, batch: Any, metrics_dict: Any = None) -> dict[str, Tensor]:
        losses = super().get_loss_dict(outputs, batch, metrics_dict)
        losses["rgb_loss"] = losses.pop("rgb_loss_fine")
        return losses


# endregion
# region model
class S3IMVanillaNeRF(S3IMMixin, _WithUsualNames):
    """Vanilla NeRF trained with S3IM."""

    config: S3IMVanillaNeRFConfig

    def hardware_line(self) -> str:
        """What the run prints of its hardware at its start."""
        return "networks by torch"


# endregion
# region method
s3im_vanilla_nerf = MethodSpecification(
    config=TrainerConfig(
        _target=S3IMTrainer,
        method_name="s3im-vanilla-nerf",
        machine=MachineConfig(device_type="cuda" if torch.cuda.is_available() else "cpu"),
        max_num_iterations=30_000,
        pipeline=S3IMPipelineConfig(
            datamanager=VanillaDataManagerConfig(
                dataparser=NerfstudioDataParserConfig(),
                train_num_rays_per_batch=1024,
                eval_num_rays_per_batch=1024,
                pixel_sampler=PatchAwarePixelSamplerConfig(),
            ),
            # nerfstudio scales a scene so that its cameras lie between -1 and 1.
            model=S3IMVanillaNeRFConfig(collider_params={"near_plane": 0.05, "far_plane": 4.0}),
        ),
        optimizers={"fields": {"optimizer": AdamOptimizerConfig(lr=5e-4, eps=1e-8), "scheduler": None}},
        vis="viewer",
    ),
    description="Vanilla NeRF, trained with S3IM.",
)
# endregion
