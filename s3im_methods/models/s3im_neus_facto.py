"""S3IM-NeuS-facto: nerfstudio's NeuS-facto (NeuS, Wang et al., NeurIPS 2021, with proposal networks) with S3IM
(Xie et al., ICCV 2023).

Differences to nerfstudio's neus-facto: the S3IM term; a signed distance field that needs no tinycudann and is evaluated
where the opacity's formula has it; a sphere of the scene's own, with presets for objects and rooms; masks and alpha as
foreground masks; a background that begins at the sphere; depth as the distance along the ray; depth and normal
supervision at any batch size; schedules that end within the run.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from nerfstudio.cameras.rays import RayBundle
from nerfstudio.models.neus_facto import NeuSFactoModel, NeuSFactoModelConfig
from torch import Tensor

from s3im_methods.compat.proposals import ProposalSchedule
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.encodings import fuse_hash_encodings
from s3im_methods.fields.fused_training import fuse_densities
from s3im_methods.models.presets import Presets, check_weights, refuse
from s3im_methods.models.surface.mixin import SurfaceMixin
from s3im_methods.models.surface.presets import NERFSTUDIO, OUR_OBJECT, OUR_ROOM
from s3im_methods.models.surface.samples import SurfaceSamples
from s3im_methods.models.surface.settings import SurfaceSettings

_OURS: dict[str, Any] = {"cos_anneal_steps": 5000, "proposal_schedule": "nerfacto"}
_STOCK: dict[str, Any] = {
    **NERFSTUDIO,
    "cos_anneal_steps": 50000,
    "proposal_schedule": "every-step",
    "sdf_field.beta_init": 0.8,
}

PRESETS: Presets = {
    ("nerfstudio", "object"): _STOCK,
    ("nerfstudio", "room"): _STOCK,
    ("ours", "object"): {**OUR_OBJECT, **_OURS},
    ("ours", "room"): {**OUR_ROOM, **_OURS},
}


@dataclass
class S3IMNeuSFactoModelConfig(SurfaceSettings, NeuSFactoModelConfig):
    """NeuS-facto's settings, and ours; a setting that is None is as the preset says."""

    _target: type = field(default_factory=lambda: S3IMNeuSFactoModel)
    """The class to instantiate."""
    style: Literal["ours", "nerfstudio"] = "ours"
    """Whose method the preset follows: ours is what measures best on our scenes, nerfstudio is nerfstudio's neus-facto;
    any single setting below can still be given."""
    cos_anneal_steps: int | None = None
    """Training steps over which the opacity's formula goes from counting surfaces seen from behind to leaving them
    out; nerfstudio's 50000 lies beyond the end of its run."""
    proposal_schedule: Literal["nerfacto", "every-step"] | None = None
    """When the proposal networks learn: nerfacto learns ever more rarely, down to one step in proposal-update-every
    after proposal-warmup steps; every-step is nerfstudio's neus-facto."""


class S3IMNeuSFactoModel(SurfaceMixin, NeuSFactoModel):
    """NeuS-facto trained with S3IM.

    Args:
        config: The model's configuration.
        scene_box: The scene's bounds.
        num_train_data: Number of training images.
        metadata: The training set's metadata, whose :class:`~s3im_methods.data.scene_facts.SceneFacts` choose the
            preset and the sphere.
    """

    config: S3IMNeuSFactoModelConfig
    presets = PRESETS

    @classmethod
    def decided(cls, config: S3IMNeuSFactoModelConfig, facts: SceneFacts) -> S3IMNeuSFactoModelConfig:
        """The settings with what preset, cameras and masks decide.

        Raises:
            InputError: If settings contradict each other or are out of range.
        """
        check_weights(config, ["interlevel_loss_mult"])
        if config.proposal_update_every < 1:
            refuse("proposal_update_every", config.proposal_update_every, "give a number of steps, 1 or more")
        config = super().decided(config, facts)
        # nerfstudio takes tinycudann wherever it is installed, and then a checkpoint made without it would not fit.
        by = "tcnn" if config.sdf_field.implementation == "tcnn" else "torch"
        networks = [{"implementation": by, **arguments} for arguments in config.proposal_net_args_list]
        return replace(config, proposal_net_args_list=networks)

    def populate_modules(self) -> None:
        """Build nerfstudio's model in the scene's sphere, and put its proposal networks there too."""
        super().populate_modules()
        config = self.config
        self.anneal_end = config.cos_anneal_steps
        for network in self.proposal_networks:
            network.spatial_distortion = self.unit_space()
        if self.field.implementation == "fused":
            fuse_hash_encodings(self.proposal_networks, point_gradients=False)
            fuse_densities(self)
        self.proposal_sampler.initial_sampler = self.first_sampler(config.use_single_jitter)
        self.proposal_schedule = ProposalSchedule(self.proposal_sampler)
        if config.proposal_schedule == "nerfacto":
            slope = (config.proposal_update_every - 1) / max(config.proposal_warmup, 1)
            self.proposal_sampler.update_sched = lambda step: min(1 + step * slope, config.proposal_update_every)

    def schedule(self, step: int) -> None:
        """Unlock levels, and keep the proposal networks' schedule a function of the step."""
        super().schedule(step)
        self.proposal_schedule.before_step(step)

    def sample(self, ray_bundle: RayBundle) -> SurfaceSamples:
        """Samples where the proposal networks say that something is."""
        samples, weights, levels = self.proposal_sampler(ray_bundle, density_fns=self.density_fns)
        return self.evaluate(ray_bundle, samples, list(zip(weights, levels, strict=True)))

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """nerfstudio's metrics and images, of which each proposal network has one."""
        # Surface rendering asks none of them.
        of_networks = {f"prop_depth_{i}": outputs["depth"] for i in range(self.config.num_proposal_iterations)}
        return super().get_image_metrics_and_images(of_networks | outputs, batch)
