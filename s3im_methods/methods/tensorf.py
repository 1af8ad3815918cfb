"""``s3im-tensorf``."""

from s3im_methods.methods.common import adam, method, tensorf_adam
from s3im_methods.models.s3im_tensorf import S3IMTensoRFModelConfig

s3im_tensorf = method(
    "s3im-tensorf",
    "TensoRF at full size, trained with S3IM.",
    model=S3IMTensoRFModelConfig(eval_num_rays_per_chunk=1 << 13, regularization="tv"),
    optimizers={
        "fields": tensorf_adam(1e-3, 1e-4, 30000),
        "encodings": tensorf_adam(2e-2, 2e-3, 30000),
        "camera_opt": adam(1e-4, 1e-5, 5000),
    },
    rays=4096,
    max_num_iterations=30000,
    steps_per_save=2000,
)

s3im_tensorf_lite = method(
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
        "fields": tensorf_adam(2e-3, 2e-4, 3000),
        "encodings": tensorf_adam(2e-2, 2e-3, 3000),
        "camera_opt": adam(1e-4, 1e-5, 3000),
    },
    rays=1024,
    max_num_iterations=3000,
    steps_per_eval_image=500,
    steps_per_save=500,
)
