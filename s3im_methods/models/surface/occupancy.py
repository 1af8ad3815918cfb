"""Occupancy sampling for a surface model: its grid, its samples, and how many rays a training step takes."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from torch import Tensor, nn
from torch.nn import functional

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.fields.sdf_field import S3IMSDFField
from s3im_methods.models.presets import refuse
from s3im_methods.models.surface.mixin import SurfaceMixin
from s3im_methods.models.surface.samples import SurfaceSamples
from s3im_methods.rays.known_distances import KnownDistances
from s3im_methods.rays.occupancy_grid import OccupancyGrid
from s3im_methods.rays.occupied_steps import OccupiedStepSampler
from s3im_methods.rays.ray_budget import RayBudget

_SAMPLES_PER_CHECKED_POINT = 8
_BAND = 8.0
"""Of a field that has none."""


@dataclass
class OccupancySettings:
    """What occupancy sampling adds to a surface model's settings."""

    sampling: Literal["hierarchical", "occupancy"] = "hierarchical"
    """Where samples lie. hierarchical: the method's own rounds. occupancy: equal steps wherever a coarse grid is not
    empty (instant-ngp), with as many rays as samples-per-batch allows."""
    samples_per_batch: int = 1 << 18
    """With sampling occupancy: samples that a training step aims at; it takes 256 to 4096 rays for that, and the data
    manager's number of rays does not count."""
    occupancy_resolution: int = 128
    """With sampling occupancy: cells of the grid along a side of the cube around the sphere."""
    occupancy_step: float = 3.4e-3
    """With sampling occupancy: length of a step along a ray, in radii of the sphere."""


def _check(config: Any) -> None:
    if config.bounds != "sphere":
        refuse("bounds", config.bounds, "with --pipeline.model.sampling occupancy it has to be sphere")
    if config.samples_per_batch < 1:
        refuse("samples_per_batch", config.samples_per_batch, "give 1 or more")
    if not 2 <= config.occupancy_resolution <= 512:
        refuse("occupancy_resolution", config.occupancy_resolution, "give 2 to 512 cells")
    if not 1e-4 <= config.occupancy_step <= 1:
        refuse("occupancy_step", config.occupancy_step, "give a length from 0.0001 to 1")


class OccupancySampling(nn.Module):
    """What a model with occupancy sampling has; all of its state is in the checkpoint.

    Args:
        config: With :class:`OccupancySettings`.
        field: Whose surface is sampled; it is not part of this module.
    """

    def __init__(self, config: Any, field: S3IMSDFField) -> None:
        super().__init__()
        self.grid = OccupancyGrid(config.occupancy_resolution, config.occupancy_step)
        self.sampler = OccupiedStepSampler(self.grid, field.space)
        self.budget = RayBudget(config.samples_per_batch)

    def refresh(self, step: int, field: S3IMSDFField) -> None:
        """Before a training step: look where the field's surface is."""
        space = field.space
        self.grid.refresh(
            step,
            lambda points: field.sdf(points * space.radius + space.center) / space.radius,
            field.config.band / field.sharpness,
        )

    def forward(self, ray_bundle: RayBundle) -> RaySamples:
        """Samples of rays ``[R]``; in training their number decides how many rays the next step takes."""
        samples = self.sampler(ray_bundle)
        if self.training:
            known = KnownDistances.of(samples)
            assert known is not None
            self.budget.note(len(ray_bundle), int(known.least.isfinite().sum()))
        return samples

    def gradients_in_sphere(self, field: S3IMSDFField, samples: int) -> Tensor:
        """Gradients ``[N, 3]`` of the signed distance at random points of the sphere, for the eikonal loss.

        Args:
            field: Of the model.
            samples: How many samples the step has; there is one point for every eighth.
        """
        space = field.space
        count = max(samples // _SAMPLES_PER_CHECKED_POINT, 1)
        directions = functional.normalize(torch.randn(count, 3, device=space.radius.device), dim=-1)
        radii = torch.rand(count, 1, device=space.radius.device) ** (1 / 3)
        return field.geometry(directions * radii * space.radius + space.center)[2]

    def callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        """The one that tells the data manager's pixel sampler how many rays the next step takes."""
        manager = getattr(attributes.pipeline, "datamanager", None)

        def set_rays(step: int) -> None:
            pixels = getattr(manager, "train_pixel_sampler", None)
            if pixels is not None:
                pixels.set_num_rays_per_batch(self.budget.rays)

        return [TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], set_rays, update_every_num_iters=1)]


class OccupancyMixin(SurfaceMixin):
    """A surface method that can sample by occupancy; ``sample`` asks :meth:`sample_where_occupied` where it does.

    Attributes:
        occupancy: None where the samples are the method's own.
    """

    occupancy: OccupancySampling | None

    @classmethod
    def decided(cls, config: Any, facts: SceneFacts) -> Any:
        """The settings with what preset, cameras and masks decide.

        Raises:
            InputError: If settings contradict each other or are out of range.
        """
        config = super().decided(config, facts)
        if config.sampling != "occupancy":
            return config
        _check(config)
        # Rows of samples are filled with bins that hold nothing, which only a band leaves out.
        band = config.sdf_field.band or _BAND
        return replace(config, sdf_field=replace(config.sdf_field, band=band))

    def populate_modules(self) -> None:
        """Build the model, and what occupancy sampling needs."""
        super().populate_modules()
        config = self.config
        self.occupancy = OccupancySampling(config, self.field) if config.sampling == "occupancy" else None

    def schedule(self, step: int) -> None:
        """Unlock levels, and look where the surface is."""
        super().schedule(step)
        if self.occupancy is not None:
            self.occupancy.refresh(step, self.field)

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """The base's, and what occupancy sampling adds."""
        callbacks = super().get_training_callbacks(training_callback_attributes)
        if self.occupancy is not None:
            callbacks += self.occupancy.callbacks(training_callback_attributes)
        return callbacks

    def sample_where_occupied(self, ray_bundle: RayBundle) -> SurfaceSamples:
        """Samples of rays ``[R]`` at equal steps where the grid is not empty, evaluated."""
        assert self.occupancy is not None
        found = self.evaluate(ray_bundle, self.occupancy(ray_bundle))
        if self.training:
            gradients = found.for_losses["eik_grad"]
            elsewhere = self.occupancy.gradients_in_sphere(self.field, len(gradients))
            found.for_losses["eik_grad"] = torch.cat([gradients, elsewhere])
        return found
