"""``s3im-neus``."""

from s3im_methods.methods.surface import LITE_FIELD, LITE_MODEL, full_method, lite_method
from s3im_methods.models.s3im_neus import NeuSFieldConfig, S3IMNeuSModelConfig

s3im_neus = full_method(
    "s3im-neus",
    "NeuS with its hierarchical samples at full size, trained with S3IM: surfaces and meshes.",
    model=S3IMNeuSModelConfig(eval_num_rays_per_chunk=1 << 11, sdf_field=NeuSFieldConfig(hidden_dim=256)),
    rays=1024,
)

s3im_neus_lite = lite_method(
    "s3im-neus-lite",
    "NeuS sized for a laptop without a GPU, trained with S3IM: meshes in minutes on 2 CPU cores.",
    model=S3IMNeuSModelConfig(
        **LITE_MODEL,
        cos_anneal_steps=1000,
        num_samples=24,
        num_samples_importance=16,
        num_up_sample_steps=2,
        sharpness_growth=4.0,
        samples_per_batch=6144,
        occupancy_resolution=64,
        occupancy_step=1 / 64,
        sdf_field=NeuSFieldConfig(**LITE_FIELD, band=6.0),
    ),
)
