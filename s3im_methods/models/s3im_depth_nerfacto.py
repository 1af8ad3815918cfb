"""S3IM-depth-nerfacto: S3IM-nerfacto that also learns from depth maps.

Differences to nerfstudio's depth-nerfacto: the choice of losses, the bounded ray density among them; means over the
rays that have a depth; sigma as a function of the step; depths with a sigma, a widening and a confidence per pixel;
learned alignment of monocular depth; depth metrics. Nothing is downloaded, and no depth is invented.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes
from torch import Tensor
from torch.nn import Parameter

from s3im_methods.losses.depth import DepthLossConfig, depth_loss
from s3im_methods.metrics.depth import abs_rel, delta, rmse
from s3im_methods.metrics.depth_picture import depth_picture
from s3im_methods.models.depth_alignment import DepthAlignment
from s3im_methods.models.depth_supervision import DepthFacts, depth_targets, measured_depth
from s3im_methods.models.s3im_nerfacto import S3IMNerfactoModel, S3IMNerfactoModelConfig

_GLO_SIZE = 4


@dataclass
class S3IMDepthNerfactoModelConfig(S3IMNerfactoModelConfig):
    """S3IM-nerfacto's settings, and the depth loss's."""

    _target: type = field(default_factory=lambda: S3IMDepthNerfactoModel)
    """The class to instantiate."""
    depth: DepthLossConfig = field(default_factory=DepthLossConfig)
    """Settings of the depth loss."""
    appearance: Literal["embedding", "glo"] = "embedding"
    """How images that differ in exposure are told apart: embedding is nerfacto's, as its own settings describe it; glo
    is a vector of four numbers per image that starts at zero and is zero for views that were not trained on."""


class S3IMDepthNerfactoModel(S3IMNerfactoModel):
    """S3IM-nerfacto with a depth loss and depth metrics.

    Args:
        config: The model's configuration.
        scene_box: The scene's bounds.
        num_train_data: Number of training images.
        metadata: The training set's metadata; see :class:`~s3im_methods.models.depth_supervision.DepthFacts`.
    """

    config: S3IMDepthNerfactoModelConfig

    def populate_modules(self) -> None:
        """Build S3IM-nerfacto and, where the data set asks for it, the alignment of monocular depth."""
        self.config.depth.check()
        self.depth_facts = DepthFacts.of(self.kwargs.get("metadata") or {})
        glo = self.config.appearance == "glo"
        if glo:
            self.config = replace(
                self.config,
                use_appearance_embedding=True,
                appearance_embed_dim=_GLO_SIZE,
                use_average_appearance_embedding=False,
            )
        super().populate_modules()
        if glo and self.field.embedding_appearance is not None:
            torch.nn.init.zeros_(self.field.embedding_appearance.embedding.weight)
        self.depth_alignment = DepthAlignment(self.num_train_data) if self.depth_facts.learned_alignment else None

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """S3IM-nerfacto's groups, and ``depth_alignment`` where the alignment is learned."""
        groups = super().get_param_groups()
        if self.depth_alignment is not None:
            groups["depth_alignment"] = list(self.depth_alignment.parameters())
        return groups

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """S3IM-nerfacto's callbacks.

        Raises:
            InputError: If the depth loss cannot be computed from the data set. Only training asks for callbacks, so
                that a run can be rendered where its depth maps are no more.
        """
        if self.config.depth.weight() > 0:
            self.depth_facts.check(self.config.depth)
        return super().get_training_callbacks(training_callback_attributes)

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """S3IM-nerfacto's outputs, and ``directions_norm``, by which z-depth becomes distance along the ray."""
        outputs = super().get_outputs(ray_bundle)
        if "directions_norm" in ray_bundle.metadata:
            outputs["directions_norm"] = ray_bundle.metadata["directions_norm"]
        return outputs

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """S3IM-nerfacto's losses and, in training, ``depth_loss``.

        Raises:
            InputError: If a depth loss is asked for and the batch has no depth.
        """
        losses = super().get_loss_dict(outputs, batch, metrics_dict)
        weight = self.config.depth.weight()
        if self.training and weight > 0:
            losses["depth_loss"] = weight * self._depth_loss(outputs, batch)
        return losses

    def _depth_loss(self, outputs: dict[str, Any], batch: dict[str, Any]) -> Tensor:
        config = self.config.depth
        targets = depth_targets(
            batch, outputs.get("directions_norm"), self.depth_facts, config, self.train_step, self.depth_alignment
        )
        levels = list(zip(outputs["weights_list"], outputs["ray_samples_list"], strict=True))
        if config.levels == "last":
            levels = levels[-1:]
        losses = [
            depth_loss(config, weights[..., 0], samples.frustums.starts[..., 0], samples.frustums.ends[..., 0], targets)
            for weights, samples in levels
        ]
        return torch.stack(losses).mean()

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """S3IM-nerfacto's, and where the view has depth, depth metrics and true beside rendered depth.

        Metrics are those of ``depth`` (the median) and ``expected_depth``, on measured pixels: ``_abs_rel``, ``_rmse``
        in scene units, ``_rmse_metres`` where the scene's unit is known, and ``_delta1``. They are NaN for a view
        without a measured pixel, which the pipeline's averages leave out.
        """
        metrics, images = super().get_image_metrics_and_images(outputs, batch)
        if "depth_image" not in batch:
            return metrics, images
        truth = measured_depth(batch, outputs.get("directions_norm"), self.depth_facts)
        for name in ("depth", "expected_depth"):
            rendered = outputs[name].to(truth.device)
            metrics[f"{name}_abs_rel"] = abs_rel(rendered, truth).item()
            metrics[f"{name}_rmse"] = rmse(rendered, truth).item()
            if self.depth_facts.metres_per_unit is not None:
                metrics[f"{name}_rmse_metres"] = metrics[f"{name}_rmse"] * self.depth_facts.metres_per_unit
            metrics[f"{name}_delta1"] = delta(rendered, truth).item()
        images["depth"] = depth_picture(truth, outputs["depth"], outputs["accumulation"])
        return metrics, images
