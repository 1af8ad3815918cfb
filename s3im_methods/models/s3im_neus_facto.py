"""S3IM-NeuS-facto: nerfstudio's NeuS-facto (NeuS, Wang et al., NeurIPS 2021, with proposal networks) with S3IM
(Xie et al., ICCV 2023).

Differences to nerfstudio's neus-facto: the S3IM term; a signed distance field that needs no tinycudann and is evaluated
where the opacity's formula has it; a sphere of the scene's own, with presets for objects and rooms; masks and alpha as
foreground masks; a background that begins at the sphere; depth as the distance along the ray; depth and normal
supervision at any batch size; schedules that end within the run.
"""

from dataclasses import replace
from typing import Any

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.model_components.ray_samplers import UniformLinDispPiecewiseSampler
from nerfstudio.model_components.renderers import DepthRenderer
from nerfstudio.model_components.scene_colliders import NearFarCollider
from nerfstudio.models.base_surface_model import SurfaceModel
from nerfstudio.models.neus_facto import NeuSFactoModel
from torch import Tensor
from torch.nn import Module, Parameter, functional

from s3im_methods.compat.proposals import ProposalSchedule
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.scene_sphere import SceneSphere, sphere_warnings
from s3im_methods.encodings import fuse_hash_encodings, implementation_line
from s3im_methods.fields.inverted_sphere_field import InvertedSphereField
from s3im_methods.fields.sdf_field import S3IMSDFField
from s3im_methods.fields.unit_space import UnitSpace
from s3im_methods.losses.depth.scale_shift import scale_shift_invariant_loss
from s3im_methods.losses.normals import known_normals_loss
from s3im_methods.models.depth_mixin import DepthSupervisionMixin
from s3im_methods.models.monocular_priors import check_priors
from s3im_methods.models.neus_facto_config import S3IMNeuSFactoModelConfig
from s3im_methods.models.neus_facto_presets import with_preset
from s3im_methods.models.s3im_mixin import STEPS_PER_SHOW, S3IMMixin
from s3im_methods.models.s3im_term import ReadOnlyText
from s3im_methods.rays.inverse_sphere import InverseSphereSampler
from s3im_methods.rays.sphere_bounds import SphereBounds

__all__ = ["S3IMNeuSFactoModel", "S3IMNeuSFactoModelConfig"]

_FAR_RADII = 4.0


class S3IMNeuSFactoModel(DepthSupervisionMixin, S3IMMixin, NeuSFactoModel):
    """NeuS-facto trained with S3IM.

    Args:
        config: The model's configuration.
        scene_box: The scene's bounds.
        num_train_data: Number of training images.
        metadata: The training set's metadata, whose :class:`~s3im_methods.data.scene_facts.SceneFacts` choose the
            preset and the sphere.
    """

    config: S3IMNeuSFactoModelConfig
    field: S3IMSDFField
    decides_by_data = True
    box_advice = "sample a sphere in its place with --pipeline.model.bounds sphere"

    def populate_modules(self) -> None:
        """Fill in the preset, build nerfstudio's model, then put it into the scene's sphere."""
        facts = SceneFacts.of(self.kwargs.get("metadata"))
        config = with_preset(self.config, facts)
        self.sphere_center, self.sphere_radius = config.sphere(facts)
        config = replace(config, sphere_center=self.sphere_center, sphere_radius=self.sphere_radius)
        assert config.unit_share is not None and config.sdf_field.bias is not None
        self.unit_radius = self.sphere_radius * config.unit_share
        # The setting is in radii of the scene's sphere, the field's in radii of its unit sphere.
        in_units = replace(config.sdf_field, bias=config.sdf_field.bias / config.unit_share)
        self.config = replace(config, sdf_field=in_units)
        super().populate_modules()
        self.config = config
        self.anneal_end = config.cos_anneal_steps
        self.renderer_median_depth = DepthRenderer(method="median")
        self.sharpness_text = ReadOnlyText("Sharpness s", "not trained yet", disabled=True, hint="NeuS's s.")
        self._place_field()
        self._bound_rays()
        self._place_background()
        self._schedule_proposals()

    def _place_field(self) -> None:
        bounded = self.config.bounds == "sphere"
        self.field.move_to(UnitSpace(self.sphere_center, self.unit_radius, bounded))
        for network in self.proposal_networks:
            network.spatial_distortion = UnitSpace(self.sphere_center, self.unit_radius, bounded)
        if self.field.implementation == "fused":
            fuse_hash_encodings(self.proposal_networks, point_gradients=False)

    def _bound_rays(self) -> None:
        config = self.config
        if config.bounds == "sphere":
            center = torch.tensor(self.sphere_center)
            self.collider = SphereBounds(center, self.sphere_radius, config.near_plane)
        elif config.bounds == "near-far":
            far_plane = config.far_plane or _FAR_RADII * self.sphere_radius
            self.collider = NearFarCollider(config.near_plane, far_plane)
            self.proposal_sampler.initial_sampler = UniformLinDispPiecewiseSampler(
                single_jitter=config.use_single_jitter
            )

    def _place_background(self) -> None:
        config = self.config
        center = torch.tensor(self.sphere_center)
        if config.background_model == "nerf++":
            # nerfstudio puts a parameter in its place.
            del self.field_background
            self.field_background = InvertedSphereField(
                center,
                self.sphere_radius,
                base_mlp_num_layers=config.background_layers,
                base_mlp_layer_width=config.background_width,
                head_mlp_layer_width=config.background_width,
            )
            self.sampler_bg = InverseSphereSampler(
                config.num_samples_outside, center, self.sphere_radius, config.far_plane_bg
            )
        elif config.background_model in ("grid", "mlp"):
            self.field_background.spatial_distortion = UnitSpace(self.sphere_center, self.unit_radius)
            if self.field.implementation == "fused":
                fuse_hash_encodings(self.field_background, point_gradients=False)

    def _schedule_proposals(self) -> None:
        config = self.config
        self.proposal_schedule = ProposalSchedule(self.proposal_sampler)
        if config.proposal_schedule == "nerfacto":
            slope = (config.proposal_update_every - 1) / max(config.proposal_warmup, 1)
            self.proposal_sampler.update_sched = lambda step: min(1 + step * slope, config.proposal_update_every)

    def hardware_line(self) -> str:
        """What was chosen, for the line that a run prints at its start."""
        config = self.config
        center = ", ".join(f"{value:.3g}" for value in self.sphere_center)
        return (
            f"{implementation_line(self.field.implementation)}; preset: {config.style}, {config.scene_kind}, in the "
            f"sphere around ({center}) of radius {self.sphere_radius:.3g}; background: {config.background_model}, "
            f"{config.background_color}; depth loss: {config.depth.kind}"
        )

    def data_warnings(self, dataset: InputDataset) -> list[str]:
        """What of the scene's sphere does not suit the training cameras."""
        kind = self.config.scene_kind
        assert kind != "auto"
        return sphere_warnings(SceneSphere(self.sphere_center, self.sphere_radius, kind), dataset.cameras)

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """NeuS-facto's groups, with the hash grid's table in a group ``encodings`` of its own."""
        groups = super().get_param_groups()
        table = list(self.field.encoding.parameters())
        apart = set(map(id, table))
        groups["fields"] = [p for p in groups["fields"] if id(p) not in apart and p.requires_grad]
        groups["encodings"] = table
        return groups

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """NeuS-facto's callbacks, and those that unlock the grid's levels and keep the proposal networks' schedule.

        Raises:
            InputError: If the data set has not the depth or the normals to learn from.
        """
        config = self.config
        check_priors(config.mono_normal_loss_mult, config.mono_depth_loss_mult, self.scene_facts)
        before = [TrainingCallbackLocation.BEFORE_TRAIN_ITERATION]
        return [
            *super().get_training_callbacks(training_callback_attributes),
            TrainingCallback(before, self.field.unlock, update_every_num_iters=1),
            TrainingCallback(before, self.proposal_schedule.before_step, update_every_num_iters=1),
            TrainingCallback(
                [TrainingCallbackLocation.AFTER_TRAIN_ITERATION], self._show, update_every_num_iters=STEPS_PER_SHOW
            ),
        ]

    def _show(self, step: int) -> None:
        if self.sharpness_text.gui_handle is not None:
            self.sharpness_text.value = f"{self.field.sharpness.item():.1f}"

    def surface_value(self, points: Tensor) -> Tensor:
        """Signed distances of points ``[N, 3]``, ``[N]``, in scene units; NaN outside a bounding sphere."""
        values = self.field.sdf(points)
        if self.config.bounds != "sphere":
            return values
        return torch.where(self.field.space.unit(points).norm(dim=-1) <= 1, values, torch.nan)

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """Colour, depth along the ray (``depth`` is the median), normals and accumulation.

        ``normals`` is the direction of the mean of the samples' unit normals as a colour in [0, 1], grey where there is
        nothing; ``normal``, that mean, is given in training alone.
        """
        found = self.sample_and_forward_field(ray_bundle)
        samples, weights, of_samples = found["ray_samples"], found["weights"], found["field_outputs"]
        left = found["bg_transmittance"]
        if self.config.bounds == "sphere":
            # Within a bin without length the formula of the opacity gives what it likes.
            assert ray_bundle.nears is not None and ray_bundle.fars is not None
            hits = ray_bundle.fars > ray_bundle.nears
            weights, left = weights * hits[..., None], torch.where(hits, left, 1)
        normal = self.renderer_normal(semantics=of_samples[FieldHeadNames.NORMALS], weights=weights)
        accumulation = self.renderer_accumulation(weights=weights)
        outputs = {
            "rgb": self.renderer_rgb(rgb=of_samples[FieldHeadNames.RGB], weights=weights),
            "accumulation": accumulation,
            "depth": self.renderer_median_depth(weights=weights, ray_samples=samples),
            "expected_depth": self.renderer_depth(weights=weights, ray_samples=samples),
            "normals": (functional.normalize(normal, dim=-1) * accumulation + 1) / 2,
            "directions_norm": ray_bundle.metadata["directions_norm"],
        }
        if self.config.background_model != "none":
            outputs |= self._add_background(ray_bundle, outputs["rgb"], left)
        if self.training:
            # Only in training: else the viewer offers them as a picture, which it cannot draw.
            outputs |= {"weights": weights, "normal": normal}
            outputs |= {name: found[name] for name in ("weights_list", "ray_samples_list")}
            outputs["eik_grad"] = of_samples[FieldHeadNames.GRADIENT]
            if self.config.curvature_loss_mult > 0:
                outputs["laplacian"] = self.field.laplacian(samples)
        else:
            levels = zip(found["weights_list"][:-1], found["ray_samples_list"][:-1], strict=True)
            for i, (level_weights, level_samples) in enumerate(levels):
                outputs[f"prop_depth_{i}"] = self.renderer_depth(weights=level_weights, ray_samples=level_samples)
        return outputs

    def _add_background(self, ray_bundle: RayBundle, rgb: Tensor, transmittance: Tensor) -> dict[str, Tensor]:
        assert isinstance(self.field_background, Module)
        behind = ray_bundle
        if self.config.background_model != "nerf++":
            # nerfstudio changes the caller's rays here.
            fars = torch.full_like(ray_bundle.fars, self.config.far_plane_bg)  # type: ignore[arg-type]
            behind = ray_bundle[...]
            behind.nears, behind.fars = ray_bundle.fars, fars
        samples = self.sampler_bg(behind)
        found = self.field_background(samples)
        weights = samples.get_weights(found[FieldHeadNames.DENSITY])
        colour = self.renderer_rgb(rgb=found[FieldHeadNames.RGB], weights=weights)
        return {"rgb": rgb + transmittance * colour, "bg_rgb": colour}

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """NeuS-facto's losses, S3IM's, the depth loss, and the weighted ``curvature_loss``."""
        # nerfstudio takes monocular depth only from batches of one image and of a multiple of 32 rays, and learns from
        # normals that are not known.
        without_priors = {name: value for name, value in batch.items() if name not in ("depth", "normal")}
        losses = super().get_loss_dict(outputs, without_priors, metrics_dict)
        config = self.config
        if self.training and "normal" in batch and config.mono_normal_loss_mult > 0:
            losses["normal_loss"] = config.mono_normal_loss_mult * known_normals_loss(
                outputs["normal"], batch["normal"].to(self.device)
            )
        if self.training and "depth" in batch and config.mono_depth_loss_mult > 0:
            losses["mono_depth_loss"] = config.mono_depth_loss_mult * scale_shift_invariant_loss(
                outputs["expected_depth"][:, 0] / outputs["directions_norm"][:, 0],
                batch["depth"].reshape(-1).to(self.device),
                batch["indices"][:, 0].to(self.device),
            )
        if self.training and config.curvature_loss_mult > 0:
            laplacian = outputs["laplacian"] * self.sphere_radius
            losses["curvature_loss"] = config.curvature_loss_mult * laplacian.abs().mean()
        return losses

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """NeuS-facto's metrics and images; ``normal`` shows the output ``normals``."""
        return super().get_image_metrics_and_images({**outputs, "normal": 2 * outputs["normals"] - 1}, batch)

    def get_metrics_dict(self, outputs: dict[str, Any], batch: dict[str, Any]) -> dict[str, Tensor]:
        """PSNR and, in training, the sharpness s."""
        # NeuSModel's own waits for the device, and swaps the names of s and 1/s.
        metrics = SurfaceModel.get_metrics_dict(self, outputs, batch)
        if self.training:
            metrics["sharpness"] = self.field.sharpness[0]
        return metrics
