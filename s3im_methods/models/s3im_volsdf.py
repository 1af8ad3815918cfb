"""S3IM-VolSDF: VolSDF (Yariv et al., NeurIPS 2021) on nerfstudio's surface model, with S3IM (Xie et al., ICCV 2023).

nerfstudio has no VolSDF. Differences to the original: the S3IM term; a hash grid before small networks; a beta that
follows a schedule, because masks shrink a surface by a few beta; samples that are looked for ray by ray; presets.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.models.base_surface_model import SurfaceModel, SurfaceModelConfig
from torch import Tensor

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.fields.laplace_opacity import MAX_SHARPNESS, LaplaceOpacity
from s3im_methods.models.presets import Presets, refuse
from s3im_methods.models.s3im_neus import NeuSFieldConfig
from s3im_methods.models.s3im_term import ReadOnlyText
from s3im_methods.models.surface.mixin import SurfaceMixin
from s3im_methods.models.surface.presets import HASH_GRID, OUR_OBJECT, OUR_ROOM, PAPER_NETWORKS
from s3im_methods.models.surface.samples import SurfaceSamples
from s3im_methods.models.surface.settings import SurfaceSettings
from s3im_methods.rays.error_bounded_samples import ErrorBound, ErrorBoundedSampler

_OURS: dict[str, Any] = {**HASH_GRID, "beta": "scheduled", "convergence": "ray", "eikonal_points": 0.0}
_OURS |= {"num_first_samples": 64, "num_more_samples": 32, "sampling_rounds": 4, "num_extra_samples": 0}
_PAPER: dict[str, Any] = {**PAPER_NETWORKS, "beta": "learned", "convergence": "batch"}
_PAPER |= {"num_first_samples": 128, "num_more_samples": 128, "sampling_rounds": 5, "num_opacity_samples": 64}
_PAPER |= {"num_extra_samples": 32, "eikonal_points": 0.5, "sdf_field.beta_init": math.log(10) / 10}  # 0.1
_OBJECT = {**OUR_OBJECT, "num_opacity_samples": 0, "final_sharpness": 1500.0, "sdf_field.beta_init": 0.4}
# A room stays fog for long, of which every sample would be evaluated in full. No mask shrinks it.
_ROOM = {**OUR_ROOM, "num_opacity_samples": 24, "final_sharpness": 300.0, "sdf_field.beta_init": 0.3}

PRESETS: Presets = {
    (style, kind): {**base, **own}
    for style, own in (("ours", _OURS), ("paper", _PAPER))
    for kind, base in (("object", _OBJECT), ("room", _ROOM))
}
PRESETS["ours", "object"]["hidden_loss_mult"] = 0.1

_LEAST = dict.fromkeys(("sampling_rounds", "num_first_samples", "num_more_samples", "sharpness_steps"), 1)
_LEAST |= dict.fromkeys(("num_opacity_samples", "num_extra_samples"), 0)


@dataclass
class S3IMVolSDFModelConfig(SurfaceSettings, SurfaceModelConfig):
    """Settings of surface methods, and VolSDF's; a setting that is None is as the preset says."""

    _target: type = field(default_factory=lambda: S3IMVolSDFModel)
    """The class to instantiate."""
    style: Literal["ours", "paper"] = "ours"
    """Whose method the preset follows: ours has a schedule for beta and looks for samples ray by ray, paper has the
    original's learned beta, sample counts and convergence; any single setting below can still be given."""
    sdf_field: NeuSFieldConfig = field(default_factory=NeuSFieldConfig)
    """Settings of the signed distance field."""
    beta: Literal["learned", "scheduled"] | None = None
    """How the scale of the density becomes small. learned: as in the original; foreground masks then shrink the
    surface. scheduled: 1 / beta is a function of the step, which grows by equal ratios from sdf-field.beta-init on."""
    final_sharpness: float | None = None
    """What 1 / beta is at the end of the schedule, in units of the unit sphere."""
    sharpness_steps: int = 16000
    """Training steps that the schedule takes; for a shorter run give fewer, about 80 % of the run."""
    convergence: Literal["ray", "batch"] | None = None
    """Which rays get another sampling round: ray, only those whose opacity is not known well enough yet; batch, all
    while there is one such ray, as in the original."""
    opacity_error: float = 0.1
    """Error of a ray's opacity below which it gets no further round; above 0."""
    sampling_rounds: int | None = None
    """Most sampling rounds along a ray, the first included; each evaluates signed distances alone."""
    num_first_samples: int | None = None
    """Samples of the first round."""
    num_more_samples: int | None = None
    """Samples that each further round adds."""
    num_opacity_samples: int | None = None
    """Samples per ray that are drawn from the opacity and evaluated; 0 takes the bins between the samples of all
    rounds, and num-more-samples further ones."""
    num_extra_samples: int | None = None
    """Samples of the rounds that are evaluated in full besides those."""
    eikonal_points: float | None = None
    """Random points of the eikonal loss per ray, in the cube around the scene's sphere; one sample per ray joins them.
    0 uses the gradients of all samples instead."""


class S3IMVolSDFModel(SurfaceMixin, SurfaceModel):
    """VolSDF trained with S3IM; by ``level_from_masks`` it asks mesh export for the level that masks have the outline
    at."""

    config: S3IMVolSDFModelConfig
    presets = PRESETS
    level_from_masks = True

    @classmethod
    def decided(cls, config: S3IMVolSDFModelConfig, facts: SceneFacts) -> S3IMVolSDFModelConfig:
        """The settings with what preset, cameras and masks decide.

        Raises:
            InputError: If settings contradict each other or are out of range.
        """
        result = super().decided(config, facts)
        for name, least in _LEAST.items():
            if getattr(result, name) < least:
                refuse(name, getattr(result, name), f"give a number of {least} or more")
        if result.num_opacity_samples in (1, 2, 3):
            refuse("num_opacity_samples", result.num_opacity_samples, "give 4 or more, or 0 for the bins of the search")
        if not result.sdf_field.beta_init > 0:  # type: ignore[operator]
            refuse("sdf_field.beta_init", result.sdf_field.beta_init, "give a scale above 0, such as 0.1")
        if not 0 < result.opacity_error < math.inf:
            refuse("opacity_error", result.opacity_error, "give an error above 0, such as 0.1")
        if not 0 < result.final_sharpness <= MAX_SHARPNESS:
            refuse("final_sharpness", result.final_sharpness, f"give a number above 0, up to {MAX_SHARPNESS:.0f}")
        if not 0 <= result.eikonal_points < math.inf:
            refuse("eikonal_points", result.eikonal_points, "give a number of points per ray, 0 or more")
        return result

    def populate_modules(self) -> None:
        """Build nerfstudio's surface model in the scene's sphere, with VolSDF's opacity and sampler."""
        super().populate_modules()
        config: Any = self.config
        final = config.final_sharpness if config.beta == "scheduled" else None
        self.field.use_opacity(LaplaceOpacity(config.sdf_field.beta_init, final))
        self.sharpness_text = ReadOnlyText("Sharpness", "not trained yet", disabled=True, hint="1 / beta of VolSDF.")
        search = ErrorBound(
            config.num_first_samples,
            config.num_more_samples,
            config.sampling_rounds,
            config.opacity_error,
            config.convergence,
            config.num_opacity_samples,
            config.num_extra_samples,
            band=config.sdf_field.band,
        )
        self.sampler = ErrorBoundedSampler(search, self.first_sampler(single_jitter=True))

    def schedule_ends(self) -> dict[str, int]:
        """Those of S3IM and, where beta follows a schedule, of that."""
        ends = {"sharpness-steps": self.config.sharpness_steps} if self.config.beta == "scheduled" else {}
        return {**super().schedule_ends(), **ends}

    def schedule(self, step: int) -> None:
        """Unlock levels, and set beta where it follows a schedule."""
        super().schedule(step)
        self.field.opacity.progress = min(1.0, step / self.config.sharpness_steps)

    def sample(self, ray_bundle: RayBundle) -> SurfaceSamples:
        """Samples by which the opacity is known well enough."""
        samples = self.sampler(ray_bundle, sdf=self.field.sdf, beta=1 / self.field.opacity.sharpness())
        found = self.evaluate(ray_bundle, samples)
        if self.training and self.config.eikonal_points:
            found.for_losses["eik_grad"] = self._eikonal_gradients(found.for_losses["eik_grad"], len(ray_bundle))
        return found

    def _eikonal_gradients(self, of_samples: Tensor, rays: int) -> Tensor:
        """Gradients ``[N, 3]`` at one sample per ray, most of them near the surface, and at points of the cube."""
        of_samples = of_samples.reshape(-1, 3)
        drawn = torch.randint(len(of_samples), (rays,), device=of_samples.device)
        evenly = max(1, round(rays * (self.config.eikonal_points or 0)))
        cube = 2 * torch.rand(evenly, 3, device=of_samples.device) - 1
        points = cube * self.sphere_radius + cube.new_tensor(self.sphere_center)
        return torch.cat([of_samples[drawn], self.field.geometry(points)[2]])
