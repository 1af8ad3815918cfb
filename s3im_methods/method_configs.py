"""Everything that ``ns-train`` shows of this pack. Entry points name the objects of this module.

Method names and the paths of the classes below are stored in users' config.yml files: they do not change.
"""

import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.configs.base_config import MachineConfig, ViewerConfig
from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManagerConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.plugins.types import MethodSpecification

from s3im_methods import compat
from s3im_methods.engine.adam import BetaAdamConfig
from s3im_methods.engine.pipeline import S3IMPipelineConfig
from s3im_methods.engine.trainer import S3IMTrainer
from s3im_methods.models.s3im_nerfacto import S3IMNerfactoModelConfig
from s3im_methods.models.tensorf_config import S3IMTensoRFModelConfig
from s3im_methods.samplers import PatchAwarePixelSamplerConfig

compat.apply()


def _machine() -> MachineConfig:
    """nerfstudio 1.1.5 asks for CUDA even where there is none (fixed on its main branch, pull request 3523)."""
    return MachineConfig(device_type="cuda" if torch.cuda.is_available() else "cpu")


def _adam(lr: float, lr_final: float, max_steps: int) -> dict:
    return {
        "optimizer": AdamOptimizerConfig(lr=lr, eps=1e-15),
        "scheduler": ExponentialDecaySchedulerConfig(lr_final=lr_final, max_steps=max_steps),
    }


s3im_nerfacto = MethodSpecification(
    config=TrainerConfig(
        _target=S3IMTrainer,
        method_name="s3im-nerfacto",
        machine=_machine(),
        steps_per_eval_batch=500,
        steps_per_save=2000,
        max_num_iterations=30000,
        mixed_precision=True,
        pipeline=S3IMPipelineConfig(
            datamanager=VanillaDataManagerConfig(
                dataparser=NerfstudioDataParserConfig(),
                train_num_rays_per_batch=4096,
                eval_num_rays_per_batch=4096,
                pixel_sampler=PatchAwarePixelSamplerConfig(),
            ),
            model=S3IMNerfactoModelConfig(
                eval_num_rays_per_chunk=1 << 15,
                average_init_density=0.01,
                camera_optimizer=CameraOptimizerConfig(mode="SO3xR3"),
            ),
        ),
        optimizers={
            "proposal_networks": _adam(1e-2, 1e-4, 200000),
            "fields": _adam(1e-2, 1e-4, 200000),
            "camera_opt": _adam(1e-3, 1e-4, 5000),
        },
        viewer=ViewerConfig(num_rays_per_chunk=1 << 15),
        vis="viewer",
    ),
    description="Nerfacto at full size, trained with S3IM.",
)

s3im_nerfacto_lite = MethodSpecification(
    config=TrainerConfig(
        _target=S3IMTrainer,
        method_name="s3im-nerfacto-lite",
        machine=_machine(),
        steps_per_eval_batch=500,
        steps_per_eval_image=500,
        steps_per_save=500,
        max_num_iterations=4000,
        pipeline=S3IMPipelineConfig(
            datamanager=VanillaDataManagerConfig(
                dataparser=NerfstudioDataParserConfig(),
                train_num_rays_per_batch=1024,
                eval_num_rays_per_batch=1024,
                pixel_sampler=PatchAwarePixelSamplerConfig(),
            ),
            model=S3IMNerfactoModelConfig(
                eval_num_rays_per_chunk=1 << 12,
                average_init_density=0.01,
                num_levels=8,
                log2_hashmap_size=16,
                max_res=512,
                hidden_dim=32,
                hidden_dim_color=32,
                num_proposal_iterations=1,
                num_proposal_samples_per_ray=(64,),
                num_nerf_samples_per_ray=24,
                proposal_net_args_list=[
                    {"hidden_dim": 16, "log2_hashmap_size": 14, "num_levels": 4, "max_res": 128, "use_linear": False}
                ],
                appearance_embed_dim=8,
                camera_optimizer=CameraOptimizerConfig(mode="off"),
            ),
        ),
        optimizers={
            "proposal_networks": _adam(1e-2, 2e-3, 4000),
            "fields": _adam(1e-2, 2e-3, 4000),
            "camera_opt": _adam(1e-3, 1e-4, 4000),
        },
        viewer=ViewerConfig(num_rays_per_chunk=1 << 12),
        vis="viewer",
    ),
    description="Nerfacto sized for a laptop without a GPU, trained with S3IM: minutes on 2 CPU cores.",
)


def _tensorf_adam(lr: float, lr_final: float, max_steps: int) -> dict:
    return {
        "optimizer": BetaAdamConfig(lr=lr, eps=1e-8),
        "scheduler": ExponentialDecaySchedulerConfig(lr_final=lr_final, max_steps=max_steps),
    }


s3im_tensorf = MethodSpecification(
    config=TrainerConfig(
        _target=S3IMTrainer,
        method_name="s3im-tensorf",
        machine=_machine(),
        steps_per_eval_batch=500,
        steps_per_save=2000,
        max_num_iterations=30000,
        pipeline=S3IMPipelineConfig(
            datamanager=VanillaDataManagerConfig(
                dataparser=NerfstudioDataParserConfig(),
                train_num_rays_per_batch=4096,
                eval_num_rays_per_batch=4096,
                pixel_sampler=PatchAwarePixelSamplerConfig(),
            ),
            model=S3IMTensoRFModelConfig(eval_num_rays_per_chunk=1 << 13, regularization="tv"),
        ),
        optimizers={
            "fields": _tensorf_adam(1e-3, 1e-4, 30000),
            "encodings": _tensorf_adam(2e-2, 2e-3, 30000),
            "camera_opt": _adam(1e-4, 1e-5, 5000),
        },
        viewer=ViewerConfig(num_rays_per_chunk=1 << 13),
        vis="viewer",
    ),
    description="TensoRF at full size, trained with S3IM.",
)

s3im_tensorf_lite = MethodSpecification(
    config=TrainerConfig(
        _target=S3IMTrainer,
        method_name="s3im-tensorf-lite",
        machine=_machine(),
        steps_per_eval_batch=500,
        steps_per_eval_image=500,
        steps_per_save=500,
        max_num_iterations=3000,
        pipeline=S3IMPipelineConfig(
            datamanager=VanillaDataManagerConfig(
                dataparser=NerfstudioDataParserConfig(),
                train_num_rays_per_batch=1024,
                eval_num_rays_per_batch=1024,
                pixel_sampler=PatchAwarePixelSamplerConfig(),
            ),
            model=S3IMTensoRFModelConfig(
                eval_num_rays_per_chunk=1 << 12,
                regularization="tv",
                init_resolution=64,
                final_resolution=192,
                upsampling_iters=(400, 800, 1200),
                num_uniform_samples=64,
                num_samples=32,
                num_den_components=8,
                num_color_components=16,
                appearance_dim=12,
                head_width=64,
                regularization_decay_steps=3000,
            ),
        ),
        optimizers={
            "fields": _tensorf_adam(2e-3, 2e-4, 3000),
            "encodings": _tensorf_adam(2e-2, 2e-3, 3000),
            "camera_opt": _adam(1e-4, 1e-5, 3000),
        },
        viewer=ViewerConfig(num_rays_per_chunk=1 << 12),
        vis="viewer",
    ),
    description="TensoRF sized for a laptop without a GPU, trained with S3IM: minutes on 2 CPU cores.",
)
