"""What a model that is not ours has beside its own when it is trained with S3IM."""

from typing import Any, ClassVar, Literal

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.field_components.encodings import HashEncoding
from nerfstudio.model_components.ray_samplers import ProposalNetworkSampler
from nerfstudio.models.tensorf import TensoRFModel
from nerfstudio.utils import comms
from torch import Tensor, nn

from s3im_methods.compat.proposals import ProposalSchedule
from s3im_methods.console import warn
from s3im_methods.data.cut_out import has_transparent_background
from s3im_methods.encodings import fuse_hash_encodings
from s3im_methods.encodings.hash_grid import FusedHashEncoding
from s3im_methods.errors import InputError
from s3im_methods.losses import S3IMConfig
from s3im_methods.models.any_method.tinycudann import stand_in_for_tinycudann
from s3im_methods.models.s3im_losses import S3IMLosses

HashGrids = Literal["base", "fused"]

_USUAL_OUTPUTS = ("rgb", "accumulation", "depth")
_USUAL_METRICS = ("psnr", "ssim", "lpips")


class AnyMethod(S3IMLosses):
    """Comes before the method's own class; :func:`of_settings` makes the class that is built.

    Attributes:
        s3im_config: S3IM's settings. The method may exchange its configuration for a copy that has lost them.
        hash_grids: Who computes the method's hash grids.
        scene_has_times: Whether the training views have times; the pipeline says so.
    """

    s3im_config: ClassVar[S3IMConfig]
    hash_grids: ClassVar[HashGrids]
    scene_has_times = False
    _told_of_time = False

    def s3im_settings(self) -> S3IMConfig:
        """S3IM's settings."""
        return self.s3im_config

    def populate_modules(self) -> None:
        """Build the method's modules, with stand-ins for tinycudann, then fuse its hash grids if that is asked for.

        Raises:
            InputError: If the method needs what has no stand-in here, or has no hash grid to fuse.
        """
        with stand_in_for_tinycudann(type(self)):
            super().populate_modules()
        if self.hash_grids == "fused":
            self._fuse()

    def update_to_step(self, step: int) -> None:
        """Prepare for a checkpoint as the method does, with the parameter objects that the optimisers already hold.

        nerfstudio's TensoRF gives grids that have grown new objects, which no optimiser would train.
        """
        before = dict(self.named_parameters())
        super().update_to_step(step)
        for name, new in list(self.named_parameters()):
            old = before.get(name)
            if old is not None and old is not new:
                old.data = new.data
                owner, _, last = name.rpartition(".")
                setattr(self.get_submodule(owner), last, old)

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """The method's callbacks, and those that keep proposal networks' schedules a function of the step.

        Raises:
            InputError: If several processes would train grids that grow.
        """
        grows = isinstance(self, TensoRFModel) and self.config.upsampling_iters
        if grows and comms.get_world_size() > 1:
            raise InputError(
                "TensoRF's grids cannot grow while several processes train them: train with --machine.num-devices 1."
            )
        callbacks = super().get_training_callbacks(training_callback_attributes)
        # A sampler that the method does not tell of steps trains its networks in each of them.
        driven = [callback.func for callback in callbacks]
        schedules = [
            ProposalSchedule(part)
            for part in self.modules()
            if isinstance(part, ProposalNetworkSampler) and part.step_cb in driven
        ]
        return [
            *callbacks,
            *(
                TrainingCallback(
                    [TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], schedule.before_step, update_every_num_iters=1
                )
                for schedule in schedules
            ),
        ]

    def get_outputs(self, ray_bundle: RayBundle, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The method's outputs; outside training those of a fine rendering also by the names that all commands ask for.

        Vanilla NeRF's ``rgb_fine`` is ``rgb`` too, and so on. Of a scene in motion, cameras without times see time 0.
        """
        if self.scene_has_times and not self.training and ray_bundle.times is None:
            # As those of ns-render interpolate and spiral, in which K-Planes fails.
            ray_bundle.times = torch.zeros_like(ray_bundle.origins[..., :1])
            self._say_once_that_time_stands_still()
        outputs: dict[str, Any] = super().get_outputs(ray_bundle, *args, **kwargs)  # type: ignore[assignment]
        if not self.training:
            for name in _USUAL_OUTPUTS:
                if name not in outputs and f"{name}_fine" in outputs:
                    outputs[name] = outputs[f"{name}_fine"]
        return outputs

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """The method's metrics and images, with those of a fine rendering also by their usual names."""
        metrics, images = super().get_image_metrics_and_images(outputs, batch)
        fine = {name: metrics[f"fine_{name}"] for name in _USUAL_METRICS if f"fine_{name}" in metrics}
        return fine | metrics, images

    def _say_once_that_time_stands_still(self) -> None:
        if not self._told_of_time:
            self._told_of_time = True
            warn("These cameras have no times: they see the scene at time 0.")

    def _fuse(self) -> None:
        for part in self.children():
            # A signed distance's normals are trained: that takes second derivatives, which fused grids have not.
            if not hasattr(part, "get_sdf"):
                # Cameras or normals may need the points' gradients, and a method's code does not tell.
                fuse_hash_encodings(part, point_gradients=True)
        if not any(isinstance(module, FusedHashEncoding) for module in self.modules()):
            raise InputError(
                f"--pipeline.model.hash-grids fused has no effect: {type(self).__name__} has no hash grid in torch "
                "that could be fused. Leave the flag out."
            )

    def hardware_line(self) -> str:
        """What was chosen, for the line that a run prints at its start."""
        grids = [module for module in self.modules() if isinstance(module, HashEncoding)]
        weight = f"S3IM's weight: {self.s3im_config.loss_mult:g}"
        return f"{weight}; hash grids: {self.hash_grids}" if grids else weight

    def data_warnings(self, dataset: InputDataset) -> list[str]:
        """Warn about objects on black and scenes without times, and refuse what cannot be trained on this device.

        Raises:
            InputError: If the model marches through nerfacc's occupancy grid without CUDA.
        """
        if self.device.type != "cuda" and marches_through_a_grid(self):
            raise InputError(NO_GRID_WITHOUT_CUDA.format(name=type(self).__name__))
        sentences = []
        # nerfstudio's dnerf then leaves its deformation out.
        if getattr(self, "temporal_distortion", None) and dataset.cameras.times is None:
            sentences.append(
                "The scene has no times, so the model learns a scene at rest: give a dynamic scene, such as one of "
                "s3im scene object OUT --moving, or train a method for scenes at rest."
            )
        on_black = getattr(self.config, "background_color", None) in ("last_sample", "black")
        if on_black and has_transparent_background(dataset):
            sentences += self.s3im.warnings_on_black()
        return sentences


NO_GRID_WITHOUT_CUDA = (
    "{name} marches through nerfacc's occupancy grid, which needs CUDA, and there is none here: train it on a GPU, or "
    "choose another method."
)


def marches_through_a_grid(model: nn.Module) -> bool:
    """Whether a part of the model is nerfacc's occupancy grid."""
    return any(type(module).__name__ == "OccGridEstimator" for module in model.modules())


def of_settings(base: type, s3im: S3IMConfig, hash_grids: HashGrids) -> type:
    """The class of a method's model with S3IM.

    Args:
        base: The method's own class.
        s3im: S3IM's settings.
        hash_grids: Who computes the method's hash grids.
    """
    return type(f"{base.__name__}WithS3IM", (AnyMethod, base), {"s3im_config": s3im, "hash_grids": hash_grids})
