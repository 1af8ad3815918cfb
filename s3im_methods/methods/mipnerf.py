"""``s3im-mipnerf``."""

from s3im_methods.methods.common import method, warm_adam
from s3im_methods.methods.nerfacto import LITE_RUN, lite_nerfacto, lite_optimizers
from s3im_methods.models.s3im_mip_grid import S3IMMipGridModelConfig
from s3im_methods.models.s3im_mipnerf import S3IMMipNeRFModelConfig

s3im_mipnerf_lite = method(
    "s3im-mipnerf-lite",
    "mip-NeRF on hash grids, sized for a laptop without a GPU, trained with S3IM: pictures without aliasing.",
    model=S3IMMipGridModelConfig(**lite_nerfacto()),
    optimizers=lite_optimizers(1e-2),
    **LITE_RUN,
)

s3im_mipnerf = method(
    "s3im-mipnerf",
    "mip-NeRF at full size, as in the paper, trained with S3IM: pictures without aliasing.",
    model=S3IMMipNeRFModelConfig(eval_num_rays_per_chunk=1 << 12),
    optimizers={"fields": warm_adam(5e-4, 5e-6, 1_000_000, warmup_steps=2500)},
    rays=4096,
    max_num_iterations=1_000_000,
    steps_per_save=5000,
)
