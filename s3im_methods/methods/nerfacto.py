"""``s3im-nerfacto`` and ``s3im-depth-nerfacto``."""

from typing import Any

from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig

from s3im_methods.data.depth_datamanager import DepthDataManagerConfig
from s3im_methods.methods.common import adam, method, warm_adam
from s3im_methods.models.s3im_depth_nerfacto import S3IMDepthNerfactoModelConfig
from s3im_methods.models.s3im_nerfacto import S3IMNerfactoModelConfig


def full_nerfacto() -> dict[str, Any]:
    """nerfacto's own size."""
    return {
        "eval_num_rays_per_chunk": 1 << 15,
        "average_init_density": 0.01,
        "camera_optimizer": CameraOptimizerConfig(mode="SO3xR3"),
    }


def lite_nerfacto() -> dict[str, Any]:
    """A size for CPUs."""
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


def lite_optimizers(lr: float) -> dict[str, dict]:
    """Make the optimisers of a lite method on nerfacto's hash grids without a warm-up, new objects at each call."""
    return {
        "proposal_networks": adam(lr, 2e-3, 4000),
        "fields": adam(lr, 2e-3, 4000),
        "camera_opt": adam(1e-3, 1e-4, 4000),
    }


LITE_RUN: dict[str, Any] = {
    "rays": 1024,
    "max_num_iterations": 4000,
    "steps_per_eval_image": 500,
    "steps_per_save": 500,
}
"""Length of a lite run on nerfacto's hash grids, and what happens at which of its steps."""

s3im_nerfacto = method(
    "s3im-nerfacto",
    "Nerfacto at full size, trained with S3IM.",
    model=S3IMNerfactoModelConfig(**full_nerfacto()),
    optimizers={
        "proposal_networks": adam(1e-2, 1e-4, 200000),
        "fields": adam(1e-2, 1e-4, 200000),
        "camera_opt": adam(1e-3, 1e-4, 5000),
    },
    rays=4096,
    max_num_iterations=30000,
    steps_per_save=2000,
    mixed_precision=True,
)

s3im_nerfacto_lite = method(
    "s3im-nerfacto-lite",
    "Nerfacto sized for a laptop without a GPU, trained with S3IM: minutes on 2 CPU cores.",
    model=S3IMNerfactoModelConfig(**lite_nerfacto()),
    # Twice nerfacto's: after 1,000 steps fox has 24.8 dB (23.3 with nerfacto's, 24.5 with four times as much), a room
    # with fine texture 19.5 (18.8, 19.0).
    optimizers=lite_optimizers(2e-2),
    **LITE_RUN,
)

s3im_depth_nerfacto = method(
    "s3im-depth-nerfacto",
    "Nerfacto at full size, trained with S3IM and with depth maps.",
    model=S3IMDepthNerfactoModelConfig(**full_nerfacto()),
    optimizers={
        "proposal_networks": warm_adam(1e-2, 1e-4, 200000, warmup_steps=512),
        "fields": warm_adam(1e-2, 1e-4, 200000, warmup_steps=512),
        "camera_opt": adam(1e-3, 1e-4, 5000),
        "depth_alignment": adam(1e-3, 1e-4, 30000),
    },
    rays=4096,
    max_num_iterations=30000,
    data_manager=DepthDataManagerConfig,
    steps_per_save=2000,
    mixed_precision=True,
)

s3im_depth_nerfacto_lite = method(
    "s3im-depth-nerfacto-lite",
    "Nerfacto sized for a laptop without a GPU, trained with S3IM and with depth maps: minutes on 2 CPU cores.",
    model=S3IMDepthNerfactoModelConfig(**lite_nerfacto()),
    optimizers={
        "proposal_networks": warm_adam(1e-2, 2e-3, 4000, warmup_steps=0),
        "fields": warm_adam(1e-2, 2e-3, 4000, warmup_steps=0),
        "camera_opt": adam(1e-3, 1e-4, 4000),
        "depth_alignment": adam(1e-3, 1e-4, 4000),
    },
    data_manager=DepthDataManagerConfig,
    **LITE_RUN,
)
