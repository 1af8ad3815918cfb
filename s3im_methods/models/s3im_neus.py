"""S3IM-NeuS: NeuS (Wang et al., NeurIPS 2021) with its own hierarchical samples, trained with S3IM (Xie et al., ICCV
2023).

Differences to nerfstudio's neus: the S3IM term; a hash grid before small networks, unless the style is the paper's;
samples that end where the bins do, whose distances are used twice; and all that
:class:`~s3im_methods.models.surface.mixin.SurfaceMixin` brings to a surface method.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from nerfstudio.cameras.rays import RayBundle
from nerfstudio.models.neus import NeuSModel, NeuSModelConfig

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.models.presets import Presets, refuse
from s3im_methods.models.surface.occupancy import OccupancyMixin, OccupancySettings
from s3im_methods.models.surface.presets import HASH_GRID, OUR_OBJECT, OUR_ROOM, PAPER_NETWORKS
from s3im_methods.models.surface.samples import SurfaceSamples
from s3im_methods.models.surface.settings import SurfaceSettings
from s3im_methods.rays.hierarchical import HierarchicalSampler

_OURS: dict[str, Any] = {**HASH_GRID, "cos_anneal_steps": 5000}
_PAPER: dict[str, Any] = {**PAPER_NETWORKS, "cos_anneal_steps": 50000}

PRESETS: Presets = {
    ("ours", "object"): {**OUR_OBJECT, **_OURS},
    ("ours", "room"): {**OUR_ROOM, **_OURS},
    ("paper", "object"): {**OUR_OBJECT, **_PAPER},
    ("paper", "room"): {**OUR_ROOM, **_PAPER},
}


@dataclass
class NeuSFieldConfig(S3IMSDFFieldConfig):
    """The signed distance field's settings, of which the style decides whether it has a grid."""

    use_grid_feature: bool | None = None  # type: ignore[assignment]
    """Whether the hash grid's features are an input of the geometry network; the paper has no grid."""
    num_layers: int | None = None  # type: ignore[assignment]
    """Hidden layers of the geometry network: 8 in the paper, 2 after a hash grid."""
    num_layers_color: int | None = None  # type: ignore[assignment]
    """Hidden layers of the colour network: 4 in the paper, 2 after a hash grid."""


@dataclass
class S3IMNeuSModelConfig(SurfaceSettings, OccupancySettings, NeuSModelConfig):
    """NeuS's settings, and ours; a setting that is None is as the preset says."""

    _target: type = field(default_factory=lambda: S3IMNeuSModel)
    """The class to instantiate."""
    style: Literal["ours", "paper"] = "ours"
    """Whose method the preset follows: ours has a hash grid before small networks, paper has NeuS's networks of 8 and 4
    layers and its slower annealing; any single setting below can still be given."""
    sdf_field: NeuSFieldConfig = field(default_factory=NeuSFieldConfig)
    """Settings of the signed distance field."""
    cos_anneal_steps: int | None = None
    """Training steps of the cosine annealing. Over these steps the opacity's formula counts surfaces seen from behind
    less and less. 0: it never counts them, as in style paper with masks."""
    num_samples: int = 64
    """Samples of the first round along each ray."""
    num_samples_importance: int = 64
    """Samples that are added near the surface, spread evenly over num-up-sample-steps rounds."""
    num_up_sample_steps: int = 4
    """Number of rounds that add samples; 0 switches them off."""
    base_variance: float = 64.0
    """Sharpness s of the opacity by which the first round adds samples, in units of the sphere."""
    sharpness_growth: float = 2.0
    """Factor by which base-variance grows from round to round."""
    perturb: bool = True
    """Whether training moves the samples of the first round by a random share of their bins."""


class S3IMNeuSModel(OccupancyMixin, NeuSModel):
    """NeuS trained with S3IM.

    Args:
        config: The model's configuration.
        scene_box: The scene's bounds.
        num_train_data: Number of training images.
        metadata: The training set's metadata, whose :class:`~s3im_methods.data.scene_facts.SceneFacts` choose the
            preset and the sphere.
    """

    config: S3IMNeuSModelConfig
    presets = PRESETS

    @classmethod
    def decided(cls, config: S3IMNeuSModelConfig, facts: SceneFacts) -> S3IMNeuSModelConfig:
        """The settings with what preset, cameras and masks decide.

        Raises:
            InputError: If settings contradict each other or are out of range.
        """
        _check_samples(config)
        if config.style == "paper" and facts.has_foreground_mask and config.cos_anneal_steps is None:
            # The original anneals only where no masks say what is background.
            config = replace(config, cos_anneal_steps=0)
        return super().decided(config, facts)

    def populate_modules(self) -> None:
        """Build nerfstudio's model in the scene's sphere, and give it our sampler."""
        super().populate_modules()
        config = self.config
        self.anneal_end = config.cos_anneal_steps
        first = self.first_sampler(single_jitter=True)
        first.train_stratified = config.perturb  # type: ignore[assignment]
        rounds = config.num_up_sample_steps
        self.sampler = HierarchicalSampler(
            first,
            config.num_samples,
            config.num_samples_importance // max(rounds, 1),
            rounds,
            config.base_variance / (config.sphere_radius * config.unit_share),  # type: ignore[operator]
            config.sharpness_growth,
        )

    def sample(self, ray_bundle: RayBundle) -> SurfaceSamples:
        """Samples that gather at the surface, by the signed distances themselves or by a grid of them."""
        if self.occupancy is not None:
            return self.sample_where_occupied(ray_bundle)
        return self.evaluate(ray_bundle, self.sampler(ray_bundle, self.field.sdf))


def _check_samples(config: S3IMNeuSModelConfig) -> None:
    if config.num_samples < 2:
        refuse("num_samples", config.num_samples, "give 2 samples or more")
    rounds, added = config.num_up_sample_steps, config.num_samples_importance
    if rounds < 0:
        refuse("num_up_sample_steps", rounds, "give a number of rounds, 0 or more")
    if rounds and (added < rounds or added % rounds):
        refuse("num_samples_importance", added, f"give a multiple of num-up-sample-steps, which is {rounds}")
    for name in ("base_variance", "sharpness_growth"):
        if not 0 < getattr(config, name) < float("inf"):
            refuse(name, getattr(config, name), "give a finite number above 0")
