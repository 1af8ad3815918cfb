"""What the methods' configurations have in common: the trainer around a model, and optimisers with their schedules."""

from collections.abc import Callable
from typing import Any

import torch
from nerfstudio.configs.base_config import MachineConfig, ViewerConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig
from nerfstudio.models.base_model import ModelConfig
from nerfstudio.plugins.types import MethodSpecification

from s3im_methods.data.byte_images import ByteImageDataManagerConfig
from s3im_methods.data.depth.source_config import DepthSourceConfig
from s3im_methods.data.depth_datamanager import DepthDataManagerConfig
from s3im_methods.engine.adam import BetaAdamConfig, FusedAdamConfig
from s3im_methods.engine.cosine_schedule import CosineSchedulerConfig
from s3im_methods.engine.log_linear_schedule import LogLinearSchedulerConfig
from s3im_methods.engine.pipeline import S3IMPipelineConfig
from s3im_methods.engine.trainer import S3IMTrainerConfig
from s3im_methods.samplers import PatchAwarePixelSamplerConfig


def machine() -> MachineConfig:
    """nerfstudio 1.1.5 asks for CUDA even where there is none (fixed on its main branch, pull request 3523)."""
    return MachineConfig(device_type="cuda" if torch.cuda.is_available() else "cpu")


def adam(lr: float, lr_final: float, max_steps: int) -> dict:
    """Adam whose learning rate falls exponentially to ``lr_final`` over ``max_steps`` steps."""
    return {
        "optimizer": FusedAdamConfig(lr=lr, eps=1e-15),
        "scheduler": ExponentialDecaySchedulerConfig(lr_final=lr_final, max_steps=max_steps),
    }


def warm_adam(
    lr: float, lr_final: float, max_steps: int, warmup_steps: int, eps: float = 1e-15, max_norm: float | None = None
) -> dict:
    """The same after a warm-up, as mip-NeRF 360 has it; ``max_norm`` clips the gradients of a group."""
    return {
        "optimizer": FusedAdamConfig(lr=lr, eps=eps, max_norm=max_norm),
        "scheduler": LogLinearSchedulerConfig(lr_final=lr_final, max_steps=max_steps, warmup_steps=warmup_steps),
    }


def tensorf_adam(lr: float, lr_final: float, max_steps: int) -> dict:
    """TensoRF's Adam, whose moments forget sooner."""
    return {
        "optimizer": BetaAdamConfig(lr=lr, eps=1e-8),
        "scheduler": ExponentialDecaySchedulerConfig(lr_final=lr_final, max_steps=max_steps),
    }


def cosine_adam(lr: float, max_steps: int, warmup_steps: int) -> dict:
    """NeuS's Adam: a linear warm-up, then a cosine down to a twentieth."""
    return {
        "optimizer": FusedAdamConfig(lr=lr, eps=1e-15),
        "scheduler": CosineSchedulerConfig(warm_up_end=warmup_steps, learning_rate_alpha=0.05, max_steps=max_steps),
    }


def depth_if_there(**settings: Any) -> DepthDataManagerConfig:
    """A scene without depth trains without."""
    return DepthDataManagerConfig(depth=DepthSourceConfig(source="auto-or-none"), **settings)


def method(
    method_name: str,
    description: str,
    *,
    model: ModelConfig,
    optimizers: dict[str, dict],
    rays: int,
    max_num_iterations: int,
    data_manager: Callable[..., ByteImageDataManagerConfig] = ByteImageDataManagerConfig,
    **trainer: Any,
) -> MethodSpecification:
    """What all methods have in common; ``trainer`` are further settings of the trainer."""
    return MethodSpecification(
        config=S3IMTrainerConfig(
            method_name=method_name,
            machine=machine(),
            steps_per_eval_batch=500,
            max_num_iterations=max_num_iterations,
            pipeline=S3IMPipelineConfig(
                datamanager=data_manager(
                    dataparser=NerfstudioDataParserConfig(),
                    train_num_rays_per_batch=rays,
                    eval_num_rays_per_batch=rays,
                    pixel_sampler=PatchAwarePixelSamplerConfig(),
                ),
                model=model,
            ),
            optimizers=optimizers,
            viewer=ViewerConfig(num_rays_per_chunk=model.eval_num_rays_per_chunk),
            vis="viewer",
            **trainer,
        ),
        description=description,
    )
