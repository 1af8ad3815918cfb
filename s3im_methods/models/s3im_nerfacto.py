"""S3IM-nerfacto: nerfstudio's nerfacto (Tancik et al., SIGGRAPH 2023) with S3IM (Xie et al., ICCV 2023).

Differences to nerfacto:

* the S3IM term;
* the implementation of the hash grids follows what is installed;
* transparent images are composited over random colours in training and over white in pictures, and their alpha is
  learned too: over one colour, fog of that colour looks like empty space, and colours can saturate at it;
* the colours of other images begin near their mean, if that is far from grey;
* watching or stopping a run does not change its result (see ``compat.proposals``).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.model_components.renderers import RGBRenderer
from nerfstudio.models.nerfacto import NerfactoModel, NerfactoModelConfig
from torch import Tensor

from s3im_methods.compat.proposals import ProposalSchedule
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.encodings import (
    chosen_implementation,
    fuse_hash_encodings,
    implementation_line,
    point_gradients,
)
from s3im_methods.encodings.contraction import speed_up_contractions
from s3im_methods.fields.fused_training import fuse_densities
from s3im_methods.fields.per_ray_nerfacto_field import share_along_rays
from s3im_methods.losses import S3IMConfig
from s3im_methods.losses.opacity import opacity_loss
from s3im_methods.models.density_normals import density_normals
from s3im_methods.models.presets import check_weights, filled, refuse
from s3im_methods.models.s3im_mixin import S3IMMixin
from s3im_methods.rendering.quick_nerfacto import quick_nerfacto
from s3im_methods.rendering.quick_views import RAYS_AT_ONCE

_FIRST_COLOURS = 0.05, 0.95
"""Between them the sigmoid is steep enough to leave them again."""

_FAR_FROM_GREY = 0.25
"""Of a mean colour, in its channel that is farthest; photographs and rooms are nearer and begin as with nerfacto."""

_REMEDY_ON_BLACK = (
    "--pipeline.model.opacity-loss-mult a number above 0, or --pipeline.model.background-color random-white"
)

NerfactoS3IMConfig = S3IMConfig
"""The name of S3IM's settings in a config.yml of 30 November 2026."""


@dataclass
class S3IMNerfactoModelConfig(NerfactoModelConfig):
    """Nerfacto's settings, and S3IM's."""

    _target: type = field(default_factory=lambda: S3IMNerfactoModel)
    """The class to instantiate."""
    s3im: S3IMConfig = field(default_factory=S3IMConfig)
    """Settings of the S3IM loss."""
    implementation: Literal["auto", "tcnn", "fused", "torch"] = "auto"  # type: ignore[assignment]
    """Which code computes the hash grids. tcnn: tinycudann. torch: nerfstudio's own. fused: ours, for CPUs and for GPUs
    on which it works, else nerfstudio's own. auto: tinycudann if it can be imported, else fused."""
    background_color: Literal["random-white", "random", "last_sample", "black", "white"] | None = None  # type: ignore[assignment]
    """What a ray that meets nothing shows: a colour, or the colour of the ray's last sample (transparent images are
    then composited over black). With random-white and random each ray of training has a random colour, and pictures
    show white or black. If not set: random-white for images with a transparent background, else last_sample."""
    first_colours: Literal["mean", "random"] = "mean"
    """What colours are before the training. mean: near the mean colour of the training images, if it is far from grey.
    random: as nerfacto's networks give them, near grey; always so for images with a transparent background, with
    tinycudann, and with mip-NeRF 360's encoding mlp or reflection ref-nerf."""
    opacity_loss_mult: float = 0.1
    """Weight of the squared difference of a ray's opacity and the image's alpha, for images with a transparent
    background. Without it, fog of the background's colour may gather in front of the training cameras."""
    shared_pixels: int = 3
    """Side, in pixels, of the squares that share their first samples when our kernels render an image on a CPU. 1 gives
    each pixel its own, as in training."""


class RandomThenWhite(RGBRenderer):
    """nerfstudio's renderer with random colours behind the rays of training, and white behind all others.

    Over white alone, all that is not the object pulls colours to white. Within ten steps they can lie where the
    sigmoid's gradient is 0 in float32, and then never change again: the object stays grey or empty.
    """

    @property
    def background_color(self) -> str:
        """What nerfstudio's renderer puts behind rays now."""
        return "random" if self.training else "white"

    @background_color.setter
    def background_color(self, value: Any) -> None:
        """nerfstudio's constructor sets one, which does not count."""


class S3IMNerfactoModel(S3IMMixin, NerfactoModel):
    """Nerfacto trained with S3IM.

    Args:
        config: The model's configuration.
    """

    config: S3IMNerfactoModelConfig

    decides_by_data = True

    @classmethod
    def decided(cls, config: Any, facts: SceneFacts) -> Any:
        """The settings with the background that suits the images, and the hash grids' implementation.

        Raises:
            InputError: If a setting is out of range.
        """
        if not 0 <= config.near_plane < config.far_plane < math.inf:
            refuse("far_plane", config.far_plane, f"give more than near-plane, which is {config.near_plane:g}")
        if config.shared_pixels < 1:
            refuse("shared_pixels", config.shared_pixels, "give 1 or more")
        check_weights(config, ["opacity_loss_mult"])
        config = replace(config, implementation=chosen_implementation(config.implementation))
        background = "random-white" if facts.has_transparent_background else "last_sample"
        return filled(config, {"background_color": background})

    @classmethod
    def for_this_machine(cls, config: Any) -> Any:
        """The settings with the implementation that nerfstudio is to build."""
        return replace(config, implementation="tcnn" if config.implementation == "tcnn" else "torch")

    def populate_modules(self) -> None:
        """Build nerfacto and the S3IM term, then replace what is ours by choice of implementation."""
        self.transparent = SceneFacts.of(self.kwargs.get("metadata")).has_transparent_background
        self.implementation = chosen = self.kept_config.implementation
        super().populate_modules()
        if self.config.background_color == "random-white":
            self.renderer_rgb = RandomThenWhite()
        if self.config.first_colours == "mean":
            self._begin_with(SceneFacts.of(self.kwargs.get("metadata")).mean_colour)
        if chosen == "fused":
            speed_up_contractions(self)
            share_along_rays(self.field)
            moves_cameras = self.config.camera_optimizer.mode != "off"
            fuse_hash_encodings(self.proposal_networks, point_gradients=moves_cameras)
            fuse_hash_encodings(self.field, point_gradients=moves_cameras or self.differentiates_density())
            fuse_densities(self)
        self.proposal_schedule = ProposalSchedule(self.proposal_sampler)

    def _begin_with(self, colour: tuple[float, float, float] | None) -> None:
        """Let the colour network begin near a colour.

        Otherwise photos with a white background drive its outputs into the flat part of the sigmoid, see
        :class:`RandomThenWhite`.
        """
        layers = getattr(getattr(self.field, "mlp_head", None), "layers", None)
        if layers is not None and colour is not None and max(abs(part - 0.5) for part in colour) > _FAR_FROM_GREY:
            with torch.no_grad():
                layers[-1].bias.copy_(torch.tensor(colour).clamp(*_FIRST_COLOURS).logit())

    def differentiates_density(self) -> bool:
        """Whether training takes gradients of the field's density with respect to points."""
        return self.config.predict_normals

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """Nerfacto's outputs; outside training also ``normals`` of the surface at ``depth``, as colours in [0, 1].

        Nerfacto has normals only when it was trained to predict them, so that its exports of point clouds and Poisson
        meshes stop with an error at their default settings.
        """
        quick = quick_nerfacto(self)
        if quick is not None:
            return quick.outputs(ray_bundle)
        outputs = super().get_outputs(ray_bundle)
        if not self.training and "normals" not in outputs:
            points = ray_bundle.origins + ray_bundle.directions * outputs["depth"]
            with point_gradients(self.field):
                outputs["normals"] = self.normals_shader(density_normals(self.field.density_fn, points))
        return outputs

    def rays_at_once(self) -> int:
        """How many rays of an image are rendered together: more than the setting says where that costs no memory."""
        own = super().rays_at_once()
        return own if quick_nerfacto(self) is None else max(own, RAYS_AT_ONCE)

    def chunk_preparation(self, rays: RayBundle) -> Callable[[RayBundle, int], None] | None:
        """Let neighbouring pixels share proposals, where the settings and the machine allow it."""
        quick = quick_nerfacto(self)
        return None if quick is None else quick.shared(rays, self.config.shared_pixels)

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """Nerfacto's losses, S3IM's and, in training on images with a transparent background, ``opacity_loss``."""
        losses = super().get_loss_dict(outputs, batch, metrics_dict)
        weight = self.config.opacity_loss_mult
        if self.training and self.transparent and weight > 0 and batch["image"].shape[-1] == 4:
            alpha = batch["image"][..., 3:].to(self.device)
            losses["opacity_loss"] = weight * opacity_loss(outputs["accumulation"], alpha)
        return losses

    def data_warnings(self, dataset: InputDataset) -> list[str]:
        """Warn about objects on black, if nerfacto was told to composite over black and to ignore the alpha."""
        config = self.config
        before_black = self.transparent and config.background_color in ("last_sample", "black")
        if not (before_black and config.opacity_loss_mult == 0):
            return []
        return self.s3im.warnings_on_black(_REMEDY_ON_BLACK)

    def far_plane(self) -> float:
        """Where rays end."""
        return self.config.far_plane

    def hardware_line(self) -> str:
        """What was chosen, for the line that a run prints at its start."""
        line = implementation_line(self.implementation)
        return f"{line}; background: {self.config.background_color}" if self.transparent else line

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """Nerfacto's callbacks, and the one that keeps the proposal networks' schedule a function of the step."""
        return [
            *super().get_training_callbacks(training_callback_attributes),
            TrainingCallback(
                [TrainingCallbackLocation.BEFORE_TRAIN_ITERATION],
                self.proposal_schedule.before_step,
                update_every_num_iters=1,
            ),
        ]
