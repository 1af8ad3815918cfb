"""``s3im-unisurf``."""

from s3im_methods.methods.surface import LITE_FIELD, LITE_MODEL, full_method, lite_method
from s3im_methods.models.s3im_neus import NeuSFieldConfig
from s3im_methods.models.s3im_unisurf import S3IMUniSurfModelConfig

s3im_unisurf = full_method(
    "s3im-unisurf",
    "UNISURF at full size, trained with S3IM: surfaces and meshes of an occupancy.",
    model=S3IMUniSurfModelConfig(
        eval_num_rays_per_chunk=1 << 11,
        sdf_field=NeuSFieldConfig(hidden_dim=256),
    ),
    rays=2048,
)

s3im_unisurf_lite = lite_method(
    "s3im-unisurf-lite",
    "UNISURF sized for a laptop without a GPU, trained with S3IM: meshes in minutes on 2 CPU cores.",
    model=S3IMUniSurfModelConfig(
        **LITE_MODEL,
        march_steps=32,
        secant_steps=3,
        num_samples=16,
        num_samples_before=8,
        interval_steps=1800,
        sdf_field=NeuSFieldConfig(**LITE_FIELD, band=6.0),
    ),
)
