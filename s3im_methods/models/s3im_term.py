"""S3IM as a term of a model's loss: its weight over the steps, and its panel in the viewer."""

from dataclasses import replace

from nerfstudio.viewer.viewer_elements import ViewerCheckbox, ViewerSlider, ViewerText
from torch import Tensor, nn
from viser import ViserServer

from s3im_methods.losses import S3IMConfig, s3im_weight


class ReadOnlyText(ViewerText):
    """A text that only the program changes; unlike its base, changing it does not make the viewer render again."""

    def install(self, viser_server: ViserServer) -> None:
        """Create the text without a callback."""
        self._create_gui_handle(viser_server)


class S3IMTerm(nn.Module):
    """The weighted loss of one training step; it has no parameters and no state.

    The viewer finds the panel's elements as attributes of this module: weight and switch act from the next step on.

    Args:
        config: S3IM's settings.
    """

    def __init__(self, config: S3IMConfig) -> None:
        super().__init__()
        self.config = config
        self.loss_fn = config.build()
        self.enabled = True
        self.weight_slider = ViewerSlider(
            "S3IM weight",
            default_value=float(config.loss_mult),
            min_value=0.0,
            max_value=max(5.0, 2.0 * config.loss_mult),
            step=0.05,
            cb_hook=lambda slider: self._set_weight(float(slider.value)),
            hint="Weight of the S3IM loss from the next step on.",
        )
        self.enabled_box = ViewerCheckbox(
            "S3IM on",
            default_value=True,
            cb_hook=lambda box: self._set_enabled(bool(box.value)),
            hint="Train with the S3IM loss, or without it.",
        )
        self.loss_text = ReadOnlyText("S3IM loss", "not measured yet", disabled=True, hint="S3IM before weighting.")
        self._last_loss: Tensor | None = None

    def _set_weight(self, weight: float) -> None:
        self.config = replace(self.config, loss_mult=weight)

    def _set_enabled(self, enabled: bool) -> None:
        self.enabled = enabled

    def reseed(self, seed: int) -> None:
        """Seed the permutations of the next call."""
        self.loss_fn.reseed(seed)

    def warnings_on_black(self, remedy: str = "--pipeline.model.background-color white") -> list[str]:
        """What is said of objects that are composited over black and whose alpha is not learned.

        Args:
            remedy: What the model has against it.
        """
        config = self.config
        in_balance = config.role == "loss" and config.balance == "keep" and config.loss_mult > 0
        # In balance held denominators lost no object. Without S3IM half of the trainings lost parts of one.
        if in_balance and self.loss_fn.denominators == "held":
            return []
        return [
            "The images have a transparent background, which becomes black, and their alpha is not learned: there "
            f"parts of an object can stay dark or be missing. Give {remedy}, or use "
            "S3IM's defaults: --pipeline.model.s3im.loss-mult above 0, balance keep, denominators held."
        ]

    def weight(self, step: int) -> float:
        """The loss's weight at a training step; 0 while the panel's switch is off."""
        return s3im_weight(self.config, step) if self.enabled else 0.0

    def forward(
        self, predicted: Tensor, target: Tensor, step: int, num_patches: int = 0, patch_size: int = 0
    ) -> Tensor:
        """The weighted loss.

        Args:
            predicted: Rendered colours, ``[B, C]``.
            target: Their targets, ``[B, C]``.
            step: The training step.
            num_patches: How many real patches the batch begins with.
            patch_size: Their side, in pixels.

        Returns:
            A scalar.
        """
        loss = self.loss_fn(predicted, target, num_patches=num_patches, patch_size=patch_size)
        self._last_loss = loss.detach()
        return self.weight(step) * loss

    def show(self) -> None:
        """Write the last loss into the viewer's panel, where a viewer is open."""
        if self._last_loss is not None and self.loss_text.gui_handle is not None:
            self.loss_text.value = f"{self._last_loss.item():.4f}"
