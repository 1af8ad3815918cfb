"""Adds S3IM to any nerfstudio model that renders rays.

    class S3IMNerfactoModel(S3IMMixin, NerfactoModel): ...

The mixin comes first, so that its methods wrap the model's. The model's config has a field ``s3im``; at weight 0 the
mixin leaves every number of the base model as it is. Whatever our pipeline and trainer ask of a model has its default
here.
"""

from typing import TYPE_CHECKING, Any

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.model_components.renderers import RGBRenderer
from nerfstudio.models.base_model import Model
from torch import Tensor

from s3im_methods.compat.camera_optimizer import make_poses_precise
from s3im_methods.compat.chunks import render_in_chunks
from s3im_methods.compat.library_warnings import no_word_on_slow_modules
from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.losses.strength import balance_factor, control_factor
from s3im_methods.models.crop import cut_to_crop, empty_where_missed
from s3im_methods.models.s3im_term import S3IMTerm

if TYPE_CHECKING:
    _Base = Model
else:
    _Base = object

# The panel and nerfstudio's own logs are refreshed at this interval; reading the loss more often would make a GPU wait.
STEPS_PER_SHOW = 10


class S3IMMixin(_Base):
    """See the module's docstring."""

    renderer_rgb: Any
    config: Any
    """The settings by which the model is built and trained; it is never exchanged for another."""

    kept_config: Any
    """The settings that a run's config.yml keeps: the same, but for what this machine alone decides."""

    decides_by_data = False
    """Whether settings of the model follow from the images, so that a run's config.yml has to hold the model's own."""

    box_advice = "enlarge the box of the scene"
    """Of a model whose rays are cut to a box: what to do where cameras do not see it, the end of a sentence."""

    def __init__(self, config: Any, **kwargs: Any) -> None:
        # torch allows plain attributes before its own constructor, in which populate_modules may need this one.
        self.kept_config = self.decided(config, SceneFacts.of(kwargs.get("metadata")))
        super().__init__(config=self.for_this_machine(self.kept_config), **kwargs)

    @staticmethod
    def adapt_to_data(config: Any, parser: Any) -> None:
        """Change the model's settings, in place, by what the data parser's configuration tells of the data."""

    @classmethod
    def decided(cls, config: Any, facts: SceneFacts) -> Any:
        """The user's settings, or a copy in which what they leave open is decided by presets and by the data."""
        return config

    @classmethod
    def for_this_machine(cls, config: Any) -> Any:
        """These settings, or a copy in which what they leave open is decided by the hardware and what is installed."""
        return config

    def populate_modules(self) -> None:
        """Build the base model, without downloading LPIPS's weights, and the S3IM term."""
        with lpips_without_download(), no_word_on_slow_modules():
            super().populate_modules()  # type: ignore[safe-super]
        make_poses_precise(self)
        self.s3im = S3IMTerm(self.config.s3im)
        self.train_step = 0

    def hardware_line(self) -> str:
        """What was chosen, for the line that a run prints at its start."""
        return "networks by torch"

    def data_warnings(self, dataset: InputDataset) -> list[str]:
        """What of the model does not suit the training views, a sentence each, printed where training begins."""
        return []

    def rays_at_once(self) -> int:
        """How many rays of an image are rendered together."""
        return self.config.eval_num_rays_per_chunk

    def far_plane(self) -> float | None:
        """Distance from the camera beyond which no depth can be learned, scene units; None where that depends."""
        return None

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """The base model's callbacks, and those that keep the step and the viewer's panel up to date."""

        def note_step(step: int) -> None:
            self.train_step = step

        return [
            *super().get_training_callbacks(training_callback_attributes),
            TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], note_step, update_every_num_iters=1),
            TrainingCallback(
                [TrainingCallbackLocation.AFTER_TRAIN_ITERATION],
                lambda step: self.s3im.show(),
                update_every_num_iters=STEPS_PER_SHOW,
            ),
        ]

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """The base model's losses and, in training, ``s3im_loss``: S3IM of the rendered against the true colours.

        As a control there is no such term, and ``rgb_loss`` is as strong as both would be together. In balance both are
        there, made together as strong as ``rgb_loss`` alone.
        """
        losses = super().get_loss_dict(outputs, batch, metrics_dict)  # type: ignore[safe-super]
        if self.training and self.s3im.weight(self.train_step) > 0:
            predicted, target = self.renderer_rgb.blend_background_for_loss_computation(
                pred_image=outputs["rgb"],
                pred_accumulation=outputs["accumulation"],
                gt_image=batch["image"].to(self.device),
            )
            s3im_loss = self.s3im(
                predicted,
                target,
                self.train_step,
                num_patches=batch.get("num_patches", 0),
                patch_size=batch.get("patch_size", 0),
            )
            own, colours = losses["rgb_loss"], outputs["rgb"]
            if self.s3im.config.role == "control":
                losses["rgb_loss"] = own * control_factor(own, s3im_loss, colours)
            elif self.s3im.config.balance == "keep":
                factor = balance_factor(own, s3im_loss, colours)
                losses |= {"rgb_loss": own * factor, "s3im_loss": s3im_loss * factor}
            else:
                losses["s3im_loss"] = s3im_loss
        return losses

    def get_outputs_for_camera_ray_bundle(self, camera_ray_bundle: RayBundle) -> dict[str, Tensor]:
        """The base model's outputs for an image's rays, ``[H, W, C]`` each, in bounded memory.

        Rays that have bounds already, which are those of a crop's box, show nothing outside of them.
        """
        if camera_ray_bundle.nears is None or camera_ray_bundle.fars is None:
            return render_in_chunks(self, camera_ray_bundle, self.rays_at_once())
        rays, hits = cut_to_crop(camera_ray_bundle, self.collider)
        outputs = render_in_chunks(self, rays, self.rays_at_once())
        empty_where_missed(outputs, hits, rays.fars, self.renderer_rgb.background_color)  # type: ignore[arg-type]
        return outputs

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """The base model's metrics; LPIPS is left out where its weights are not on this machine."""
        metrics, images = super().get_image_metrics_and_images(outputs, batch)  # type: ignore[safe-super]
        if metrics.get("lpips") != metrics.get("lpips"):  # NaN
            del metrics["lpips"]
        return metrics, images

    def get_rgba_image(self, outputs: dict[str, Tensor], output_name: str = "rgb") -> Tensor:
        """An image with its opacity, ``[H, W, 4]``, without the plain background behind it.

        nerfstudio's is opaque unless the background is random, so that its exports keep points where a ray hits
        nothing. Where the background is a ray's last sample it stays as nerfstudio has it.
        """
        background = self.renderer_rgb.background_color
        if output_name != "rgb" or background in ("random", "last_sample"):
            return super().get_rgba_image(outputs, output_name)
        colour, opacity = outputs["rgb"], outputs["accumulation"]
        # A background that is learned has no colour of its own to take away.
        if "bg_rgb" not in outputs:
            behind = RGBRenderer.get_background_color(background, colour.shape, colour.device)
            colour = ((colour - behind * (1 - opacity)) / opacity.clamp(min=1e-10)).clamp(0, 1)
        return torch.cat([colour, opacity], dim=-1)
