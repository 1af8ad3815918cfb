"""S3IM-UNISURF: UNISURF (Oechsle et al., ICCV 2021), trained with S3IM (Xie et al., ICCV 2023).

Rays are sampled in a shrinking interval around where they first meet the surface, which is an occupancy of one half.

Differences to the original: the S3IM term; unless the style is the paper's, a hash grid, a learned slope and a little
of the eikonal loss; and all that :class:`~s3im_methods.models.surface.mixin.SurfaceMixin` brings to a surface method.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.models.base_surface_model import SurfaceModel, SurfaceModelConfig
from torch import Tensor

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.fields.occupancy_opacity import OccupancyOpacity
from s3im_methods.fields.surface_band import ELSEWHERE
from s3im_methods.losses.normals import smooth_normals_loss
from s3im_methods.models.presets import Presets, check_weights, refuse
from s3im_methods.models.s3im_neus import NeuSFieldConfig
from s3im_methods.models.surface.mixin import SurfaceMixin
from s3im_methods.models.surface.presets import HASH_GRID, OUR_OBJECT, OUR_ROOM, PAPER_NETWORKS
from s3im_methods.models.surface.samples import SurfaceSamples
from s3im_methods.models.surface.settings import SurfaceSettings
from s3im_methods.rays.root_finding import known_by, sparse_march, surface_roots
from s3im_methods.rays.shrinking_interval import IntervalSampler, half_width

_OURS: dict[str, Any] = {**HASH_GRID, "learn_slope": True, "eikonal_loss_mult": 0.02}
_OURS |= {"march_steps": 128, "interval_steps": 12000, "smoothness_reach": 0.01}
_OBJECT: dict[str, Any] = {**OUR_OBJECT, **_OURS, "hidden_loss_mult": 0.1}
_OBJECT |= {"interval_start": 0.5, "interval_end": 0.03}
# A room's sphere is three times as large as where its cameras are. A soft occupancy leaves its walls bumpy.
_ROOM: dict[str, Any] = {**OUR_ROOM, **_OURS, "interval_start": 0.17, "interval_end": 0.01, "sdf_field.beta_init": 0.4}
# Its slope is 10. Its interval of 2.0 to 0.1 and its reach of 0.005 are in a box of half side 4; ln(20) / 1.5e-5 steps
# lie between the interval's two ends.
_PAPER: dict[str, Any] = {**PAPER_NETWORKS, "learn_slope": False, "sdf_field.beta_init": 0.2302585}
_PAPER |= {"eikonal_loss_mult": 0.0, "march_steps": 256, "interval_steps": 199715}
_PAPER |= {"interval_start": 0.5, "interval_end": 0.025, "smoothness_reach": 0.00125}

PRESETS: Presets = {
    ("ours", "object"): _OBJECT,
    ("ours", "room"): _ROOM,
    ("paper", "object"): {**OUR_OBJECT, **_PAPER},
    ("paper", "room"): {**OUR_ROOM, **_PAPER},
}
_FINE = 2.0
"""Steps of the march shorter than this over the slope say enough of the distances between them."""
_LEAST = {"march_steps": 2, "secant_steps": 0, "num_samples": 1, "num_samples_before": 0, "interval_steps": 1}


@dataclass
class S3IMUniSurfModelConfig(SurfaceSettings, SurfaceModelConfig):
    """The settings that all surface methods share, and UNISURF's; a setting that is None is as the preset says."""

    _target: type = field(default_factory=lambda: S3IMUniSurfModel)
    """The class to instantiate."""
    style: Literal["ours", "paper"] = "ours"
    """Whose method the preset follows: ours has a hash grid before small networks, paper has networks of 8 and 4 layers
    and the original's march, interval and fixed slope; any single setting below can still be given."""
    sdf_field: NeuSFieldConfig = field(default_factory=NeuSFieldConfig)
    """Settings of the occupancy's field."""
    eikonal_loss_mult: float | None = None  # type: ignore[assignment]
    """Weight of the eikonal loss. The original has none; a hash grid without it opens pits into the inside."""
    march_steps: int | None = None
    """Even steps along a ray that find where it first meets the surface."""
    secant_steps: int = 8
    """Secant steps that refine that place."""
    num_samples: int = 64
    """Samples per ray in the interval around the surface."""
    num_samples_before: int = 32
    """Samples per ray between the near plane and the interval. On a ray that meets no surface both kinds are spread
    over the whole ray."""
    interval_start: float | None = None
    """Half the interval's length at the start, in radii of the scene's sphere."""
    interval_end: float | None = None
    """Half the interval's length at the end."""
    interval_steps: int | None = None
    """Training steps over which it shrinks, by equal ratios; for a shorter run give fewer, about 60 % of the run."""
    learn_slope: bool | None = None
    """Whether the occupancy's slope is learned, starting at sdf-field.beta-init."""
    smoothness_loss_mult: float = 0.005
    """Weight of the smoothness loss: how much normals at the surface differ from those of nearby points."""
    smoothness_reach: float | None = None
    """Largest distance, along each axis, to the nearby points whose normals are compared; in radii of the scene's
    sphere. If not set: 0.00125 in style paper, 0.01 otherwise."""


class S3IMUniSurfModel(SurfaceMixin, SurfaceModel):
    """UNISURF trained with S3IM; mesh export asks ``surface_kind`` what :meth:`surface_value` gives."""

    config: S3IMUniSurfModelConfig
    presets = PRESETS
    surface_kind = "occupancy"

    @classmethod
    def decided(cls, config: S3IMUniSurfModelConfig, facts: SceneFacts) -> S3IMUniSurfModelConfig:
        """The settings with what preset, cameras and masks decide.

        Raises:
            InputError: If settings contradict each other or are out of range.
        """
        check_weights(config := super().decided(config, facts), ["smoothness_loss_mult"])
        for name, least in _LEAST.items():
            if getattr(config, name) < least:
                refuse(name, getattr(config, name), f"give {least} or more")
        for name in ("interval_start", "interval_end", "smoothness_reach"):
            if not 0 < getattr(config, name) < float("inf"):
                refuse(name, getattr(config, name), "give a length above 0, in radii of the scene's sphere")
        if config.interval_end > config.interval_start:  # type: ignore[operator]
            refuse("interval_end", config.interval_end, f"give at most interval-start, {config.interval_start}")
        return config

    def populate_modules(self) -> None:
        """Build the surface model, then give it this method's opacity and its sampler."""
        super().populate_modules()
        config = self.config
        self.field.use_opacity(OccupancyOpacity(config.sdf_field.beta_init, bool(config.learn_slope)))  # type: ignore[arg-type]
        self.march = self.first_sampler(single_jitter=True)
        self.march.num_samples = config.march_steps  # type: ignore[assignment]
        self.sampler = IntervalSampler(config.num_samples, config.num_samples_before)
        self.schedule(0)

    def schedule_ends(self) -> dict[str, int]:
        """Those of S3IM, and of the interval."""
        return {**super().schedule_ends(), "interval-steps": self.config.interval_steps or 0}

    def schedule(self, step: int) -> None:
        """Unlock levels, and shrink the interval."""
        super().schedule(step)
        self.field.opacity.progress = min(1.0, step / self.config.interval_steps)  # type: ignore[operator]

    def surface_value(self, points: Tensor) -> Tensor:
        """Occupancies of points ``[N, 3]``, ``[N]``, from 0 to 1; NaN outside a bounding sphere."""
        return self.field.opacity.occupancy(super().surface_value(points))  # type: ignore[operator]

    def sample(self, ray_bundle: RayBundle) -> SurfaceSamples:
        """Samples around the place where a ray meets the surface; in training how smooth it is there too."""
        config = self.config
        half = half_width(self.field.opacity.progress, config.interval_start, config.interval_end)  # type: ignore[arg-type]
        if config.sdf_field.band > 0:
            sharpness = self.field.opacity.sharpness().detach()
            reach = config.sdf_field.band / sharpness
            march = sparse_march(self.march(ray_bundle), self.field.sdf, config.secant_steps, reach)
            roots, found = march.roots, march.found
            samples = self.sampler(ray_bundle, roots=roots, found=found, half=half * self.sphere_radius)
            samples = known_by(march, samples, self.field.sdf, reach, _FINE / sharpness)
        else:
            roots, found = surface_roots(self.march(ray_bundle), self.field.sdf, config.secant_steps)
            samples = self.sampler(ray_bundle, roots=roots, found=found, half=half * self.sphere_radius)
        if not (self.training and config.smoothness_loss_mult > 0):
            return self.evaluate(ray_bundle, samples)
        points, found = self._smooth_points(ray_bundle.origins + ray_bundle.directions * roots, found[:, 0])
        result = self.evaluate(ray_bundle, samples, elsewhere=points)
        here, nearby = result.for_losses.pop(ELSEWHERE).chunk(2)
        result.for_losses["smoothness"] = smooth_normals_loss(here, nearby, found)
        return result

    def _smooth_points(self, points: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
        """Points at the surface and then one near each, and which of these pairs count."""
        # Picking rays would make a GPU wait; with a band it waits anyway. Encodings do not take empty batches.
        if self.config.sdf_field.band > 0 and found.any():
            points, found = points[found], found[found]
        aside = self.config.smoothness_reach * self.sphere_radius * (2 * torch.rand_like(points) - 1)  # type: ignore[operator]
        return torch.cat([points, points + aside]), found

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """The losses of every surface method, and the ``smoothness_loss``."""
        losses = super().get_loss_dict(outputs, batch, metrics_dict)
        if "smoothness" in outputs:
            losses["smoothness_loss"] = self.config.smoothness_loss_mult * outputs["smoothness"]
        return losses
