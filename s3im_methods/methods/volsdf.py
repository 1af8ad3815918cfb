"""``s3im-volsdf``."""

from s3im_methods.methods.surface import LITE_FIELD, LITE_MODEL, full_method, lite_method
from s3im_methods.models.s3im_neus import NeuSFieldConfig
from s3im_methods.models.s3im_volsdf import S3IMVolSDFModelConfig

s3im_volsdf = full_method(
    "s3im-volsdf",
    "VolSDF at full size, trained with S3IM: surfaces and meshes.",
    model=S3IMVolSDFModelConfig(
        eval_num_rays_per_chunk=1 << 11,
        num_opacity_samples=64,
        sdf_field=NeuSFieldConfig(hidden_dim=256),
    ),
    rays=1024,
)

s3im_volsdf_lite = lite_method(
    "s3im-volsdf-lite",
    "VolSDF sized for a laptop without a GPU, trained with S3IM: meshes in minutes on 2 CPU cores.",
    model=S3IMVolSDFModelConfig(
        **LITE_MODEL,
        sharpness_steps=2400,
        opacity_error=0.3,
        sampling_rounds=2,
        num_first_samples=24,
        num_more_samples=8,
        sdf_field=NeuSFieldConfig(**LITE_FIELD, band=8.0),
    ),
)
