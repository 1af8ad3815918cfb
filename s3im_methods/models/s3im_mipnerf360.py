"""S3IM-mip-NeRF 360: mip-NeRF 360 (Barron et al., CVPR 2022) trained with S3IM, and with bounded ray densities.

Its model is nerfacto's, which descends from it, with what nerfacto left out: samples are Gaussians that the contraction
moves with its Jacobian; networks with an integrated encoding off the axes (or hash grids whose levels count by the
samples' width); dilated proposals; an opaque background; the Charbonnier loss. Depth losses and their sources are those
of S3IM-depth-nerfacto.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes
from nerfstudio.field_components.embedding import Embedding
from nerfstudio.model_components.ray_samplers import LinearDisparitySampler
from nerfstudio.model_components.scene_colliders import NearFarCollider
from nerfstudio.utils import comms
from torch import Tensor, nn

from s3im_methods.console import warn
from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.data.scene_sphere import fit_scene_sphere
from s3im_methods.fields.footprint_fields import see_footprints
from s3im_methods.fields.mip_mlp_field import MipDensityField, MipField
from s3im_methods.fields.reflection_head import ReflectionHead
from s3im_methods.fields.reflective_fields import ReflectiveMipField, make_grid_reflective
from s3im_methods.losses.charbonnier import CharbonnierLoss
from s3im_methods.losses.depth import DepthLossConfig
from s3im_methods.models.depth_supervision import DEPTH_MAPS
from s3im_methods.models.presets import check_weights, refuse
from s3im_methods.models.reflection import reflection_outputs
from s3im_methods.models.s3im_depth_nerfacto import S3IMDepthNerfactoModel, S3IMDepthNerfactoModelConfig
from s3im_methods.rays.mip360_proposals import Mip360Proposals, ProposalShape
from s3im_methods.rays.sample_proposals import SampleDensity

# With 6 views of a statue all of it is put far away (9 dB), with 90 none of it is.
_FEW_VIEWS = 12
# Scene units times density of a whole ray before the training. At 0.02 the colours of a statue saturate at black before
# there is any density, and stay there.
_FIRST_OPACITY = 0.6
# The most memory of a step, in what it keeps for its backward pass; estimated.
_PEAK = 1.15


@dataclass
class S3IMMipNeRF360ModelConfig(S3IMDepthNerfactoModelConfig):
    """S3IM-depth-nerfacto's settings, and those that are mip-NeRF 360's own."""

    _target: type = field(default_factory=lambda: S3IMMipNeRF360Model)
    """The class to instantiate."""
    depth: DepthLossConfig = field(default_factory=lambda: DepthLossConfig(kind="auto", reach=2.0))
    """Settings of the depth loss."""
    appearance: Literal["embedding", "glo"] = "glo"
    """How images that differ in exposure are told apart: glo is a vector of four numbers per image that starts at zero
    and is zero for views that were not trained on; embedding is nerfacto's, as its own settings describe it."""
    encoding: Literal["mlp", "grid"] = "mlp"
    """Which networks encode the samples. mlp: the paper's, with an integrated encoding. grid: nerfacto's hash grids,
    whose levels count by the samples' width; for CPUs and short trainings."""
    num_layers: int = 8
    """Encoding mlp: layers of the field's network; hidden-dim is their width."""
    num_proposal_layers: int = 4
    """Encoding mlp: layers of each proposal network."""
    proposal_dim: int = 256
    """Encoding mlp: width of the proposal networks' layers."""
    num_octaves: int = 12
    """Encoding mlp: octaves of the integrated encoding."""
    footprint: float = 2.0
    """Encoding grid: how wide a sample counts for the hash grids, in standard deviations of its pixel."""
    dilation: float = 0.5
    """How far the intervals of a proposal are stretched before the next samples are drawn, in widths of uniform
    samples; 0 switches it and its bias off."""
    dilation_bias: float = 0.0025
    """How far the intervals are stretched in addition, as a share of the whole ray."""
    histogram_padding: float | None = field(default_factory=lambda: None)
    """Weight that is added to every interval of a proposal before the next samples are drawn. If not set: the paper's 0
    with encoding mlp, nerfacto's 0.01 with encoding grid."""
    opaque_background: bool | None = None
    """Whether the last sample of each ray is opaque, so that every ray ends on something. If not set: no for images
    with a transparent background, yes for all others."""
    charbonnier_padding: float | None = None
    """Difference of colours below which their loss is quadratic, and above which it is their absolute difference; 0 for
    the mean squared error. If not set: 0 for images with a transparent background, whose plain colour the absolute
    difference would spread over the object, and 0.001 for all others."""
    reflection: Literal["none", "ref-nerf"] = "none"
    """What colours depend on. none: the direction of view. ref-nerf: the direction reflected at predicted normals, for
    glossy surfaces; a step takes about twice as long."""
    reflection_degrees: int = 5
    """Reflection ref-nerf: degrees 1, 2, 4, ... of the directional encoding, so many of them, 1 to 5."""
    reflection_layers: int = 8
    """Reflection ref-nerf: layers of the specular network; hidden-dim-color is their width."""
    reflection_bottleneck: int = 128
    """Reflection ref-nerf: how many features of the position the specular network sees."""
    orientation_loss_mult: float = 0.1
    """Weight of the loss on normals that face away from the camera."""
    pred_normal_loss_mult: float = 3e-4
    """Weight of the difference of predicted normals and the density's."""


# A run from before this setting lacks its line in its config.yml, and YAML makes objects without a constructor.
S3IMMipNeRF360ModelConfig.histogram_padding = 0.01


class S3IMMipNeRF360Model(S3IMDepthNerfactoModel):
    """Mip-NeRF 360 trained with S3IM and, where there is depth, with a depth loss.

    Args:
        config: The model's configuration.
        scene_box: The scene's bounds.
        num_train_data: Number of training images.
        metadata: The training set's metadata; see :class:`~s3im_methods.data.scene_facts.SceneFacts`.

    Raises:
        InputError: If a setting is out of range.
    """

    config: S3IMMipNeRF360ModelConfig

    @classmethod
    def decided(cls, config: Any, facts: SceneFacts) -> Any:
        """S3IM-depth-nerfacto's, with what is decided by the images and by whether they have depth."""
        _check(config)
        opaque, padding = config.opaque_background, config.charbonnier_padding
        usual = 0.0 if facts.has_transparent_background else 0.001
        drawn = config.histogram_padding
        config = replace(
            config,
            # Of nerfacto it asks for the normals of the density and for predicted ones.
            predict_normals=config.predict_normals or config.reflection == "ref-nerf",
            depth=config.depth.bounded_where(facts.depth_source in DEPTH_MAPS),
            opaque_background=not facts.has_transparent_background if opaque is None else opaque,
            charbonnier_padding=usual if padding is None else padding,
            # A dilated proposal has three intervals per sample, among which nerfacto's would be two thirds of all.
            histogram_padding=(0.0 if config.encoding == "mlp" else 0.01) if drawn is None else drawn,
        )
        return super().decided(config, facts)

    def populate_modules(self) -> None:
        """Build S3IM-depth-nerfacto, then what is mip-NeRF 360's in place of its."""
        super().populate_modules()
        config = self.config
        if config.encoding == "grid":
            self.density_fns = see_footprints(self, config.footprint)
            if config.reflection == "ref-nerf":
                make_grid_reflective(self.field, self._reflection(self.field.geo_feat_dim))  # type: ignore[arg-type]
        else:
            self._use_networks()
        sampler = self.proposal_sampler
        sampler.__class__ = Mip360Proposals
        assert isinstance(sampler, Mip360Proposals)
        sampler.shape = ProposalShape(config.dilation, config.dilation_bias, bool(config.opaque_background))
        assert config.histogram_padding is not None
        sampler.pdf_sampler.histogram_padding = config.histogram_padding
        if _steps_in_disparity(config):
            sampler.initial_sampler = LinearDisparitySampler(single_jitter=config.use_single_jitter)
            # Where rays begin at 0, as nerfacto's do outside training, all samples in disparity lie there.
            self.collider = NearFarCollider(config.near_plane, config.far_plane, reset_near_plane=False)
        assert config.charbonnier_padding is not None
        if config.charbonnier_padding > 0:
            self.rgb_loss = CharbonnierLoss(config.charbonnier_padding)

    def schedule_ends(self) -> dict[str, int]:
        """Those of S3IM, and of the annealing of the proposals' weights."""
        ends = super().schedule_ends()
        if self.config.use_proposal_weight_anneal:
            ends["proposal-weights-anneal-max-num-iters"] = self.config.proposal_weights_anneal_max_num_iters
        return ends

    def differentiates_density(self) -> bool:
        """Whether training takes gradients of the field's density with respect to points."""
        return super().differentiates_density() and self.config.reflection == "none"

    def _use_networks(self) -> None:
        config, unbounded = self.config, not self.config.disable_scene_contraction
        table: Embedding | None = self.field.embedding_appearance
        trunk = {"num_layers": config.num_layers, "width": config.hidden_dim, "num_octaves": config.num_octaves}
        if config.reflection == "ref-nerf":
            head = self._reflection(config.hidden_dim)
            self.field = ReflectiveMipField(head, table, **trunk, unbounded=unbounded)
        else:
            self.field = MipField(**trunk, unbounded=unbounded, head_width=config.hidden_dim_color, appearance=table)
        self.field.use_average_appearance_embedding = config.use_average_appearance_embedding
        count = 1 if config.use_same_proposal_network else config.num_proposal_iterations
        networks = [
            MipDensityField(config.num_proposal_layers, config.proposal_dim, config.num_octaves, unbounded)
            for _ in range(count)
        ]
        self.proposal_networks = nn.ModuleList(networks)
        self.density_fns = [_density_of(networks[min(k, count - 1)]) for k in range(config.num_proposal_iterations)]

    def _reflection(self, in_dim: int) -> ReflectionHead:
        config, table = self.config, self.field.embedding_appearance
        return ReflectionHead(
            in_dim,
            config.reflection_degrees,
            config.reflection_bottleneck,
            config.reflection_layers,
            config.hidden_dim_color,
            0 if table is None else table.get_out_dim(),
        )

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """S3IM-depth-nerfacto's outputs; with Ref-NeRF's colours also ``roughness``, ``diffuse`` and ``specular``."""
        outputs = super().get_outputs(ray_bundle)
        if self.config.reflection == "ref-nerf":
            outputs |= reflection_outputs(self.field, self.training)
        return outputs

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """S3IM-depth-nerfacto's losses; with Ref-NeRF's colours its two on normals are Ref-NeRF's."""
        losses = super().get_loss_dict(outputs, batch, metrics_dict)
        if self.training and self.config.reflection == "ref-nerf":
            losses["orientation_loss"] = self.config.orientation_loss_mult * outputs["orientation"]
            losses["pred_normal_loss"] = self.config.pred_normal_loss_mult * outputs["normal_difference"]
        return losses

    def data_warnings(self, dataset: InputDataset) -> list[str]:
        """S3IM-depth-nerfacto's, and those on where the rays of something cut out end."""
        said, config = super().data_warnings(dataset), self.config
        if not self.transparent or config.encoding != "grid":
            return said
        length = config.far_plane - config.near_plane
        # Other losses leave fog of a higher density where few rays pass.
        if config.depth.kind == "bounded" and config.average_init_density * length < _FIRST_OPACITY / 6:
            said.append(
                f"Rays of {length:.2g} scene units are nearly empty at first, from which colours may learn to "
                f"be black: add --pipeline.model.average-init-density {_FIRST_OPACITY / length:.2g}."
            )
        cameras = dataset.cameras
        if config.depth.weight() > 0 or len(cameras) > _FEW_VIEWS:
            return said
        sphere = fit_scene_sphere(cameras, "object")
        away = cameras.camera_to_worlds[:, :, 3] - torch.tensor(sphere.center)
        end = float(away.norm(dim=-1).max()) + sphere.radius
        if config.far_plane > 2 * end:
            said.append(
                f"Without depth, {len(cameras)} views of something cut out leave open how far away it is, and it may "
                f"be put far behind what all cameras look at: add --pipeline.model.far-plane {end:.2g}."
            )
        return said

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """S3IM-depth-nerfacto's; a line if a step needs more GPU memory than is free."""
        if self.device.type == "cuda" and self.config.encoding == "mlp" and comms.is_main_process():
            manager: Any = training_callback_attributes.pipeline.datamanager  # type: ignore[union-attr]
            free = torch.cuda.mem_get_info(self.device)[0]
            for sentence in too_many_rays(self.config, manager.get_train_rays_per_batch(), free):
                warn(sentence)
        return super().get_training_callbacks(training_callback_attributes)

    def hardware_line(self) -> str:
        """What was chosen, for the line that a run prints at its start."""
        line = super().hardware_line() if self.config.encoding == "grid" else "networks by torch"
        return f"{line}; depth loss: {self.config.depth.kind}"


def bytes_kept(config: Any, rays: int) -> float:
    """What the networks of encoding mlp keep of a step for its backward pass, in float32.

    Args:
        config: The model's.
        rays: Of a step.

    Example:
        >>> from s3im_methods.methods.mipnerf360 import s3im_mipnerf360
        >>> round(bytes_kept(s3im_mipnerf360.config.pipeline.model, 16384) / 1e9, 1)
        35.1
    """
    axes = 3 if config.disable_scene_contraction else 21
    encoded = 2 * axes * config.num_octaves
    of_proposal = encoded + config.num_proposal_layers * config.proposal_dim
    # Where the trunk sees the encoding again, and the colours' two layers: bottleneck, direction and appearance.
    again = len(range(5, config.num_layers - 1, 4)) * (config.hidden_dim + encoded)
    of_field = encoded + config.num_layers * config.hidden_dim + again + 287 + config.hidden_dim_color
    proposals = sum(config.num_proposal_samples_per_ray[: config.num_proposal_iterations])
    return 4.0 * rays * (proposals * of_proposal + config.num_nerf_samples_per_ray * of_field)


def too_many_rays(config: Any, rays: int, free: float) -> list[str]:
    """A sentence where a step of encoding mlp needs more memory than a GPU has.

    Args:
        config: The model's.
        rays: Of a step.
        free: Bytes.
    """
    needed = _PEAK * bytes_kept(config, rays)
    if needed <= free:
        return []
    fewer = 2 ** int(math.log2(max(1.0, rays * free / needed)))
    return [
        f"A step of {rays:,} rays needs about {needed / 1e9:.0f} GB of GPU memory in float32, but {free / 1e9:.0f} GB "
        f"are free: if memory runs out, give --pipeline.datamanager.train-num-rays-per-batch {fewer}."
    ]


def _density_of(network: MipDensityField) -> SampleDensity:
    def density(samples: RaySamples) -> Tensor:
        return network.get_density(samples)[0]

    return density


def _steps_in_disparity(config: Any) -> bool:
    return config.encoding == "mlp" and config.proposal_initial_sampler == "piecewise"


def _check(config: Any) -> None:
    for name in ("footprint", "dilation", "dilation_bias", "histogram_padding", "charbonnier_padding"):
        value = getattr(config, name)
        if value is not None and not 0 <= value < float("inf"):
            refuse(name, value, "give a number of 0 or above")
    check_weights(config, ["orientation_loss_mult", "pred_normal_loss_mult"])
    for name in (
        "num_layers",
        "num_proposal_layers",
        "proposal_dim",
        "num_octaves",
        "reflection_layers",
        "reflection_bottleneck",
    ):
        if getattr(config, name) < 1:
            refuse(name, getattr(config, name), "give 1 or more")
    if not 1 <= config.reflection_degrees <= 5:
        refuse("reflection_degrees", config.reflection_degrees, "give 1 to 5")
    if _steps_in_disparity(config) and not config.near_plane > 0:
        refuse("near_plane", config.near_plane, "with --pipeline.model.encoding mlp give a distance above 0")
    if config.encoding == "mlp" and config.predict_normals and config.reflection == "none":
        refuse("predict_normals", True, "it needs --pipeline.model.encoding grid")
