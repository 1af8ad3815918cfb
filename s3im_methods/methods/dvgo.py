"""``s3im-dvgo``."""

from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig

from s3im_methods.engine.voxel_adam import VoxelAdamConfig
from s3im_methods.methods.common import adam, depth_if_there, method
from s3im_methods.models.s3im_dvgo import S3IMDVGOModelConfig


def _grids(lr: float, lr_final: float, max_steps: int) -> dict:
    return {
        "optimizer": VoxelAdamConfig(lr=lr, eps=1e-8),
        "scheduler": ExponentialDecaySchedulerConfig(lr_final=lr_final, max_steps=max_steps),
    }


s3im_dvgo = method(
    "s3im-dvgo",
    "DVGO at full size, trained with S3IM: dense voxels.",
    model=S3IMDVGOModelConfig(eval_num_rays_per_chunk=1 << 13),
    optimizers={
        "grids": _grids(1e-1, 1e-2, 20000),
        "fields": adam(1e-3, 1e-4, 20000),
        "depth_alignment": adam(1e-3, 1e-4, 20000),
    },
    data_manager=depth_if_there,
    rays=8192,
    max_num_iterations=25000,
    steps_per_save=2000,
)

s3im_dvgo_lite = method(
    "s3im-dvgo-lite",
    "DVGO sized for a laptop without a GPU, trained with S3IM: dense voxels, objects in seconds on 2 CPU cores.",
    model=S3IMDVGOModelConfig(
        eval_num_rays_per_chunk=1 << 12,
        resolution=144,
        coarse_resolution=48,
        network_width=32,
        network_layers=2,
        direction_octaves=2,
    ),
    optimizers={
        "grids": _grids(2.5e-1, 2e-2, 2000),
        "fields": adam(1e-2, 1e-3, 2000),
        "depth_alignment": adam(1e-3, 1e-4, 2000),
    },
    data_manager=depth_if_there,
    rays=1024,
    max_num_iterations=2000,
    steps_per_eval_image=500,
    steps_per_save=500,
)
