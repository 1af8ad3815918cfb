"""S3IM in a model's losses: what our own methods and the methods of others share.

    class S3IMLosses(...)    losses, callbacks, LPIPS, and a default of whatever our pipeline and trainer ask a model
    class S3IMMixin(...)     for the models of this package, in models/s3im_mixin.py
    class AnyMethod(...)     for all others, in models/any_method

At weight 0 every number of the base model stays as it is.
"""

import functools
import math
from typing import TYPE_CHECKING, Any

import torch
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.models.base_model import Model
from torch import Tensor

from s3im_methods.compat.library_warnings import no_word_on_slow_modules
from s3im_methods.compat.lpips import lpips_without_download
from s3im_methods.compat.ssim import leave_out_small_images
from s3im_methods.errors import InputError
from s3im_methods.losses import S3IMConfig
from s3im_methods.losses.strength import balance_factor, control_factor, pull
from s3im_methods.models.compared_colours import noted_colours
from s3im_methods.models.s3im_term import S3IMTerm

if TYPE_CHECKING:
    _Base = Model
else:
    _Base = object

# The panel and nerfstudio's own logs are refreshed at this interval; reading the loss more often would make a GPU wait.
STEPS_PER_SHOW = 10

WHAT_COUNTS = (
    "The views have masks. psnr and ssim count all pixels of a view, masked_psnr only those that its mask keeps."
)


class S3IMLosses(_Base):
    """Comes before a model's class, so that its methods wrap the model's; see the module's docstring."""

    config: Any

    decides_by_data = False
    """Whether settings of the model follow from the images, so that a run's config.yml has to hold the model's own."""

    grids_grow = False
    """Whether the model begins with smaller grids than it ends with."""

    takes_scene_as_still = False
    """Whether all views count as taken at one moment."""

    box_advice = "enlarge the box of the scene"
    """Of a model whose rays are cut to a box: what to do where cameras do not see it, the end of a sentence."""

    @staticmethod
    def adapt_to_data(config: Any, parser: Any) -> None:
        """Change the model's settings, in place, by what the data parser's configuration tells of the data."""

    def s3im_settings(self) -> S3IMConfig:
        """S3IM's settings."""
        return self.config.s3im

    def populate_modules(self) -> None:
        """Build the base model, without downloading LPIPS's weights, and the S3IM term."""
        with lpips_without_download(), no_word_on_slow_modules():
            super().populate_modules()  # type: ignore[safe-super]
        leave_out_small_images(self)
        self.s3im = S3IMTerm(self.s3im_settings())
        self.train_step = 0

    def hardware_line(self) -> str:
        """What was chosen, for the line that a run prints at its start."""
        return "networks by torch"

    def data_warnings(self, dataset: InputDataset) -> list[str]:
        """What of the model does not suit the training views, a sentence each, printed where training begins."""
        return []

    def schedule_ends(self) -> dict[str, int]:
        """The settings that say when something is reached, and the step by which it is."""
        s3im = self.s3im_settings()
        if not s3im.loss_mult > 0:
            return {}
        ends = {"s3im.start-step": s3im.start_step + 1}
        if s3im.falls_by is not None:
            ends["s3im.end-step"] = s3im.falls_by
        return ends

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
        self, outputs: dict[str, Any], batch: dict[str, Any], *args: Any, **kwargs: Any
    ) -> dict[str, Tensor]:
        """The base model's losses and, in training, ``s3im_loss``: S3IM of the rendered against the true colours.

        These are the very colours that the model's own loss compares. As a control there is no such term, and what the
        model has of losses of these colours is as strong as both would be together. In balance both are there, made
        together as strong as the model's own.

        Raises:
            InputError: If the model compares no colours that could be found, or in a way that has no gradient at them.
        """
        if not (self.training and self.s3im.weight(self.train_step) > 0):
            return super().get_loss_dict(outputs, batch, *args, **kwargs)  # type: ignore[safe-super]
        with noted_colours(self) as notes:
            losses = super().get_loss_dict(outputs, batch, *args, **kwargs)  # type: ignore[safe-super]
        pair = notes.final(self, outputs, batch)
        if pair is None:
            raise InputError(
                f"S3IM finds no rendered colours in {type(self).__name__}: train this method without S3IM, by "
                "ns-train. S3IM looks at the outputs rgb and rgb_fine, and at what rgb_loss, renderer_rgb and other "
                "loss modules of the model receive."
            )
        predicted, target = (colours.reshape(-1, colours.shape[-1]) for colours in pair)
        # Real patches are at the beginning of a batch of which every ray is compared.
        whole = len(predicted) == batch["image"].shape[:-1].numel()
        s3im_loss = self.s3im(
            predicted,
            target,
            self.train_step,
            num_patches=batch.get("num_patches", 0) if whole else 0,
            patch_size=batch.get("patch_size", 0),
        )
        settings = self.s3im.config
        if settings.role == "loss" and settings.balance == "add":
            return losses | {"s3im_loss": s3im_loss}
        own = _pulls_of(losses, pair.predicted)
        added = pull(s3im_loss, pair.predicted)
        strength = control_factor if settings.role == "control" else balance_factor
        factor = strength(
            functools.reduce(torch.add, own.values()), torch.zeros_like(pair.predicted) if added is None else added
        )
        losses = losses | {name: losses[name] * factor for name in own}
        return losses if settings.role == "control" else losses | {"s3im_loss": s3im_loss * factor}

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """The base model's metrics, and ``masked_psnr`` of the pixels that the view's mask keeps, if it has one.

        LPIPS is left out where its weights are not on this machine.
        """
        metrics, images = super().get_image_metrics_and_images(outputs, batch)  # type: ignore[safe-super]
        metrics = {k: v for k, v in metrics.items() if not ("lpips" in k and math.isnan(v))}
        kept = batch["mask"][..., 0] if "mask" in batch else None
        rendered = outputs.get("rgb")  # Methods of others may have none.
        if rendered is not None and kept is not None and kept.any():
            kept, truth = kept.to(rendered.device), true_picture(self, batch["image"]).to(rendered.device)
            metrics["masked_psnr"] = float(-10 * torch.log10(torch.nn.functional.mse_loss(rendered[kept], truth[kept])))
        return metrics, images


def true_picture(model: Any, image: Tensor) -> Tensor:
    """What a model's render of a view is compared with.

    Args:
        model: Blends what is transparent over its background, if it has a renderer of colours.
        image: The view's own, ``[H, W, 3]`` or ``[H, W, 4]``, in [0, 1] or as bytes.

    Returns:
        Colours in [0, 1], ``[H, W, 3]``.
    """
    if image.dtype == torch.uint8:
        image = image / 255
    # Renderers of others need not blend.
    blend = getattr(getattr(model, "renderer_rgb", None), "blend_background", None)
    return image[..., :3] if blend is None else blend(image)


def _pulls_of(losses: dict[str, Tensor], colours: Tensor) -> dict[str, Tensor]:
    """The gradients at the rendered colours of the terms that have one."""
    # Losses of other methods may hold plain numbers.
    pulls = {name: pull(loss, colours) for name, loss in losses.items() if isinstance(loss, Tensor)}
    found = {name: gradient for name, gradient in pulls.items() if gradient is not None}
    if not found:
        raise InputError(
            "No loss of the model has a gradient at the colours that S3IM compares. Give --pipeline.model.s3im.role "
            "loss and --pipeline.model.s3im.balance add."
        )
    return found
