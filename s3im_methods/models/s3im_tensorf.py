"""S3IM-TensoRF: nerfstudio's TensoRF (Chen et al., ECCV 2022) with S3IM (Xie et al., ICCV 2023).

Differences to nerfstudio's tensorf: the S3IM term; what the original has and nerfstudio's port leaves out (see
``tensorf_settings``, setting by setting); presets for rooms and objects; runs that are resumed, rendered or exported
after an upsampling; normals outside training. With style nerfstudio and weight 0 its losses are
nerfstudio's to the last bit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.field_components.encodings import NeRFEncoding
from nerfstudio.model_components.ray_samplers import UniformLinDispPiecewiseSampler
from nerfstudio.model_components.renderers import RGBRenderer
from nerfstudio.model_components.scene_colliders import AABBBoxCollider, NearFarCollider
from nerfstudio.models.tensorf import TensoRFModel, TensoRFModelConfig
from nerfstudio.utils import comms
from torch import Tensor

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.encodings.octaves import OctaveEncoding
from s3im_methods.encodings.resampling import Window
from s3im_methods.encodings.tensor_grids import make_grid
from s3im_methods.errors import InputError
from s3im_methods.fields.tensorf_field import S3IMTensoRFField
from s3im_methods.models.density_normals import difference_normals
from s3im_methods.models.grids.cameras_in_box import cameras_in_box
from s3im_methods.models.grids.growth import check_resumed_grids, grow, resolution_by_axis, restart
from s3im_methods.models.grids.occupied import node_window, update_mask
from s3im_methods.models.grids.regularisers import only_counting, regularisers
from s3im_methods.models.s3im_mixin import S3IMMixin
from s3im_methods.models.tensorf_presets import with_preset
from s3im_methods.models.tensorf_settings import TensoRFSettings
from s3im_methods.rays.equal_steps import StepSampler, step_count, step_length
from s3im_methods.rendering.quick_tensorf import quick_tensorf
from s3im_methods.rendering.quick_views import RAYS_AT_ONCE


@dataclass
class S3IMTensoRFModelConfig(TensoRFSettings, TensoRFModelConfig):
    """TensoRF's settings, and S3IM's; a setting that is None is as the preset of style and scene-kind says."""

    _target: type = field(default_factory=lambda: S3IMTensoRFModel)
    """The class to instantiate."""


class S3IMTensoRFModel(S3IMMixin, TensoRFModel):
    """TensoRF trained with S3IM.

    Args:
        config: The model's configuration.
        **kwargs: What nerfstudio's pipeline hands to every model.
    """

    config: S3IMTensoRFModelConfig
    field: S3IMTensoRFField
    box_advice = "enlarge it with --pipeline.model.box-scale"
    decides_by_data = True
    grids_grow = True
    _loaded_step: int | None = None

    def __init__(self, config: S3IMTensoRFModelConfig, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.side_after = dict(zip(self.config.upsampling_iters, self.upsampling_steps, strict=True))
        # nerfstudio's own upsampling looks here; ours takes its place.
        self.upsampling_iters = ()

    @staticmethod
    def adapt_to_data(config: Any, parser: Any) -> None:
        """Decide on a scene-kind that is auto for blender-data; for other data the images do."""
        if config.scene_kind == "auto" and "blender" in type(parser).__name__.lower():
            config.scene_kind = "object"

    @classmethod
    def decided(cls, config: Any, facts: SceneFacts) -> Any:
        """The settings with what preset and images decide.

        Raises:
            InputError: If settings contradict each other or are out of range.
        """
        return with_preset(config, facts)

    def populate_modules(self) -> None:
        """Build nerfstudio's model, then our field, sampler and collider in place of its."""
        config = self.config
        background = config.background_color
        # nerfstudio's field is dropped, so that its random numbers are not to count.
        with torch.random.fork_rng(devices=[]):
            super().populate_modules()
        self.renderer_rgb = RGBRenderer(background_color="black" if background == "coin" else background)  # type: ignore[arg-type]
        self.field = self._make_field()
        if config.sampling == "steps":
            self.sampler_steps = StepSampler()
        elif config.space == "contraction":
            self.sampler_uniform = UniformLinDispPiecewiseSampler(config.num_uniform_samples, single_jitter=True)
        assert config.near_plane is not None and config.far_plane is not None
        if config.space == "contraction":
            self.collider = NearFarCollider(near_plane=config.near_plane, far_plane=config.far_plane)
        elif config.enable_collider:
            # The field's own tensor: a box that shrinks, or comes from a checkpoint, moves both.
            self.collider = AABBBoxCollider(SceneBox(self.field.aabb), near_plane=config.near_plane)

    def _make_field(self) -> S3IMTensoRFField:
        config = self.config
        assert config.box_scale is not None and config.density_shift is not None and config.distance_scale is not None
        box = self.scene_box.aabb * config.box_scale
        contraction_scale = None
        if config.space == "contraction":
            contraction_scale = float(box.abs().max())
            box = torch.tensor([[-2.0] * 3, [2.0] * 3])
        resolution = self._resolution(box, config.init_resolution)
        density, colour = (
            make_grid(config.tensorf_encoding, resolution, components, bool(config.resolution_by_axis))
            for components in (config.num_den_components, config.num_color_components)
        )
        if config.encoding_octaves == "original":
            feature_encoding, direction_encoding = OctaveEncoding(config.appearance_dim, 2), OctaveEncoding(3, 2)
        else:
            feature_encoding, direction_encoding = (
                NeRFEncoding(in_dim, num_frequencies=2, min_freq_exp=0, max_freq_exp=2)
                for in_dim in (config.appearance_dim, 3)
            )
        return S3IMTensoRFField(
            box,
            activation=config.density_activation,  # type: ignore[arg-type]
            density_shift=config.density_shift,
            distance_scale=config.distance_scale,
            contraction_scale=contraction_scale,
            feature_encoding=feature_encoding,
            direction_encoding=direction_encoding,
            density_encoding=density,
            color_encoding=colour,
            appearance_dim=config.appearance_dim,
            head_mlp_num_layers=2,
            head_mlp_layer_width=config.head_width,
            use_sh=False,
        )

    def _resolution(self, box: Tensor, side: int) -> tuple[int, int, int]:
        """Nodes along each axis for a box, where a cube would have ``side`` along each."""
        return resolution_by_axis(box, side**3) if self.config.resolution_by_axis else (side, side, side)

    @property
    def resolution(self) -> tuple[int, int, int]:
        """Nodes of the grids along x, y and z."""
        return self.field.density_encoding.axis_resolution()  # type: ignore[operator]

    def data_warnings(self, dataset: InputDataset) -> list[str]:
        """That a room will stay fog, with the original's settings and without S3IM at its authors' weight, and an
        object's box that holds cameras which should look at it from outside."""
        config = self.config
        if config.scene_kind == "object" and config.space == "box":
            return cameras_in_box(self.field.aabb, dataset.cameras.camera_to_worlds[:, :3, 3])
        if config.style != "original" or config.scene_kind != "room" or config.s3im.loss_mult >= 1:
            return []
        return [
            "With the settings of the original a room can stay fog unless S3IM has its authors' weight: give "
            "--pipeline.model.s3im.loss-mult 1, or leave --pipeline.model.style at ours."
        ]

    def hardware_line(self) -> str:
        """Which grids there are and what was chosen, for the line that a run prints at its start."""
        config = self.config
        x, y, z = self.resolution
        components = f"{config.num_den_components} + {config.num_color_components} components"
        return (
            f"{config.tensorf_encoding} grids of {components}, {x} x {y} x {z} nodes at first; preset: "
            f"{config.style}, {config.scene_kind}; background: {config.background_color}"
        )

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """Colour, depth and accumulation; outside training also ``normals``, as colours in [0, 1]."""
        if self.training and self.config.background_color == "coin":
            self.renderer_rgb.background_color = "white" if torch.rand(()) < 0.5 else "black"
        elif self.config.background_color == "coin":
            self.renderer_rgb.background_color = "black"
        quick = quick_tensorf(self)
        if quick is not None:
            outputs = quick.outputs(ray_bundle)
        else:
            outputs = super().get_outputs(ray_bundle) if self._renders_like_nerfstudio() else self._render(ray_bundle)
        if not self.training:
            points = ray_bundle.origins + ray_bundle.directions * outputs["depth"]
            voxel = step_length(self.field.aabb, self.resolution, 1.0)
            if quick is None:
                normals = difference_normals(self.field.density_at, points, voxel)
            else:
                normals = quick.normals(points, voxel)
            outputs["normals"] = (normals + 1) / 2
        return outputs

    def rays_at_once(self) -> int:
        """How many rays of an image are rendered together: more than the setting says where that costs no memory."""
        own = super().rays_at_once()
        return own if quick_tensorf(self) is None else max(own, RAYS_AT_ONCE)

    def chunk_preparation(self, rays: RayBundle) -> Callable[[RayBundle, int], None] | None:
        """Let neighbouring pixels share first samples, where the settings and the machine allow it."""
        quick = quick_tensorf(self)
        return None if quick is None else quick.shared(rays, self.config.shared_pixels)

    def _renders_like_nerfstudio(self) -> bool:
        config = self.config
        plain = config.space == "box" and config.sampling == "uniform-pdf" and config.background_color != "coin"
        return plain and config.color_weight_threshold == 0 and not config.alpha_mask_steps

    def _render(self, ray_bundle: RayBundle) -> dict[str, Any]:
        if self.training:
            self.camera_optimizer.apply_to_raybundle(ray_bundle)
        samples = self._sample(ray_bundle)
        positions = samples.frustums.get_positions()
        assert samples.deltas is not None
        long_enough = samples.deltas[..., 0] > 0 if self.config.sampling == "steps" else None
        weights = samples.get_weights(self.field.density_at(positions, long_enough))
        seen = weights.detach()[..., 0] > (self.config.color_weight_threshold or 0.0)
        if self.renderer_rgb.background_color == "last_sample":
            seen[..., -1] = True
        rgb = self.field.colour_where(positions, samples.frustums.directions, seen)
        outputs = {
            "rgb": self.renderer_rgb(rgb=rgb, weights=weights),
            "accumulation": self.renderer_accumulation(weights),
            "depth": self.renderer_depth(weights, samples),
        }
        if self.training and self._filters_rays():
            outputs["counts"] = self.field.alpha_mask(self.field.in_grid(positions)).any(dim=-1)
        return outputs

    def _sample(self, ray_bundle: RayBundle) -> RaySamples:
        config = self.config
        if config.sampling == "steps":
            count = step_count(self.resolution, config.step_ratio, config.max_steps)
            longer = step_count(self.resolution, config.step_ratio, 1 << 30) / count
            step = step_length(self.field.aabb, self.resolution, config.step_ratio) * longer
            return self.sampler_steps(ray_bundle, step, count)
        with torch.no_grad():
            coarse = self.sampler_uniform(ray_bundle)
            weights = coarse.get_weights(self.field.density_at(coarse.frustums.get_positions()))
        return self.sampler_pdf(ray_bundle, coarse, weights)

    def _filters_rays(self) -> bool:
        first = self.config.filter_rays_step
        return first is not None and 0 <= first < self.train_step and self.field.alpha_mask.exists

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """nerfstudio's losses, S3IM's, and the regularisers in the original's strength."""
        # Real patches stay whole.
        if "counts" in outputs and not batch.get("num_patches", 0):
            outputs, batch = only_counting(outputs, batch)
        losses = super().get_loss_dict(outputs, batch, metrics_dict)
        if self.training:
            losses |= regularisers(self.config, self.field, self.train_step)
        return losses

    def update_to_step(self, step: int) -> None:
        """Note the last step of a checkpoint; grids, box and mask take their shapes from it themselves."""
        self._loaded_step = step

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """nerfstudio's callbacks, and the one that masks, shrinks and upsamples after certain steps.

        Raises:
            InputError: If several processes are to train grids that grow, or a resumed run has grids that its
                settings do not make.
        """
        if self._grows() and comms.get_world_size() > 1:
            raise InputError(
                "TensoRF's grids cannot grow while several processes train them: train with --machine.num-devices 1, "
                "or give --pipeline.model.upsampling-iters and --pipeline.model.shrink-box-steps without values."
            )
        if self._loaded_step is not None:
            self._check_resumed(self._loaded_step)
        return [
            *super().get_training_callbacks(training_callback_attributes),
            TrainingCallback(
                [TrainingCallbackLocation.AFTER_TRAIN_ITERATION],
                self.after_step,
                update_every_num_iters=1,
                args=[training_callback_attributes.optimizers],
            ),
        ]

    def _check_resumed(self, step: int) -> None:
        """Refuse a run that is resumed with other upsamplings than it had."""
        last = max((at for at in self.side_after if at <= step), default=-1)
        if any(last < at <= step for at in self.config.shrink_box_steps or ()):
            # What a box was cut down to, no setting says.
            return
        wanted = self._resolution(self.field.aabb, self.side_after.get(last, self.config.init_resolution))
        check_resumed_grids(
            self.resolution,
            wanted,
            step,
            "--pipeline.model.init-resolution, final-resolution and upsampling-iters",
        )

    def schedule_ends(self) -> dict[str, int]:
        """Those of S3IM, and of the grids' growth, the mask and the box."""
        config = self.config
        steps = {
            "upsampling-iters": config.upsampling_iters,
            "alpha-mask-steps": config.alpha_mask_steps,
            "shrink-box-steps": config.shrink_box_steps,
            "filter-rays-step": (config.filter_rays_step,),
        }
        ends = {name: max(given or (), default=-1) + 1 for name, given in steps.items()}
        return {**super().schedule_ends(), **ends}

    def _grows(self) -> bool:
        return bool(self.side_after) or bool(self.config.shrink_box_steps)

    def after_step(self, optimizers: Optimizers, step: int) -> None:
        """Find empty space, shrink the box and upsample, where the settings say so for this training step."""
        config, field = self.config, self.field
        found = field.alpha_mask.exists
        if step in (config.alpha_mask_steps or ()):
            found = update_mask(field, self.resolution, config)
        # A box without a mask would be cut to nothing.
        if found and step in (config.shrink_box_steps or ()):
            window, box = node_window(field.aabb, field.alpha_mask.occupied_box(), self.resolution)
            self._grow([int(last - first) + 1 for first, last in window], optimizers, window)
            field.aabb.data.copy_(box)
        if step in self.side_after:
            self._grow(self._resolution(field.aabb, self.side_after[step]), optimizers)
            groups = {"none": [], "encodings": ["encodings"], "all": ["fields", "encodings"]}
            restart(optimizers, groups[config.upsampling_restarts or "none"])

    def _grow(self, resolution: Sequence[int], optimizers: Optimizers, window: Window | None = None) -> None:
        grow([self.field.density_encoding, self.field.color_encoding], resolution, optimizers, window)
