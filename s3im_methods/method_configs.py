"""Everything that ``ns-train`` shows of this pack. Entry points name the objects of this module.

Method names and the paths of the classes below are stored in users' config.yml files: they do not change.
"""

from typing import Any

import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.configs.base_config import MachineConfig, ViewerConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.models.base_model import ModelConfig
from nerfstudio.plugins.types import MethodSpecification

from s3im_methods import compat
from s3im_methods.data.byte_images import ByteImageDataManagerConfig
from s3im_methods.data.depth_datamanager import DepthDataManagerConfig
from s3im_methods.data.surface_datamanager import SurfaceDataManagerConfig
from s3im_methods.engine.adam import BetaAdamConfig, FusedAdamConfig
from s3im_methods.engine.cosine_schedule import CosineSchedulerConfig
from s3im_methods.engine.log_linear_schedule import LogLinearSchedulerConfig
from s3im_methods.engine.pipeline import S3IMPipelineConfig
from s3im_methods.engine.trainer import S3IMTrainer
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.models.s3im_depth_nerfacto import S3IMDepthNerfactoModelConfig
from s3im_methods.models.s3im_nerfacto import S3IMNerfactoModelConfig
from s3im_methods.models.s3im_neus_facto import S3IMNeuSFactoModelConfig
from s3im_methods.models.s3im_tensorf import S3IMTensoRFModelConfig
from s3im_methods.samplers import PatchAwarePixelSamplerConfig

compat.apply()


def _machine() -> MachineConfig:
    """nerfstudio 1.1.5 asks for CUDA even where there is none (fixed on its main branch, pull request 3523)."""
    return MachineConfig(device_type="cuda" if torch.cuda.is_available() else "cpu")


def _adam(lr: float, lr_final: float, max_steps: int) -> dict:
    return {
        "optimizer": FusedAdamConfig(lr=lr, eps=1e-15),
        "scheduler": ExponentialDecaySchedulerConfig(lr_final=lr_final, max_steps=max_steps),
    }


def _warm_adam(lr: float, lr_final: float, max_steps: int, warmup_steps: int) -> dict:
    return {
        "optimizer": FusedAdamConfig(lr=lr, eps=1e-15),
        "scheduler": LogLinearSchedulerConfig(lr_final=lr_final, max_steps=max_steps, warmup_steps=warmup_steps),
    }


def _tensorf_adam(lr: float, lr_final: float, max_steps: int) -> dict:
    return {
        "optimizer": BetaAdamConfig(lr=lr, eps=1e-8),
        "scheduler": ExponentialDecaySchedulerConfig(lr_final=lr_final, max_steps=max_steps),
    }


def _cosine_adam(lr: float, max_steps: int, warmup_steps: int) -> dict:
    return {
        "optimizer": FusedAdamConfig(lr=lr, eps=1e-15),
        "scheduler": CosineSchedulerConfig(warm_up_end=warmup_steps, learning_rate_alpha=0.05, max_steps=max_steps),
    }


def _method(
    method_name: str,
    description: str,
    *,
    model: ModelConfig,
    optimizers: dict[str, dict],
    rays: int,
    max_num_iterations: int,
    data_manager: type[ByteImageDataManagerConfig] = ByteImageDataManagerConfig,
    **trainer: Any,
) -> MethodSpecification:
    """What all methods have in common; ``trainer`` are further settings of the trainer."""
    return MethodSpecification(
        config=TrainerConfig(
            _target=S3IMTrainer,
            method_name=method_name,
            machine=_machine(),
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


def _full_nerfacto() -> dict[str, Any]:
    return {
        "eval_num_rays_per_chunk": 1 << 15,
        "average_init_density": 0.01,
        "camera_optimizer": CameraOptimizerConfig(mode="SO3xR3"),
    }


def _lite_nerfacto() -> dict[str, Any]:
    return {
        "eval_num_rays_per_chunk": 1 << 12,
        "average_init_density": 0.01,
        "num_levels": 8,
        "log2_hashmap_size": 16,
        "max_res": 512,
        "hidden_dim": 32,
        "hidden_dim_color": 32,
        "num_proposal_iterations": 1,
        "num_proposal_samples_per_ray": (64,),
        "num_nerf_samples_per_ray": 24,
        "proposal_net_args_list": [
            {"hidden_dim": 16, "log2_hashmap_size": 14, "num_levels": 4, "max_res": 128, "use_linear": False}
        ],
        "appearance_embed_dim": 8,
        "camera_optimizer": CameraOptimizerConfig(mode="off"),
    }


s3im_nerfacto = _method(
    "s3im-nerfacto",
    "Nerfacto at full size, trained with S3IM.",
    model=S3IMNerfactoModelConfig(**_full_nerfacto()),
    optimizers={
        "proposal_networks": _adam(1e-2, 1e-4, 200000),
        "fields": _adam(1e-2, 1e-4, 200000),
        "camera_opt": _adam(1e-3, 1e-4, 5000),
    },
    rays=4096,
    max_num_iterations=30000,
    steps_per_save=2000,
    mixed_precision=True,
)

s3im_nerfacto_lite = _method(
    "s3im-nerfacto-lite",
    "Nerfacto sized for a laptop without a GPU, trained with S3IM: minutes on 2 CPU cores.",
    model=S3IMNerfactoModelConfig(**_lite_nerfacto()),
    optimizers={
        "proposal_networks": _adam(1e-2, 2e-3, 4000),
        "fields": _adam(1e-2, 2e-3, 4000),
        "camera_opt": _adam(1e-3, 1e-4, 4000),
    },
    rays=1024,
    max_num_iterations=4000,
    steps_per_eval_image=500,
    steps_per_save=500,
)

s3im_depth_nerfacto = _method(
    "s3im-depth-nerfacto",
    "Nerfacto at full size, trained with S3IM and with depth maps.",
    model=S3IMDepthNerfactoModelConfig(**_full_nerfacto()),
    optimizers={
        "proposal_networks": _warm_adam(1e-2, 1e-4, 200000, warmup_steps=512),
        "fields": _warm_adam(1e-2, 1e-4, 200000, warmup_steps=512),
        "camera_opt": _adam(1e-3, 1e-4, 5000),
        "depth_alignment": _adam(1e-3, 1e-4, 30000),
    },
    rays=4096,
    max_num_iterations=30000,
    data_manager=DepthDataManagerConfig,
    steps_per_save=2000,
    mixed_precision=True,
)

s3im_depth_nerfacto_lite = _method(
    "s3im-depth-nerfacto-lite",
    "Nerfacto sized for a laptop without a GPU, trained with S3IM and with depth maps: minutes on 2 CPU cores.",
    model=S3IMDepthNerfactoModelConfig(**_lite_nerfacto()),
    optimizers={
        "proposal_networks": _warm_adam(1e-2, 2e-3, 4000, warmup_steps=0),
        "fields": _warm_adam(1e-2, 2e-3, 4000, warmup_steps=0),
        "camera_opt": _adam(1e-3, 1e-4, 4000),
        "depth_alignment": _adam(1e-3, 1e-4, 4000),
    },
    rays=1024,
    max_num_iterations=4000,
    data_manager=DepthDataManagerConfig,
    steps_per_eval_image=500,
    steps_per_save=500,
)

s3im_tensorf = _method(
    "s3im-tensorf",
    "TensoRF at full size, trained with S3IM.",
    model=S3IMTensoRFModelConfig(eval_num_rays_per_chunk=1 << 13, regularization="tv"),
    optimizers={
        "fields": _tensorf_adam(1e-3, 1e-4, 30000),
        "encodings": _tensorf_adam(2e-2, 2e-3, 30000),
        "camera_opt": _adam(1e-4, 1e-5, 5000),
    },
    rays=4096,
    max_num_iterations=30000,
    steps_per_save=2000,
)

s3im_tensorf_lite = _method(
    "s3im-tensorf-lite",
    "TensoRF sized for a laptop without a GPU, trained with S3IM: minutes on 2 CPU cores.",
    model=S3IMTensoRFModelConfig(
        eval_num_rays_per_chunk=1 << 12,
        regularization="tv",
        init_resolution=64,
        final_resolution=192,
        upsampling_iters=(400, 800, 1200),
        num_uniform_samples=64,
        num_samples=24,
        num_den_components=8,
        num_color_components=16,
        appearance_dim=12,
        head_width=32,
        regularization_decay_steps=3000,
    ),
    optimizers={
        "fields": _tensorf_adam(2e-3, 2e-4, 3000),
        "encodings": _tensorf_adam(2e-2, 2e-3, 3000),
        "camera_opt": _adam(1e-4, 1e-5, 3000),
    },
    rays=1024,
    max_num_iterations=3000,
    steps_per_eval_image=500,
    steps_per_save=500,
)

s3im_neus_facto = _method(
    "s3im-neus-facto",
    "NeuS-facto at full size, trained with S3IM: surfaces and meshes.",
    model=S3IMNeuSFactoModelConfig(
        eval_num_rays_per_chunk=1 << 11,
        sdf_field=S3IMSDFFieldConfig(num_layers=2, num_layers_color=2, hidden_dim=256),
    ),
    optimizers={
        "fields": _cosine_adam(5e-4, 20000, 500),
        "encodings": _cosine_adam(5e-3, 20000, 500),
        "proposal_networks": _cosine_adam(1e-2, 20000, 0),
        "field_background": _cosine_adam(5e-4, 20000, 500),
        "depth_alignment": _cosine_adam(1e-3, 20000, 0),
    },
    rays=2048,
    max_num_iterations=20000,
    data_manager=SurfaceDataManagerConfig,
    steps_per_eval_image=5000,
    steps_per_save=2000,
)

s3im_neus_facto_lite = _method(
    "s3im-neus-facto-lite",
    "NeuS-facto sized for a laptop without a GPU, trained with S3IM: meshes in minutes on 2 CPU cores.",
    model=S3IMNeuSFactoModelConfig(
        eval_num_rays_per_chunk=1 << 12,
        cos_anneal_steps=1000,
        num_proposal_iterations=1,
        num_proposal_samples_per_ray=(48,),
        num_neus_samples_per_ray=24,
        proposal_net_args_list=[
            {"hidden_dim": 16, "log2_hashmap_size": 14, "num_levels": 4, "max_res": 128, "use_linear": False}
        ],
        proposal_warmup=1000,
        num_samples_outside=16,
        background_width=64,
        sdf_field=S3IMSDFFieldConfig(
            unlock_every=0,
            num_layers=2,
            hidden_dim=64,
            geo_feat_dim=31,
            num_layers_color=2,
            hidden_dim_color=64,
            num_levels=8,
            max_res=256,
            log2_hashmap_size=16,
            position_frequencies=0,
            appearance_embedding_dim=4,
            band=8.0,
            color_weight_threshold=1e-4,
        ),
    ),
    optimizers={
        "fields": _cosine_adam(5e-3, 3000, 100),
        "encodings": _cosine_adam(2e-2, 3000, 100),
        "proposal_networks": _cosine_adam(1e-2, 3000, 0),
        "field_background": _cosine_adam(5e-3, 3000, 100),
        "depth_alignment": _cosine_adam(1e-3, 3000, 0),
    },
    rays=1024,
    max_num_iterations=3000,
    data_manager=SurfaceDataManagerConfig,
    steps_per_eval_image=500,
    steps_per_save=500,
)
