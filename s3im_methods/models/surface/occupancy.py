"""Occupancy sampling for a surface model: its grid, its samples, and how many rays a training step takes."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from torch import Tensor, nn
from torch.nn import functional

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.fields.sdf_field import S3IMSDFField
from s3im_methods.fields.surface_band import ELSEWHERE, FAR_SAMPLES_PER_CHECKED, bins_near_surface
from s3im_methods.models.presets import refuse
from s3im_methods.models.surface.mixin import SurfaceMixin
from s3im_methods.models.surface.samples import SurfaceSamples
from s3im_methods.rays.occupancy_grid import OccupancyGrid
from s3im_methods.rays.occupied_steps import OccupiedStepSampler, Steps, in_rows
from s3im_methods.rays.ray_budget import RayBudget

_SAMPLES_PER_CHECKED_POINT = 8
_WIDE_BAND = 4.0
"""Half diagonals of a cell, from which on the band is not looked for before samples are evaluated."""
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

    Attributes:
        steps_taken: How many steps in occupied cells the latest rays had.
    """

    def __init__(self, config: Any, field: S3IMSDFField) -> None:
        super().__init__()
        self.grid = OccupancyGrid(config.occupancy_resolution, config.occupancy_step)
        self.sampler = OccupiedStepSampler(self.grid, field.space)
        self.budget = RayBudget(config.samples_per_batch)
        self.steps_taken = 0

    def refresh(self, step: int, field: S3IMSDFField) -> None:
        """Before a training step: look where the field's surface is."""
        space = field.space
        self.grid.refresh(
            step,
            lambda points: field.sdf(points * space.radius + space.center) / space.radius,
            field.config.band / field.sharpness,
        )

    def forward(self, ray_bundle: RayBundle, field: S3IMSDFField) -> tuple[RaySamples, Tensor]:
        """Samples of rays ``[R]``, and points ``[E, 3]``, of which each stands for eight that were left out.

        A sharp surface is looked at first: steps that are clear, and those behind a solid, are left out. The points,
        which the eikonal loss wants, are some of their middles. In training the number of steps in occupied cells
        decides how many rays the next step takes.
        """
        steps = self.sampler.steps(ray_bundle)
        sdf, passed = None, steps[:0]
        self.steps_taken = int((steps.ends > steps.starts).sum())
        if self.training:
            self.budget.note(len(ray_bundle), self.steps_taken)
        if self.steps_taken and self._is_worth_a_look(field):
            sdf = field.sdf(steps.middles(ray_bundle))
            counts = steps_that_count(steps, sdf, field)
            steps, sdf, passed = steps[counts], sdf[counts], steps[~counts & (steps.ends > steps.starts)]
        samples = in_rows(ray_bundle, steps, sdf)
        drawn = torch.rand_like(passed.starts) < 1 / FAR_SAMPLES_PER_CHECKED
        return samples, passed[drawn].middles(ray_bundle)

    def _is_worth_a_look(self, field: S3IMSDFField) -> bool:
        """Whether the band is so narrow that many steps in occupied cells lie beside it."""
        return bool(field.config.band / field.sharpness < _WIDE_BAND * self.grid.half_diagonal)

    def points_in_sphere(self, field: S3IMSDFField, samples: int) -> Tensor:
        """Random points ``[N, 3]`` of the sphere, for the eikonal loss.

        Args:
            field: Of the model.
            samples: How many samples the step has; there is one point for every eighth.
        """
        space = field.space
        count = max(samples // _SAMPLES_PER_CHECKED_POINT, 1)
        directions = functional.normalize(torch.randn(count, 3, device=space.radius.device), dim=-1)
        radii = torch.rand(count, 1, device=space.radius.device) ** (1 / 3)
        return directions * radii * space.radius + space.center

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
        occupancy = self.occupancy
        assert occupancy is not None
        samples, left_out = occupancy(ray_bundle, self.field)
        if not self.training:
            return self.evaluate(ray_bundle, samples)
        in_sphere = occupancy.points_in_sphere(self.field, occupancy.steps_taken)
        found = self.evaluate(ray_bundle, samples, elsewhere=torch.cat([left_out, in_sphere]))
        of_left_out, of_sphere = found.for_losses.pop(ELSEWHERE).split([len(left_out), len(in_sphere)])
        of_left_out = of_left_out.repeat(FAR_SAMPLES_PER_CHECKED, 1)
        found.for_losses["eik_grad"] = torch.cat([found.for_losses["eik_grad"], of_left_out, of_sphere])
        return found


def steps_that_count(steps: Steps, sdf: Tensor, field: S3IMSDFField) -> Tensor:
    """Which steps come near to the surface or stop what has passed it, and get some light, ``[N]``.

    Args:
        steps: In the order of rays and along them.
        sdf: Signed distances at their middles, ``[N]``, scene units.
        field: With its sharpness, its band and its threshold.
    """
    sharpness, lengths = field.opacity.sharpness().detach(), steps.ends - steps.starts
    is_near = bins_near_surface(sdf, lengths, sharpness, field.config.band)
    is_solid = ~is_near & (sdf < 0)
    threshold = field.config.color_weight_threshold
    if threshold == 0:
        return is_near | is_solid
    # As surface_band has it for samples in rows. Sums of thousands of rays take more digits than those of one.
    depth = torch.where(is_solid, lengths * sharpness, 0).double()
    before = depth.cumsum(dim=0) - depth
    is_first = torch.ones_like(is_near)
    is_first[1:] = steps.rays[1:] != steps.rays[:-1]
    before = before - before[is_first][is_first.cumsum(dim=0) - 1]
    return (is_near | is_solid) & (before <= -math.log(threshold))
