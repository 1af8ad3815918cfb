"""``s3im-neus-facto``."""

from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.methods.common import cosine_adam
from s3im_methods.methods.surface import LITE_FIELD, LITE_MODEL, full_method, lite_method
from s3im_methods.models.s3im_neus_facto import S3IMNeuSFactoModelConfig

s3im_neus_facto = full_method(
    "s3im-neus-facto",
    "NeuS-facto at full size, trained with S3IM: surfaces and meshes.",
    model=S3IMNeuSFactoModelConfig(
        eval_num_rays_per_chunk=1 << 11,
        sdf_field=S3IMSDFFieldConfig(num_layers=2, num_layers_color=2, hidden_dim=256),
    ),
    rays=2048,
    proposal_networks=cosine_adam(1e-2, 20000, 0),
)

s3im_neus_facto_lite = lite_method(
    "s3im-neus-facto-lite",
    "NeuS-facto sized for a laptop without a GPU, trained with S3IM: meshes in minutes on 2 CPU cores.",
    model=S3IMNeuSFactoModelConfig(
        **LITE_MODEL,
        cos_anneal_steps=1000,
        num_proposal_iterations=1,
        num_proposal_samples_per_ray=(48,),
        num_neus_samples_per_ray=24,
        proposal_net_args_list=[
            {"hidden_dim": 16, "log2_hashmap_size": 14, "num_levels": 4, "max_res": 128, "use_linear": False}
        ],
        proposal_warmup=1000,
        sdf_field=S3IMSDFFieldConfig(**LITE_FIELD, band=8.0),
    ),
    proposal_networks=cosine_adam(1e-2, 3000, 0),
)
