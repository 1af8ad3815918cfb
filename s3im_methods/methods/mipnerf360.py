"""``s3im-mipnerf360``."""

from typing import Any

from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig

from s3im_methods.methods.common import adam, depth_if_there, method, warm_adam
from s3im_methods.methods.nerfacto import LITE_RUN, lite_nerfacto
from s3im_methods.models.s3im_mipnerf360 import S3IMMipNeRF360ModelConfig

_STEPS = 250_000
_OF_NETWORKS: dict[str, Any] = {"warmup_steps": 512, "eps": 1e-6, "max_norm": 1e-3}


s3im_mipnerf360 = method(
    "s3im-mipnerf360",
    "mip-NeRF 360 at full size, as in the paper, trained with S3IM and, where there are any, with depth maps.",
    model=S3IMMipNeRF360ModelConfig(
        eval_num_rays_per_chunk=1 << 12,
        hidden_dim=1024,
        hidden_dim_color=128,
        near_plane=0.2,
        far_plane=1e6,
        num_proposal_samples_per_ray=(64, 64),
        num_nerf_samples_per_ray=32,
        use_same_proposal_network=True,
        proposal_net_args_list=[{"hidden_dim": 16, "log2_hashmap_size": 10, "num_levels": 1, "max_res": 16}],
        num_levels=1,
        log2_hashmap_size=10,
        proposal_update_every=0,
        proposal_weights_anneal_max_num_iters=_STEPS,
        distortion_loss_mult=0.01,
        camera_optimizer=CameraOptimizerConfig(mode="off"),
    ),
    optimizers={
        "proposal_networks": warm_adam(2e-3, 2e-5, _STEPS, **_OF_NETWORKS),
        "fields": warm_adam(2e-3, 2e-5, _STEPS, **_OF_NETWORKS),
        "camera_opt": adam(1e-3, 1e-4, 5000),
        "depth_alignment": adam(1e-3, 1e-4, 30000),
    },
    rays=16384,
    max_num_iterations=_STEPS,
    data_manager=depth_if_there,
    steps_per_save=5000,
)

s3im_mipnerf360_lite = method(
    "s3im-mipnerf360-lite",
    "mip-NeRF 360 on hash grids, sized for a laptop without a GPU, trained with S3IM and with depth maps.",
    model=S3IMMipNeRF360ModelConfig(
        **lite_nerfacto(),
        encoding="grid",
        dilation=0.0,
        reflection_degrees=4,
        reflection_layers=2,
        reflection_bottleneck=16,
        # With the authors' 3e-4, predicted normals of a short training are one direction for a whole object.
        pred_normal_loss_mult=0.1,
    ),
    optimizers={
        "proposal_networks": warm_adam(1e-2, 2e-3, 4000, warmup_steps=100),
        "fields": warm_adam(1e-2, 2e-3, 4000, warmup_steps=100),
        "camera_opt": adam(1e-3, 1e-4, 4000),
        "depth_alignment": adam(1e-3, 1e-4, 4000),
    },
    data_manager=depth_if_there,
    **LITE_RUN,
)
