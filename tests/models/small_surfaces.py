"""Small models of all surface methods, in a sphere of radius 2 around (0, 1, 0), and rays at it."""

from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from torch.nn.functional import normalize

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.data.scene_facts import add_facts
from s3im_methods.data.scene_sphere import SceneSphere
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.models.s3im_neus import NeuSFieldConfig, S3IMNeuSModelConfig
from s3im_methods.models.s3im_neus_facto import S3IMNeuSFactoModelConfig
from s3im_methods.models.s3im_unisurf import S3IMUniSurfModelConfig
from s3im_methods.models.s3im_volsdf import S3IMVolSDFModelConfig

CENTER, RADIUS = torch.tensor([0.0, 1.0, 0.0]), 2.0
SMALL: dict[str, Any] = {"hidden_dim": 64, "geo_feat_dim": 7, "num_layers": 1, "num_layers_color": 1}
SMALL |= {"hidden_dim_color": 16, "num_levels": 4, "max_res": 64, "log2_hashmap_size": 10, "position_frequencies": 0}
PROPOSALS = [{"hidden_dim": 8, "log2_hashmap_size": 10, "num_levels": 2, "max_res": 32, "use_linear": False}]
METHODS: dict[str, Any] = {
    "neus-facto": (S3IMNeuSFactoModelConfig, S3IMSDFFieldConfig, {"proposal_net_args_list": PROPOSALS * 2}),
    "neus": (S3IMNeuSModelConfig, NeuSFieldConfig, {}),
    "volsdf": (S3IMVolSDFModelConfig, NeuSFieldConfig, {}),
    "unisurf": (S3IMUniSurfModelConfig, NeuSFieldConfig, {}),
}


def build(method: str = "neus", render: str = "surface", masks: bool = True, **settings: Any) -> Any:
    torch.manual_seed(0)
    metadata: dict[str, Any] = {}
    sphere = SceneSphere(tuple(CENTER.tolist()), RADIUS, "object")
    add_facts(metadata, object_sphere=sphere, room_sphere=sphere, has_foreground_mask=masks)
    config_class, field_class, own = METHODS[method]
    given = {"scene_kind": "object", "sdf_field": field_class(**SMALL), "render": render, **own, **settings}
    with lpips_without_download():
        return config_class(**given).setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])), num_train_data=3, metadata=metadata
        )


def rays(count: int = 64, distance: float = 6.0, spread: float = 0.8) -> RayBundle:
    random = torch.Generator().manual_seed(0)
    origins = CENTER + distance * normalize(torch.randn(count, 3, generator=random), dim=-1)
    directions = normalize(CENTER + spread * torch.randn(count, 3, generator=random) - origins, dim=-1)
    images = torch.randint(0, 3, (count, 1), generator=random)
    norms = {"directions_norm": torch.ones(count, 1)}
    return RayBundle(origins, directions, torch.full((count, 1), 1e-5), camera_indices=images, metadata=norms)


def batch(step: int) -> tuple[RayBundle, dict[str, Any]]:
    targets = {"image": torch.full((64, 3), 0.5), "fg_mask": torch.ones(64, 1)}
    return rays(), targets
