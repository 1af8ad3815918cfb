"""Makes a surface method of one of nerfstudio's surface models, as :mod:`s3im_methods.models.surface` tells."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.model_components.ray_samplers import Sampler, UniformLinDispPiecewiseSampler, UniformSampler
from nerfstudio.model_components.renderers import DepthRenderer
from nerfstudio.model_components.scene_colliders import AABBBoxCollider, NearFarCollider
from nerfstudio.models.base_surface_model import SurfaceModel
from torch import Tensor
from torch.nn import Module, Parameter, functional

from s3im_methods.console import warn
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.scene_sphere import SceneSphere, sphere_warnings
from s3im_methods.encodings import chosen_implementation, fuse_hash_encodings, implementation_line
from s3im_methods.fields.sdf_field import S3IMSDFField
from s3im_methods.fields.surface_band import ELSEWHERE
from s3im_methods.fields.unit_space import UnitSpace
from s3im_methods.losses.depth.valid_rays import widened
from s3im_methods.models.crop import is_cropping
from s3im_methods.models.depth_mixin import DepthSupervisionMixin
from s3im_methods.models.presets import Presets
from s3im_methods.models.s3im_losses import STEPS_PER_SHOW
from s3im_methods.models.s3im_mixin import S3IMMixin
from s3im_methods.models.s3im_term import ReadOnlyText
from s3im_methods.models.surface.background import background_colour, beyond, inverted_background
from s3im_methods.models.surface.hidden import HiddenSpace
from s3im_methods.models.surface.presets import with_preset
from s3im_methods.models.surface.priors import check_priors, prior_losses, priors_phrase, without_priors
from s3im_methods.models.surface.rendering import SurfaceRenderer
from s3im_methods.models.surface.samples import Level, SurfaceSamples
from s3im_methods.rays.sphere_bounds import SphereBounds

_FAR_RADII = 4.0
_SURFACE_CHUNKS = 8

if TYPE_CHECKING:
    _Base = SurfaceModel
else:
    _Base = object


class SurfaceMixin(DepthSupervisionMixin, S3IMMixin, _Base):
    """What surface methods share. A method adds its presets and :meth:`sample`.

    Attributes:
        presets: The method's settings by style and kind of scene.
    """

    presets: ClassVar[Presets]
    config: Any
    field: S3IMSDFField
    decides_by_data = True
    box_advice = "sample a sphere in its place with --pipeline.model.bounds sphere"

    def sample(self, ray_bundle: RayBundle) -> SurfaceSamples:
        """Choose where on rays ``[R]`` with nears and fars to look, and return what :meth:`evaluate` finds there.

        The rays are the caller's: their nears and fars stay as they are.
        """
        raise NotImplementedError

    def schedule(self, step: int) -> None:
        """What is done before training step ``step``: unlock levels of the hash grid, and look for hidden space."""
        self.field.unlock(step)
        if self.hidden is not None:
            self.hidden.look(step)

    def schedule_ends(self) -> dict[str, int]:
        """Those of S3IM, of NeuS's annealing, and of the hash grid's levels."""
        ends, field = super().schedule_ends(), self.config.sdf_field
        if anneal_end := getattr(self, "anneal_end", 0):
            ends["cos-anneal-steps"] = anneal_end
        locked = field.num_levels - field.first_levels
        if field.use_grid_feature and field.unlock_every and locked > 0:
            ends["sdf-field.unlock-every"] = locked * field.unlock_every + 1
        return ends

    @classmethod
    def decided(cls, config: Any, facts: SceneFacts) -> Any:
        """The settings with what preset, cameras and masks decide.

        Raises:
            InputError: If settings contradict each other or are out of range.
        """
        config = with_preset(config, cls.presets, facts)
        # Kept with the run, because a checkpoint of one implementation's grids does not fit all others.
        chosen = chosen_implementation(config.sdf_field.implementation)
        return replace(config, sdf_field=replace(config.sdf_field, implementation=chosen))

    def populate_modules(self) -> None:
        """Build nerfstudio's model, then put it into the scene's sphere."""
        super().populate_modules()
        config = self.config
        self.sphere_center, self.sphere_radius = config.sphere_center, config.sphere_radius
        self.renderer_median_depth = DepthRenderer(method="median")
        self.sharpness_text = ReadOnlyText("Sharpness s", "not trained yet", disabled=True, hint="NeuS's s.")
        self.field.checks_far = config.eikonal_loss_mult > 0
        self.field.shows_last_sample = config.background_color == "last_sample"
        self.field.move_to(self.unit_space())
        self.field.start_as_sphere(config.sdf_field.bias / config.unit_share)
        self._bound_rays()
        self._place_background()
        self.surface_renderer = SurfaceRenderer(config)
        self.hidden: HiddenSpace | None = None

    def unit_space(self, bounded: bool | None = None) -> UnitSpace:
        """The unit sphere's place in the scene, a module of its own for each part of the model.

        Args:
            bounded: Whether nothing lies outside its cube; by default as the rays' bounds say.
        """
        config = self.config
        if bounded is None:
            bounded = bool(config.bounds == "sphere")
        return UnitSpace(config.sphere_center, config.sphere_radius * config.unit_share, bounded)

    def first_sampler(self, single_jitter: bool) -> Sampler:
        """The sampler of a first look along rays: evenly, or ever more widely towards a far plane.

        Args:
            single_jitter: Whether all samples of a ray are moved by the same share.
        """
        kind = UniformLinDispPiecewiseSampler if self.config.bounds == "near-far" else UniformSampler
        return kind(single_jitter=single_jitter)

    def _bound_rays(self) -> None:
        config = self.config
        if config.bounds == "sphere":
            self.collider = SphereBounds(torch.tensor(config.sphere_center), config.sphere_radius, config.near_plane)
        elif config.bounds == "near-far":
            self.collider = NearFarCollider(config.near_plane, config.far_plane or _FAR_RADII * config.sphere_radius)
        else:
            self.collider = AABBBoxCollider(self.scene_box, near_plane=config.near_plane)

    def _place_background(self) -> None:
        config = self.config
        if config.background_model == "nerf++":
            # nerfstudio puts a parameter in its place.
            del self.field_background
            self.field_background, self.sampler_bg = inverted_background(
                config, torch.tensor(config.sphere_center), config.sphere_radius
            )
        elif config.background_model != "none":
            self.field_background.spatial_distortion = self.unit_space(bounded=False)
            if self.field.implementation == "fused":
                fuse_hash_encodings(self.field_background, point_gradients=False)  # type: ignore[arg-type]

    def hardware_line(self) -> str:
        """What was chosen, for the line that a run prints at its start."""
        config = self.config
        center = ", ".join(f"{value:.3g}" for value in self.sphere_center)
        return (
            f"{implementation_line(self.field.implementation)}; preset: {config.style}, {config.scene_kind}, in the "
            f"sphere around ({center}) of radius {self.sphere_radius:.3g}; background: {config.background_model}, "
            f"{config.background_color}; depth loss: {config.depth.kind}; monocular priors: {priors_phrase(config)}"
        )

    def rays_at_once(self) -> int:
        """The setting's rays, or more where each has one sample alone."""
        return self.config.eval_num_rays_per_chunk * (_SURFACE_CHUNKS if self.surface_renderer.is_chosen else 1)

    def far_plane(self) -> float | None:
        """Where rays end with bounds near-far; None where a sphere or a box ends them."""
        return self.collider.far_plane if isinstance(self.collider, NearFarCollider) else None

    def data_warnings(self, dataset: InputDataset) -> list[str]:
        """What of the scene's sphere does not suit the training cameras."""
        sphere = SceneSphere(self.sphere_center, self.sphere_radius, self.config.scene_kind)
        return sphere_warnings(sphere, dataset.cameras)

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """nerfstudio's groups, with the hash grid's table in a group ``encodings`` of its own."""
        groups = super().get_param_groups()
        table = list(self.field.encoding.parameters())
        apart = set(map(id, table))
        groups["fields"] = [p for p in groups["fields"] if id(p) not in apart and p.requires_grad]
        groups["encodings"] = table
        return groups

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """nerfstudio's callbacks, :meth:`schedule`, and the one that keeps the viewer's panel up to date.

        Raises:
            InputError: If the data set has not the depth or the normals to learn from.
        """
        check_priors(self.config, self.scene_facts)
        if self.config.hidden_loss_mult > 0:
            pipeline = training_callback_attributes.pipeline
            data = None if pipeline is None else pipeline.datamanager.train_dataset
            eyes = torch.zeros(0, 3) if data is None else data.cameras.camera_to_worlds[:, :, 3]
            self.hidden = HiddenSpace(self.field, self.sphere_center, self.sphere_radius, eyes)
        return [
            *super().get_training_callbacks(training_callback_attributes),
            TrainingCallback(
                [TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], self.schedule, update_every_num_iters=1
            ),
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

    def evaluate(
        self,
        ray_bundle: RayBundle,
        samples: RaySamples,
        found_by: Sequence[Level] = (),
        elsewhere: Tensor | None = None,
    ) -> SurfaceSamples:
        """Evaluate the field at samples ``[R, S]``, and weigh them by the field's opacity rule.

        Args:
            ray_bundle: Their rays ``[R]``.
            samples: Where to look.
            found_by: The levels of proposals that led to them.
            elsewhere: Further points, ``[E, 3]``, whose gradients losses want; they are in ``for_losses`` under this
                name, for the caller to take from there.
        """
        of_samples = self.field(samples, return_alphas=True, elsewhere=elsewhere)
        weights, transmittance = samples.get_weights_and_transmittance_from_alphas(of_samples[FieldHeadNames.ALPHA])
        levels = [*found_by, (weights, samples)]
        left = transmittance[:, -1, :]
        if self.config.bounds == "sphere" or self.field.opacity.pointwise:
            # Within a bin without length an opacity rule gives what it likes.
            assert ray_bundle.nears is not None and ray_bundle.fars is not None
            # nerfstudio's box gives a ray that misses it a millionth.
            hits = ray_bundle.fars - ray_bundle.nears > (0 if self.config.bounds == "sphere" else 1e-5)
            weights, left = weights * hits[..., None], torch.where(hits, left, 1)
        for_losses = {"eik_grad": of_samples[FieldHeadNames.GRADIENT]}
        if elsewhere is not None:
            for_losses[ELSEWHERE] = of_samples[ELSEWHERE]
        if self.training and self.config.curvature_loss_mult > 0:
            for_losses["laplacian"] = self.field.laplacian(samples)
        colours, normals = of_samples[FieldHeadNames.RGB], of_samples[FieldHeadNames.NORMALS]
        return SurfaceSamples(samples, colours, normals, weights, left, levels, for_losses)

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """Colour, depth along the ray (``depth`` is the median), normals and accumulation.

        ``normals`` is the direction of the mean of the samples' unit normals as a colour in [0, 1], grey where there is
        nothing; ``normal``, that mean, is given in training alone.
        """
        by_surface = self.surface_renderer.is_chosen and not self.training
        found = self.surface_renderer(ray_bundle, self.field) if by_surface else self.sample(ray_bundle)
        samples, weights = found.samples, found.weights
        normal = self.renderer_normal(semantics=found.normals, weights=weights)
        accumulation = self.renderer_accumulation(weights=weights)
        outputs = {
            "rgb": self.renderer_rgb(rgb=found.colours, weights=weights),
            "accumulation": accumulation,
            "depth": self.renderer_median_depth(weights=weights, ray_samples=samples),
            "expected_depth": self.renderer_depth(weights=weights, ray_samples=samples),
            # Weights may sum up to a little more than 1, and ns-export accepts nothing above.
            "normals": ((functional.normalize(normal, dim=-1) * accumulation + 1) / 2).clamp(0, 1),
            "directions_norm": ray_bundle.metadata["directions_norm"],
        }
        # A crop shows its own colour behind the box.
        if self.config.background_model != "none" and not is_cropping():
            outputs |= self._add_background(ray_bundle, outputs["rgb"], found.transmittance)
        if self.training:
            # Only in training: else the viewer offers them as a picture, which it cannot draw.
            outputs |= {"weights": weights, "normal": normal, "fars": ray_bundle.fars, **found.for_losses}
            outputs["weights_list"], outputs["ray_samples_list"] = map(list, zip(*found.levels, strict=True))
        else:
            for i, (level_weights, level_samples) in enumerate(found.levels[:-1]):
                outputs[f"prop_depth_{i}"] = self.renderer_depth(weights=level_weights, ray_samples=level_samples)
        return outputs

    def _add_background(self, ray_bundle: RayBundle, rgb: Tensor, transmittance: Tensor) -> dict[str, Tensor]:
        assert isinstance(self.field_background, Module)
        # NeRF++'s sampler begins where the sphere ends by itself.
        behind = ray_bundle
        if self.config.background_model != "nerf++":
            behind = beyond(ray_bundle, self.config.far_plane_bg)
        colour = background_colour(behind, self.field_background, self.sampler_bg, self.renderer_rgb)
        return {"rgb": rgb + transmittance * colour, "bg_rgb": colour}

    def get_outputs_for_camera_ray_bundle(self, camera_ray_bundle: RayBundle) -> dict[str, Tensor]:
        """An image's outputs, ``[H, W, C]`` each; where surface rendering lost rays it says so in one line."""
        outputs = super().get_outputs_for_camera_ray_bundle(camera_ray_bundle)
        if (sentence := self.surface_renderer.report()) is not None:
            warn(sentence)
        return outputs

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """nerfstudio's losses, S3IM's, the depth loss, those on monocular priors, and the ``curvature_loss``."""
        # CUDA's autocast refuses the cross entropy of masks.
        with torch.autocast(self.device.type, enabled=False):
            losses = super().get_loss_dict(widened(outputs), without_priors(batch), metrics_dict)
        if self.training:
            losses |= prior_losses(self.config, outputs, batch, self.scene_facts, self.train_step)
        if self.training and self.hidden is not None and (distance := self.hidden.loss()) is not None:
            losses["hidden_loss"] = self.config.hidden_loss_mult * distance
        if "laplacian" in outputs:
            laplacian = outputs["laplacian"] * self.sphere_radius
            losses["curvature_loss"] = self.config.curvature_loss_mult * laplacian.abs().mean()
        return losses

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """nerfstudio's metrics and images; ``normal`` shows the output ``normals``."""
        return super().get_image_metrics_and_images({**outputs, "normal": 2 * outputs["normals"] - 1}, batch)

    def get_metrics_dict(self, outputs: dict[str, Any], batch: dict[str, Any]) -> dict[str, Tensor]:
        """PSNR and, in training, the sharpness s."""
        # NeuSModel's own waits for the device, and swaps the names of s and 1/s.
        metrics = SurfaceModel.get_metrics_dict(self, outputs, batch)
        if self.training:
            metrics["sharpness"] = self.field.sharpness[0]
        return metrics
