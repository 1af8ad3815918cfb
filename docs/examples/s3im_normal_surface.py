"""A surface method in one file: NeuS's idea with the normal distribution, and samples that are evenly spaced."""

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.configs.base_config import MachineConfig
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.trainer import TrainerConfig
from nerfstudio.models.base_surface_model import SurfaceModel, SurfaceModelConfig
from nerfstudio.plugins.types import MethodSpecification
from torch import Tensor, nn
from torch.nn import functional

from s3im_methods.data.surface_datamanager import SurfaceDataManagerConfig
from s3im_methods.engine.pipeline import S3IMPipelineConfig
from s3im_methods.engine.trainer import S3IMTrainer
from s3im_methods.fields.opacity import OpacityRule
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.models.surface.mixin import SurfaceMixin
from s3im_methods.models.surface.presets import OUR_OBJECT, OUR_ROOM
from s3im_methods.models.surface.samples import SurfaceSamples
from s3im_methods.models.surface.settings import SurfaceSettings
from s3im_methods.samplers import PatchAwarePixelSamplerConfig


# region config
@dataclass
class S3IMNormalSurfaceConfig(SurfaceSettings, SurfaceModelConfig):
    """The settings that all surface methods share, and one of this method."""

    _target: type = field(default_factory=lambda: S3IMNormalSurface)
    """The class to instantiate."""
    style: Literal["ours"] = "ours"
    """Whose method the preset follows; there is only one."""
    num_samples: int | None = None
    """Samples per ray."""


# endregion
# region opacity
class NormalOpacity(OpacityRule):
    """How much the normal distribution function of s times the signed distance falls within a bin."""

    def __init__(self, beta_init: float) -> None:
        super().__init__()
        self.log_sharpness = nn.Parameter(torch.tensor([10.0 * beta_init]))

    def sharpness(self) -> Tensor:
        """s per scene unit, ``[1]``."""
        return self.log_sharpness.exp() / self.space.radius

    def alphas(self, sdf: Tensor, gradients: Tensor, samples: RaySamples) -> Tensor:
        """Opacity of each bin, ``[R, S, 1]``."""
        assert samples.deltas is not None
        falls = functional.relu(-(samples.frustums.directions * gradients).sum(-1, keepdim=True))
        half = falls * samples.deltas / 2
        at_start, at_end = (torch.special.ndtr(self.sharpness() * value) for value in (sdf + half, sdf - half))
        return (at_start - at_end + 1e-5) / (at_start + 1e-5)


# endregion
# region model
class S3IMNormalSurface(SurfaceMixin, SurfaceModel):
    """The method."""

    config: S3IMNormalSurfaceConfig
    presets = {  # noqa: RUF012
        ("ours", "object"): {**OUR_OBJECT, "num_samples": 64},
        ("ours", "room"): {**OUR_ROOM, "num_samples": 128},
    }

    def populate_modules(self) -> None:
        """Build the surface model, then give it this method's opacity and its sampler."""
        super().populate_modules()
        self.field.use_opacity(NormalOpacity(self.config.sdf_field.beta_init))  # type: ignore[arg-type]
        self.sampler = self.first_sampler(single_jitter=True)

    def sample(self, ray_bundle: RayBundle) -> SurfaceSamples:
        """Samples that are evenly spaced."""
        return self.evaluate(ray_bundle, self.sampler(ray_bundle, num_samples=self.config.num_samples))


# endregion
# region method
def _adam(lr: float) -> dict[str, Any]:
    return {"optimizer": AdamOptimizerConfig(lr=lr, eps=1e-15), "scheduler": None}


s3im_normal_surface = MethodSpecification(
    config=TrainerConfig(
        _target=S3IMTrainer,
        method_name="s3im-normal-surface",
        machine=MachineConfig(device_type="cuda" if torch.cuda.is_available() else "cpu"),
        max_num_iterations=3000,
        pipeline=S3IMPipelineConfig(
            datamanager=SurfaceDataManagerConfig(
                dataparser=NerfstudioDataParserConfig(),
                train_num_rays_per_batch=1024,
                eval_num_rays_per_batch=1024,
                pixel_sampler=PatchAwarePixelSamplerConfig(),
            ),
            model=S3IMNormalSurfaceConfig(
                sdf_field=S3IMSDFFieldConfig(
                    num_layers=2,
                    hidden_dim=64,
                    geo_feat_dim=31,
                    num_layers_color=2,
                    hidden_dim_color=64,
                    num_levels=8,
                    max_res=256,
                    log2_hashmap_size=16,
                    band=8.0,
                )
            ),
        ),
        optimizers={"fields": _adam(5e-3), "encodings": _adam(2e-2), "field_background": _adam(5e-3)},
        vis="viewer",
    ),
    description="Surfaces by the normal distribution, trained with S3IM.",
)
# endregion
