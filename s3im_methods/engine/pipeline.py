"""nerfstudio's pipeline, with checked input, data parallelism on CPUs too, and averages over what can be measured."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import torch
from nerfstudio.data.datamanagers.base_datamanager import DataManager
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.model_components.scene_colliders import AABBBoxCollider
from nerfstudio.pipelines.base_pipeline import VanillaPipeline, VanillaPipelineConfig
from torch import Tensor, nn
from torch import distributed as dist
from torch.cuda.amp.grad_scaler import GradScaler
from torch.nn.parallel import DistributedDataParallel

from s3im_methods.compat.crop import accept_whole_numbers
from s3im_methods.compat.marching_cubes import replace_marching_cubes
from s3im_methods.console import say, warn
from s3im_methods.data.advice import depth_advice
from s3im_methods.data.byte_images import ByteImageDataManagerConfig
from s3im_methods.data.checks.scene import check_scene
from s3im_methods.data.depth_datamanager import DepthDataManager
from s3im_methods.data.views_at_scale import metrics_of_scale
from s3im_methods.data.wording import quote
from s3im_methods.engine.allocator import keep_freed_memory
from s3im_methods.engine.check_box import check_box
from s3im_methods.engine.check_foreground import check_foreground
from s3im_methods.errors import InputError
from s3im_methods.exporters.ns_export.repairs import repair_export
from s3im_methods.models.s3im_losses import WHAT_COUNTS
from s3im_methods.samplers import PatchAwarePixelSampler, PatchAwarePixelSamplerConfig


@dataclass
class S3IMPipelineConfig(VanillaPipelineConfig):
    """Configuration of the pipeline that all methods of this package use."""

    _target: type = field(default_factory=lambda: S3IMPipeline)
    """The class to instantiate."""


class S3IMPipeline(VanillaPipeline):
    """Checks scene, batch and masks, then builds what nerfstudio's ``VanillaPipeline`` builds.

    Args:
        config: The pipeline's configuration.
        device: Where model and data live.
        test_mode: "val" for training, "test" for evaluation, "inference" for rendering, when no image is read.
        world_size: Number of processes that train together.
        local_rank: Number of this process on its machine.
        grad_scaler: The trainer's gradient scaler.

    Raises:
        InputError: If the scene cannot be used, or the batch does not suit S3IM.
    """

    config: S3IMPipelineConfig

    def __init__(
        self,
        config: S3IMPipelineConfig,
        device: str | torch.device,
        test_mode: Literal["test", "val", "inference"] = "val",
        world_size: int = 1,
        local_rank: int = 0,
        grad_scaler: GradScaler | None = None,
    ) -> None:
        if test_mode != "inference":
            check_pipeline(config)
        is_ours = isinstance(config, S3IMPipelineConfig)
        if is_ours:
            config.model._target.adapt_to_data(config.model, config.datamanager.dataparser)  # type: ignore[attr-defined]
        accept_whole_numbers()
        if test_mode != "val":
            repair_export(config.model)
        on_cpu = torch.device(device).type == "cpu"
        if on_cpu:
            keep_freed_memory()
        # On CPUs torch refuses the device numbers that nerfstudio hands to DistributedDataParallel, so we wrap here.
        wrap_here = on_cpu and world_size > 1
        super().__init__(
            config=config,
            device=cast(str, device),
            test_mode=test_mode,
            world_size=1 if wrap_here else world_size,
            local_rank=local_rank,
            grad_scaler=grad_scaler,
        )
        if test_mode != "val":
            replace_marching_cubes(device, self)
        if test_mode != "inference":
            _check_masks(self.datamanager)
            _check_depth(self.datamanager, self.model.far_plane())  # type: ignore[operator]
        if test_mode == "val":
            sentences = warnings_of(self.model, self.datamanager.train_dataset)  # type: ignore[arg-type]
            if is_ours:
                # Who chose a method of others did not choose among ours.
                sentences += depth_advice(self.datamanager.train_dataparser_outputs, config.model)  # type: ignore[attr-defined]
            for sentence in sentences if local_rank == 0 else []:
                warn(sentence)
        if test_mode == "val" and local_rank == 0:
            place = "the CPU" if on_cpu else f"device {device}"
            say(f"Training on {place}; {self.model.hardware_line()}.")  # type: ignore[operator]
        if wrap_here:
            self.world_size = world_size
            self._model = DistributedDataParallel(self._model, find_unused_parameters=True)  # type: ignore[assignment]
            dist.barrier()

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool | None = None) -> None:
        """nerfstudio's, which leaves parts of the model untrained, without a word, where the checkpoint lacks them.

        Args:
            state_dict: The pipeline's state.
            strict: As for nerfstudio's.

        Raises:
            InputError: If it lacks parameters or buffers of the model, other than those of metrics.
        """
        check_complete({name.removeprefix("_model.").removeprefix("module.") for name in state_dict}, self.model)
        super().load_state_dict(state_dict, strict)

    def get_average_image_metrics(
        self,
        data_loader: Any,
        image_prefix: str,
        step: int | None = None,
        output_path: Path | None = None,
        get_std: bool = False,
    ) -> dict[str, float]:
        """nerfstudio's, with each metric averaged over the views in which it is a number.

        Args:
            data_loader: Yields each view's camera and batch.
            image_prefix: How the names of saved images begin.
            step: The step of training.
            output_path: Folder to save images in, or None.
            get_std: Whether standard deviations are wanted too, as ``_std``.

        Returns:
            What is a number for at least one view, and where there are several scales the same of each, such as
            ``psnr_scale_4``; for a standard deviation it takes two.
        """
        model, views = self.model, []
        metrics_of_view = model.get_image_metrics_and_images

        def keep(outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> tuple[dict, dict[str, Tensor]]:
            metrics, images = metrics_of_view(outputs, batch)
            views.append(metrics_of_scale(metrics, batch))
            return {}, images

        # nerfstudio's mean is NaN where one view's metric is, so that what is left to it is the time.
        model.get_image_metrics_and_images = keep
        try:
            times = super().get_average_image_metrics(data_loader, image_prefix, step, output_path, get_std)
        finally:
            del model.get_image_metrics_and_images
        if any("masked_psnr" in view for view in views):
            say(WHAT_COUNTS)
        # Of one view, nerfstudio's standard deviation is NaN.
        return {**_averages(views, get_std), **{name: time for name, time in times.items() if not math.isnan(time)}}


def _averages(views: list[dict[str, float]], with_std: bool) -> dict[str, float]:
    found = {}
    for name in dict.fromkeys(name for view in views for name in view):
        values = torch.tensor([view[name] for view in views if name in view])
        values = values[~values.isnan()]
        if len(values):
            found[name] = float(values.mean())
        if with_std and len(values) > 1:
            found[f"{name}_std"] = float(values.std())
    return found


def check_complete(stored: Collection[str], model: nn.Module) -> None:
    """Refuse a checkpoint that would leave parts of a model untrained.

    Args:
        stored: The names in the checkpoint.
        model: The model that it is loaded into. What a module of it lists as ``may_be_missing`` is newer than some
            checkpoints, and the module knows what to do without it.

    Raises:
        InputError: If the checkpoint lacks parameters or buffers of the model.
    """
    newer = {f"{of}.{name}" for of, part in model.named_modules() for name in getattr(part, "may_be_missing", ())}
    missing = [name for name in model.state_dict() if name not in {*stored, *newer} and not name.startswith("lpips.")]
    if not missing:
        return
    by_tcnn = [any("tcnn" in name for name in names) for names in (stored, missing)]
    if any(by_tcnn):
        where = "with tinycudann" if by_tcnn[0] else "without tinycudann"
        remedy = "tcnn and install tinycudann" if by_tcnn[0] else "torch"
        raise InputError(
            f"The checkpoint was written {where}, whose hash grids and networks have other parameters than this model "
            f"has: set `implementation` in the run's config.yml to {remedy}."
        )
    raise InputError(
        f"The checkpoint lacks {len(missing)} parts of the model, the first of which is {quote(missing[0])}: it is of "
        "another method, other settings or another version, so use the config.yml that lies beside it."
    )


def check_pipeline(config: S3IMPipelineConfig) -> None:
    """Refuse what could not be trained, before anything is loaded.

    Args:
        config: With its scene in the data manager's configuration.

    Raises:
        InputError: If the scene cannot be used, the batch does not suit S3IM, or one of its settings is out of range.
    """
    _check_data(config)
    check_batch(config)


def _check_data(config: S3IMPipelineConfig) -> None:
    manager: Any = config.datamanager
    if not hasattr(manager, "dataparser"):
        # Of a method of others, which reads its scene in a way of its own.
        return
    if manager.data is not None:
        manager.dataparser.data = Path(manager.data)
    # With our data managers nerfstudio's parser reads no depth, and depth of some images only is fine.
    with_depth = not isinstance(manager, ByteImageDataManagerConfig)
    check_scene(manager.dataparser, with_depth)


def warnings_of(model: Any, dataset: InputDataset) -> list[str]:
    """What of a model does not suit the training views, a sentence each.

    Args:
        model: Of this package.
        dataset: The training views.

    Raises:
        InputError: If no view sees the box in which the model learns.
    """
    sentences = list(model.data_warnings(dataset))
    times = dataset.cameras.times
    if times is not None and bool((times != times[0]).any()) and model.takes_scene_as_still:
        sentences.append(
            "The views are of different moments, and this method takes the scene as standing still, so that what moves "
            "is blurred: train another by s3im train, such as dnerf."
        )
    if isinstance(model.collider, AABBBoxCollider):
        sentences += check_box(model.collider.scene_box.aabb, dataset.cameras, model.box_advice)
    return [*sentences, *check_foreground(model, dataset)]


def check_batch(config: S3IMPipelineConfig) -> None:
    """Refuse a batch that does not suit S3IM, and settings of S3IM that are out of range.

    Args:
        config: The pipeline's configuration.

    Raises:
        InputError: See above.
    """
    s3im = config.model.s3im  # type: ignore[attr-defined]
    # To build it is to refuse what is out of range.
    s3im.build()
    manager: Any = config.datamanager
    # Methods of others may count their rays otherwise.
    rays = getattr(manager, "train_num_rays_per_batch", None)
    window = s3im.kernel_size**2
    if s3im.loss_mult > 0 and rays is not None and rays < window:
        raise InputError(
            f"{rays} rays per batch are fewer than one S3IM window of {s3im.kernel_size} x {s3im.kernel_size}: raise "
            f"--pipeline.datamanager.train-num-rays-per-batch to at least {window}, or set "
            "--pipeline.model.s3im.loss-mult 0."
        )
    sampler = getattr(manager, "pixel_sampler", None)
    if isinstance(sampler, PatchAwarePixelSamplerConfig) and manager.patch_size > 1:
        raise InputError(
            "--pipeline.datamanager.patch-size has no effect on this method's pixel sampler: set patch-size and "
            "patch-share of --pipeline.datamanager.pixel-sampler instead."
        )
    share = getattr(sampler, "patch_share", 0.0)
    if s3im.loss_mult > 0 and s3im.mode in ("patch", "both") and share == 0:
        raise InputError(
            f"S3IM in mode '{s3im.mode}' needs real patches in the batch: set "
            "--pipeline.datamanager.pixel-sampler.patch-share above 0 (1.0 for patches only)."
        )


def _check_masks(manager: DataManager) -> None:
    # Before the first batch, because in ParallelDataManager that is drawn by a process whose errors nobody sees, and
    # in evaluation it is drawn after hundreds of steps.
    for name in ("train", "eval"):
        sampler, dataset = (getattr(manager, f"{name}_{what}", None) for what in ("pixel_sampler", "dataset"))
        if isinstance(sampler, PatchAwarePixelSampler) and dataset is not None:
            outputs = dataset._dataparser_outputs
            masks = getattr(dataset, "mask_filenames", outputs.mask_filenames)
            sampler.check(replace(outputs, mask_filenames=masks), manager.config.camera_res_scale_factor)  # type: ignore[attr-defined]


def _check_depth(manager: DataManager, far_plane: float | None) -> None:
    if isinstance(manager, DepthDataManager) and manager.depth_survey is not None:
        manager.depth_survey.check(far_plane)
