"""``s3im-volsdf``."""

from s3im_methods.data.surface_datamanager import SurfaceDataManagerConfig
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.methods.common import cosine_adam, method
from s3im_methods.models.s3im_volsdf import S3IMVolSDFModelConfig

s3im_volsdf = method(
    "s3im-volsdf",
    "VolSDF at full size, trained with S3IM: surfaces and meshes.",
    model=S3IMVolSDFModelConfig(
        eval_num_rays_per_chunk=1 << 11,
        sharpness_steps=20000,
        sdf_field=S3IMSDFFieldConfig(num_layers=2, num_layers_color=2, hidden_dim=256),
    ),
    optimizers={
        "fields": cosine_adam(5e-4, 20000, 500),
        "encodings": cosine_adam(5e-3, 20000, 500),
        "field_background": cosine_adam(5e-4, 20000, 500),
        "depth_alignment": cosine_adam(1e-3, 20000, 0),
    },
    rays=1024,
    max_num_iterations=20000,
    data_manager=SurfaceDataManagerConfig,
    steps_per_eval_image=5000,
    steps_per_save=2000,
)

s3im_volsdf_lite = method(
    "s3im-volsdf-lite",
    "VolSDF sized for a laptop without a GPU, trained with S3IM: meshes in minutes on 2 CPU cores.",
    model=S3IMVolSDFModelConfig(
        eval_num_rays_per_chunk=1 << 12,
        opacity_error=0.3,
        sampling_rounds=2,
        num_first_samples=20,
        num_more_samples=12,
        num_opacity_samples=16,
        num_extra_samples=0,
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
        "fields": cosine_adam(5e-3, 3000, 100),
        "encodings": cosine_adam(2e-2, 3000, 100),
        "field_background": cosine_adam(5e-3, 3000, 100),
        "depth_alignment": cosine_adam(1e-3, 3000, 0),
    },
    rays=1024,
    max_num_iterations=3000,
    data_manager=SurfaceDataManagerConfig,
    steps_per_eval_image=500,
    steps_per_save=500,
)
