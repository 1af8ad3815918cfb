"""S3IM-mip-NeRF: mip-NeRF (Barron et al., ICCV 2021) trained with S3IM.

Differences to nerfstudio's mip-NeRF, all of them the paper's: the encoding's damping is right, where nerfstudio's is
39.5 times too weak; octaves are octaves; the density is a shifted softplus; fine samples come from blurred weights; the
coarse loss counts a tenth.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from nerfstudio.cameras.rays import RayBundle
from nerfstudio.configs.config_utils import to_immutable_dict
from nerfstudio.model_components.ray_samplers import UniformSampler
from nerfstudio.model_components.scene_colliders import NearFarCollider
from nerfstudio.models.mipnerf import MipNerfModel
from nerfstudio.models.vanilla_nerf import VanillaModelConfig
from torch import Tensor

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.fields.mip_mlp_field import MipField
from s3im_methods.losses.s3im_config import S3IMConfig
from s3im_methods.models.density_normals import density_normals
from s3im_methods.models.presets import filled, refuse
from s3im_methods.models.s3im_mixin import S3IMMixin
from s3im_methods.rays.blurred_histogram import BlurredPDFSampler

_OF_PASSES = ("rgb", "accumulation", "depth")


@dataclass
class S3IMMipNeRFModelConfig(VanillaModelConfig):
    """Mip-NeRF's settings, and S3IM's."""

    _target: type = field(default_factory=lambda: S3IMMipNeRFModel)
    """The class to instantiate."""
    s3im: S3IMConfig = field(default_factory=lambda: S3IMConfig(loss_mult=0.1))
    """Settings of the S3IM loss."""
    num_coarse_samples: int = 128
    """Samples of the first pass."""
    num_importance_samples: int = 128
    """Samples of the second pass."""
    num_layers: int = 8
    """Layers of the network."""
    hidden_dim: int = 256
    """Width of the network's layers."""
    num_octaves: int = 16
    """Octaves of the integrated encoding: sines and cosines of 1, 2, 4, ... times a position."""
    near_plane: float | None = None
    """Distance from the camera at which samples begin, in scene units. If not set: 2 for Blender's scenes, 0.05 for all
    other data."""
    far_plane: float | None = None
    """Distance from the camera at which samples end, in scene units. If not set: 6 for Blender's scenes, 4 for all
    other data, whose cameras nerfstudio brings between -1 and 1."""
    background_color: Literal["random", "last_sample", "black", "white"] | None = None  # type: ignore[assignment]
    """What is seen where a ray meets nothing; None is white for images with a transparent background, and the colour of
    the ray's last sample for all others."""
    loss_coefficients: dict[str, float] = to_immutable_dict({"rgb_loss_coarse": 0.1, "rgb_loss_fine": 1.0})
    """How much the two passes' losses count."""


class _WithUsualNames(MipNerfModel):
    """Mip-NeRF with the names of outputs, losses and metrics that most of nerfstudio's models share."""

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        outputs = super().get_outputs(ray_bundle)
        return outputs | {name: outputs[f"{name}_fine"] for name in _OF_PASSES}

    def get_loss_dict(self, outputs: Any, batch: Any, metrics_dict: Any = None) -> dict[str, Tensor]:
        losses = super().get_loss_dict(outputs, batch, metrics_dict)
        losses["rgb_loss"] = losses.pop("rgb_loss_fine")
        return losses

    def get_image_metrics_and_images(self, outputs: Any, batch: Any) -> tuple[dict[str, float], dict[str, Tensor]]:
        metrics, images = super().get_image_metrics_and_images(outputs, batch)
        names = {"psnr": "psnr", "ssim": "fine_ssim", "lpips": "fine_lpips", "coarse_psnr": "coarse_psnr"}
        return {name: metrics[own] for name, own in names.items()}, images


class S3IMMipNeRFModel(S3IMMixin, _WithUsualNames):
    """Mip-NeRF trained with S3IM.

    Args:
        config: The model's configuration.

    Raises:
        InputError: If near and far plane are in the wrong order.
    """

    config: S3IMMipNeRFModelConfig
    decides_by_data = True

    @staticmethod
    def adapt_to_data(config: Any, parser: Any) -> None:
        """Where an object of Blender's lies is known."""
        if "blender" in type(parser).__name__.lower():
            scale = getattr(parser, "scale_factor", 1.0)
            config.near_plane = 2.0 * scale if config.near_plane is None else config.near_plane
            config.far_plane = 6.0 * scale if config.far_plane is None else config.far_plane

    @classmethod
    def decided(cls, config: Any, facts: SceneFacts) -> Any:
        """The settings with the background that suits the images, and the two planes."""
        background = "white" if facts.has_transparent_background else "last_sample"
        config = filled(config, {"background_color": background, "near_plane": 0.05, "far_plane": 4.0})
        if not 0 <= config.near_plane < config.far_plane:
            refuse("far-plane", config.far_plane, f"give more than near-plane, which is {config.near_plane:g}")
        planes = {"near_plane": config.near_plane, "far_plane": config.far_plane}
        return replace(config, collider_params=planes)

    def populate_modules(self) -> None:
        """Build nerfstudio's model, then our field, samplers and collider in place of its."""
        super().populate_modules()
        config = self.config
        # nerfstudio's renders from the camera on, where nothing was learned and few samples are left for the scene.
        self.collider = NearFarCollider(**config.collider_params, reset_near_plane=False)  # type: ignore[arg-type]
        self.field = MipField(config.num_layers, config.hidden_dim, config.num_octaves, unbounded=False)
        self.sampler_uniform = UniformSampler(config.num_coarse_samples)
        self.sampler_pdf = BlurredPDFSampler(config.num_importance_samples, include_original=False)

    def far_plane(self) -> float:
        """Where rays end."""
        return float(self.config.far_plane)  # type: ignore[arg-type]

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """Colour, depth and accumulation of both passes; outside training also ``normals``, as colours in [0, 1]."""
        outputs = super().get_outputs(ray_bundle)
        if not self.training:
            points = ray_bundle.origins + ray_bundle.directions * outputs["depth"]
            outputs["normals"] = (density_normals(self.field.density_fn, points) + 1) / 2
        return outputs
