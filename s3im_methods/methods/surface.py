"""What the configurations of surface methods have in common, at full size and lite."""

from typing import Any

from nerfstudio.models.base_model import ModelConfig
from nerfstudio.plugins.types import MethodSpecification

from s3im_methods.data.surface_datamanager import SurfaceDataManagerConfig
from s3im_methods.methods.common import cosine_adam, method

LITE_FIELD: dict[str, Any] = {
    "unlock_every": 0,
    "num_layers": 2,
    "hidden_dim": 64,
    "geo_feat_dim": 31,
    "num_layers_color": 2,
    "hidden_dim_color": 64,
    "num_levels": 8,
    "max_res": 256,
    "log2_hashmap_size": 16,
    "position_frequencies": 0,
    "appearance_embedding_dim": 4,
    "color_weight_threshold": 1e-4,
}
"""Settings of a lite method's signed distance field."""

LITE_MODEL: dict[str, Any] = {"eval_num_rays_per_chunk": 1 << 12, "num_samples_outside": 16, "background_width": 64}
"""Settings of a lite method's model."""


def full_method(
    method_name: str, description: str, *, model: ModelConfig, rays: int, **optimizers: dict
) -> MethodSpecification:
    """A surface method at full size; ``optimizers`` are those of parts that not every method has."""
    return method(
        method_name,
        description,
        model=model,
        optimizers={
            "fields": cosine_adam(5e-4, 20000, 500),
            "encodings": cosine_adam(5e-3, 20000, 500),
            **optimizers,
            "field_background": cosine_adam(5e-4, 20000, 500),
            "depth_alignment": cosine_adam(1e-3, 20000, 0),
        },
        rays=rays,
        max_num_iterations=20000,
        data_manager=SurfaceDataManagerConfig,
        steps_per_eval_image=5000,
        steps_per_save=2000,
    )


def lite_method(method_name: str, description: str, *, model: ModelConfig, **optimizers: dict) -> MethodSpecification:
    """Its lite variant for a laptop without a GPU."""
    return method(
        method_name,
        description,
        model=model,
        optimizers={
            "fields": cosine_adam(5e-3, 3000, 100),
            "encodings": cosine_adam(2e-2, 3000, 100),
            **optimizers,
            "field_background": cosine_adam(5e-3, 3000, 100),
            "depth_alignment": cosine_adam(1e-3, 3000, 0),
        },
        rays=1024,
        max_num_iterations=3000,
        data_manager=SurfaceDataManagerConfig,
        steps_per_eval_image=500,
        steps_per_save=500,
    )
