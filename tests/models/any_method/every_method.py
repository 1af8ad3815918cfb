"""Every method that can be trained with S3IM, made small, with rays and pixels for it."""

import copy
from contextlib import ExitStack
from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.configs.method_configs import all_methods
from nerfstudio.data.dataparsers.base_dataparser import Semantics
from nerfstudio.data.scene_box import SceneBox

from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.models.any_method.configs import with_s3im
from s3im_methods.models.any_method.methods import SUFFIX, refusal
from s3im_methods.models.any_method.tinycudann import stand_in_for_tinycudann

METHODS = [name for name in list(all_methods) if not name.endswith(SUFFIX) and refusal(name) is None]

_SMALL: dict[str, Any] = {
    **{"num_levels": 2, "base_res": 4, "max_res": 16, "log2_hashmap_size": 6, "hidden_dim": 16},
    **{"hidden_dim_color": 16, "hidden_dim_transient": 16, "num_layers": 2, "num_layers_color": 2, "geo_feat_dim": 7},
    **{"num_proposal_samples_per_ray": (8, 6), "num_nerf_samples_per_ray": 6, "num_neus_samples_per_ray": 6},
    **{"num_samples": 8, "num_samples_importance": 8, "num_up_sample_steps": 2, "num_samples_outside": 4},
    **{"num_coarse_samples": 6, "num_importance_samples": 6},
    **{"init_resolution": 8, "final_resolution": 8, "upsampling_iters": (100, 200), "num_uniform_samples": 8},
    **{"num_den_components": 2, "num_color_components": 2},
}
_PROPOSALS = {"hidden_dim": 16, "log2_hashmap_size": 6, "num_levels": 2, "max_res": 16, "use_linear": False}


def small(config: Any) -> Any:
    """Make a method's model small, in place."""
    parts = [config.pipeline.model, getattr(config.pipeline.model, "sdf_field", None)]
    for part in parts:
        for name, value in _SMALL.items():
            if hasattr(part, name):
                setattr(part, name, value)
    proposals = getattr(config.pipeline.model, "proposal_net_args_list", None)
    # Those of K-Planes are planes.
    if proposals and "max_res" in proposals[0]:
        config.pipeline.model.proposal_net_args_list = [_PROPOSALS, _PROPOSALS]
    return config


def build(config: Any, stand_ins: bool = True) -> Any:
    """A method's model.

    Args:
        config: Its own configuration, or the one with S3IM.
        stand_ins: Whether the method itself gets the stand-ins for tinycudann too.
    """
    torch.manual_seed(0)
    settings = config.pipeline.model
    semantics = Semantics([], ["thing", "other"], torch.rand(2, 3))
    with ExitStack() as stack:
        if not hasattr(settings, "base_target"):
            stack.enter_context(lpips_without_download())
            if stand_ins:
                stack.enter_context(stand_in_for_tinycudann(settings._target))
        return settings.setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])),
            num_train_data=3,
            metadata={"semantics": semantics, "depth_filenames": None},
            device="cpu",
            grad_scaler=None,
        )


def base(name: str) -> Any:
    """The method as nerfstudio has it, small."""
    return small(copy.deepcopy(all_methods[name]))


def wrapped(name: str, **s3im: Any) -> Any:
    """The method with S3IM, small, with S3IM's settings."""
    config = small(with_s3im(name))
    vars(config.pipeline.model.s3im).update(s3im)
    return config


def batch(step: int, rays: int = 32, channels: int = 3) -> tuple[RayBundle, dict[str, Any]]:
    """Rays towards the unit cube, with all that any method asks of them."""
    random = torch.Generator().manual_seed(step)
    origins = 2.5 * torch.nn.functional.normalize(torch.randn(rays, 3, generator=random), dim=-1)
    aims = 0.3 * torch.randn(rays, 3, generator=random)
    images = torch.randint(0, 3, (rays, 1), generator=random)
    bundle = RayBundle(
        origins=origins,
        directions=torch.nn.functional.normalize(aims - origins, dim=-1),
        pixel_area=torch.full((rays, 1), 1e-4),
        camera_indices=images,
        times=torch.rand(rays, 1, generator=random),
        metadata={"directions_norm": torch.ones(rays, 1)},
    )
    return bundle, {
        "image": torch.rand(rays, channels, generator=random),
        "semantics": torch.randint(0, 2, (rays, 1), generator=random),
        "depth_image": 2.5 * torch.ones(rays, 1),
        "indices": torch.cat([images, torch.zeros(rays, 2, dtype=torch.int64)], dim=1),
    }
