"""Adds depth supervision and depth metrics to any nerfstudio model that renders rays.

    class S3IMDepthNerfactoModel(DepthSupervisionMixin, S3IMNerfactoModel): ...

The model's config has a field ``depth``; its outputs hold ``weights_list`` and ``ray_samples_list`` in training, the
proposal networks' first and the field's last, and ``depth`` (the median) and ``expected_depth`` as distances along the
ray. A model whose samples end at a surface gives ``fars``, where rays end, too. Scene units throughout.
"""

from typing import TYPE_CHECKING, Any

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes
from nerfstudio.models.base_model import Model
from torch import Tensor
from torch.nn import Parameter

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.losses.depth import depth_loss
from s3im_methods.metrics.depth import depth_metrics
from s3im_methods.metrics.depth_picture import depth_picture
from s3im_methods.models.depth_supervision import DepthAlignment, check_depth_facts, depth_targets, measured_depth

if TYPE_CHECKING:
    _Base = Model
else:
    _Base = object


class DepthSupervisionMixin(_Base):
    """See the module's docstring.

    The training set's metadata, among the model's ``kwargs``, may hold
    :class:`~s3im_methods.data.scene_facts.SceneFacts`.
    """

    config: Any
    train_step: int

    def populate_modules(self) -> None:
        """Build the base model and, where the data set asks for it, the alignment of monocular depth."""
        self.config.depth.check()
        self.scene_facts = SceneFacts.of(self.kwargs.get("metadata"))
        super().populate_modules()  # type: ignore[safe-super]
        learned = self.scene_facts.depth_alignment == "learned"
        self.depth_alignment = DepthAlignment(self.num_train_data) if learned else None

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """The base model's groups, and ``depth_alignment`` where the alignment is learned."""
        groups = super().get_param_groups()  # type: ignore[safe-super]
        if self.depth_alignment is not None:
            groups["depth_alignment"] = list(self.depth_alignment.parameters())
        return groups

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """The base model's callbacks.

        Raises:
            InputError: If the depth loss cannot be computed from the data set. Only training asks for callbacks, so
                that a run can be rendered where its depth maps are no more.
        """
        if self.config.depth.weight() > 0:
            check_depth_facts(self.scene_facts, self.config.depth)
        return super().get_training_callbacks(training_callback_attributes)

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """The base model's outputs, and ``directions_norm``, by which z-depth becomes distance along the ray."""
        outputs: dict[str, Any] = super().get_outputs(ray_bundle)  # type: ignore[safe-super]
        if "directions_norm" in ray_bundle.metadata:
            outputs["directions_norm"] = ray_bundle.metadata["directions_norm"]
        if self.training and self.depth_alignment is not None:
            # Data parallelism wants to see in the outputs which parameters the losses will use.
            outputs["rgb"] = outputs["rgb"] + 0.0 * self.depth_alignment.log_scale_and_shift.sum()
        return outputs

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """The base model's losses and, in training, ``depth_loss``.

        Raises:
            InputError: If a depth loss is asked for and the batch has no depth.
        """
        losses = super().get_loss_dict(outputs, batch, metrics_dict)  # type: ignore[safe-super]
        weight = self.config.depth.weight()
        if self.training and weight > 0:
            losses["depth_loss"] = weight * self._depth_loss(outputs, batch)
        return losses

    def _depth_loss(self, outputs: dict[str, Any], batch: dict[str, Any]) -> Tensor:
        config = self.config.depth
        targets = depth_targets(
            batch, outputs.get("directions_norm"), self.scene_facts, config, self.train_step, self.depth_alignment
        )
        # No sample can lie where a ray does not reach. Samples may end earlier, at a surface that is too near.
        ends = outputs["fars"] if "fars" in outputs else outputs["ray_samples_list"][-1].frustums.ends[:, -1]
        reach = ends[:, 0]
        targets = targets._replace(depth=torch.where(targets.depth <= reach, targets.depth, 0))
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
        """The base model's, and where the view has depth, depth metrics and true beside rendered depth.

        Metrics are those of ``depth`` (the median) and ``expected_depth``, on measured pixels: ``_abs_rel``, ``_rmse``
        in scene units, ``_rmse_metres`` where the scene's unit is known, and ``_delta1``. They are NaN for a view
        without a measured pixel, which the pipeline's averages leave out.
        """
        metrics, images = super().get_image_metrics_and_images(outputs, batch)  # type: ignore[safe-super]
        if "depth_image" not in batch:
            return metrics, images
        truth = measured_depth(batch, outputs.get("directions_norm"))
        metrics.update(depth_metrics(outputs, truth, self.scene_facts.depth_metres_per_unit))
        images["depth"] = depth_picture(truth, outputs["depth"], outputs["accumulation"])
        return metrics, images
