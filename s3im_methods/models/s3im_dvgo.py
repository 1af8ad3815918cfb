"""S3IM-DVGO: dense voxels (Sun et al., CVPR 2022) with S3IM (Xie et al., ICCV 2023).

With weight 0 its losses are those of :class:`~s3im_methods.models.dvgo.DVGOModel` to the last bit.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.models.base_model import ModelConfig

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.losses import S3IMConfig
from s3im_methods.losses.depth import DepthLossConfig
from s3im_methods.models.depth_mixin import DepthSupervisionMixin
from s3im_methods.models.dvgo import DVGOModel
from s3im_methods.models.dvgo_presets import with_preset
from s3im_methods.models.grids.cameras_in_box import cameras_in_box
from s3im_methods.models.grids.memory import check_memory_of_values, grid_bytes
from s3im_methods.models.s3im_losses import STEPS_PER_SHOW
from s3im_methods.models.s3im_mixin import S3IMMixin
from s3im_methods.models.s3im_term import ReadOnlyText

_PUBLISHED_RESOLUTION = 320
"""That of S3IM's authors for Replica."""
_IN_ROOMS = f", and rooms at resolution {_PUBLISHED_RESOLUTION} in 30000 steps of 4096 rays"
_FLAGS_IN_ROOMS = (
    f" --pipeline.model.resolution {_PUBLISHED_RESOLUTION} --pipeline.datamanager.train-num-rays-per-batch 4096 "
    "--max-num-iterations 30000"
)


@dataclass
class S3IMDVGOModelConfig(ModelConfig):
    """Settings of DVGO and S3IM; those that are None are as the preset of style and scene-kind says."""

    _target: type = field(default_factory=lambda: S3IMDVGOModel)
    """The class to instantiate."""
    s3im: S3IMConfig = field(default_factory=lambda: S3IMConfig(loss_mult=0.03))
    """Settings of the S3IM loss; where there is a coarse stage, it does not begin before the fine stage. More than the
    default weight costs PSNR."""
    depth: DepthLossConfig = field(default_factory=lambda: DepthLossConfig(kind="auto", reach=2.0))
    """Settings of the depth loss; auto is bounded for style ours in rooms that have depth maps, and none elsewhere."""
    style: Literal["ours", "original"] = "ours"
    """Whose method the preset follows: ours is what measures best on our scenes; original is DVGO's code with its
    settings for objects, and for rooms with those that S3IM's authors published for Replica. No style sets
    resolution, rays or steps: for Replica S3IM's authors had resolution 320, 4096 rays and 30000 steps."""
    scene_kind: Literal["auto", "room", "object"] = "auto"
    """What the preset is for: room has cameras inside and all of space in the grid, object has cameras around a box and
    a plain background; auto takes object for blender-data, and where images have a transparent background and cameras
    look at one thing from outside; room for everything else."""
    background_color: Literal["random", "black", "white"] | None = None
    """What is seen where a ray meets nothing; random draws colours in training."""
    space: Literal["box", "contraction"] | None = None
    """How space is fitted into the grids. box: nothing outside the box is rendered; the box is the data parser's, or
    for cut-out images that of what the cameras look at, times box-scale. contraction: all of space; what lies beyond
    the parser's box times box-scale is squeezed into a shell."""
    box_scale: float | None = None
    """Scales the data parser's box; with space contraction, the part that is not contracted."""
    rim: float | None = None
    """Space contraction: width of the contracted shell, as a share of the half side of what is not contracted."""
    contraction_norm: Literal["max", "euclidean"] | None = None
    """Whether contraction keeps a cube (max) or a ball (euclidean) as it is."""
    near_plane: float | None = None
    """Distance from the camera at which samples begin in training, in scene units."""
    resolution: int = 160
    """Final size of the grids: as many voxels as a cube with this many along each side has. Voxels are cubes."""
    features: int = 12
    """Numbers per node of the fine stage's colour grid; the first three are the colour without the network."""
    network_width: int = 128
    """Width of the colour network's hidden layers."""
    network_layers: int = 3
    """Layers of the colour network."""
    direction_octaves: int = 4
    """Octaves in which the colour network sees the direction of view."""
    appearance_embed_dim: int = 0
    """Length of a learned vector per training image that the colour network reads, for photos that differ in exposure;
    0 for none."""
    use_average_appearance_embedding: bool = True
    """Whether views that were not trained on get the mean of these vectors, or 0."""
    coarse_steps: int | None = None
    """Length of the coarse stage, in steps; 0 begins with the fine stage."""
    coarse_resolution: int = 100
    """Size of the grids in the coarse stage, counted in the same way."""
    coarse_alpha_init: float | None = None
    """Opacity of one base voxel at the start of the coarse stage. A base voxel is one of the final resolution."""
    coarse_rate: float | None = None
    """Factor of the grids' learning rate in the coarse stage."""
    coarse_view_counts: bool | None = None
    """Whether a voxel's learning rate in the coarse stage is in proportion to how many training views see it."""
    near_reach: float | None = None
    """Within this distance of a training camera, in scene units, densities of the coarse stage learn more slowly, so
    that no fog before a camera explains its view. 0 switches it off."""
    alpha_init: float | None = None
    """Opacity of one base voxel where a raw density is 0, in the fine stage."""
    keep_coarse: bool | None = None
    """Whether the fine stage starts from the coarse densities and colours. If not, it only learns from them what is
    empty."""
    floor_alpha: float = 1e-3
    """Least opacity of a base voxel in the densities that are kept, so that thin parts can grow."""
    mask_by: Literal["alpha", "weight"] | None = None
    """What is compared with the thresholds below. alpha: a node's own opacity. weight: its largest weight in any pixel
    of the training views, which leaves out fog behind walls; the box is then tightened again at each scaling."""
    mask_threshold: float | None = None
    """A node counts as occupied if its opacity over one coarse step, or that of one of its 26 neighbours, is at least
    this."""
    mask_refresh_threshold: float | None = None
    """The same at each scaling of the fine stage, over one of its steps; 0 keeps the first mask."""
    scaling_steps: tuple[int, ...] | None = None
    """Steps of the fine stage, counted from its start, at which the number of voxels doubles; it ends at resolution."""
    scaling_restarts: bool | None = None
    """Whether the optimisers and their learning rates' decay begin again at each scaling. If not, moments are kept."""
    scaling_shift: float | None = None
    """How much is taken from all raw densities at each scaling, before they are activated; 0 keeps what was learned."""
    step_ratio: float | None = None
    """Length of a step along a ray, in voxels."""
    coarse_step_ratio: float | None = None
    """The same in the coarse stage."""
    jitter: bool | None = None
    """Whether in training all samples of a ray are moved by the same random share of a step."""
    least_transmittance: float = 1e-3
    """A ray ends once no more than this share of its light is left."""
    color_weight_threshold: float | None = None
    """Colour is computed only for samples whose weight in their pixel exceeds this."""
    coarse_color_weight_threshold: float | None = None
    """As color-weight-threshold, in the coarse stage."""
    threshold_ramp: tuple[float, ...] | None = None
    """Factors that multiply color-weight-threshold and mask-refresh-threshold in the fine stage. Low factors at first
    let untrained space get colours. The first factor holds from the start of the stage. The next ones follow midway
    between two scalings, and the last one stays. Empty: 1 throughout."""
    tv_density: float | None = None
    """Weight of the total variation of densities at the nodes that a step touches."""
    tv_color: float | None = None
    """The same for the colour grid."""
    entropy_mult: float | None = None
    """Weight of the entropy of rays' opacity, which drives rays to be opaque or empty."""
    point_color_mult: float | None = None
    """Weight of the squared error of each sample's own colour; samples count by their weight in their pixel."""
    coarse_loss_factor: float = 10.0
    """Factor of the two weights above in the coarse stage."""
    distortion_mult: float | None = None
    """Weight of mip-NeRF 360's distortion loss, which concentrates a ray's weights in one place."""
    opacity_loss_mult: float = 0.1
    """Weight of the squared difference of a ray's opacity and the images' alpha, where these have a transparent
    background."""


# config.yml of the first runs has none of these, and YAML makes objects without their constructor: such a run goes on
# as it began.
S3IMDVGOModelConfig.mask_by = "alpha"
S3IMDVGOModelConfig.scaling_shift = 0.0
S3IMDVGOModelConfig.near_reach = 0.0
S3IMDVGOModelConfig.threshold_ramp = ()
S3IMDVGOModelConfig.depth = DepthLossConfig(kind="none")


class S3IMDVGOModel(DepthSupervisionMixin, S3IMMixin, DVGOModel):
    """DVGO trained with S3IM and, in rooms that have depth maps, with a depth loss.

    Args:
        config: The model's configuration.
        **kwargs: What nerfstudio's pipeline hands to every model.
    """

    config: S3IMDVGOModelConfig
    box_advice = "enlarge it with --pipeline.model.box-scale"
    decides_by_data = True
    grids_grow = True

    @staticmethod
    def adapt_to_data(config: Any, parser: Any) -> None:
        """Decide on a scene-kind that is auto for blender-data; for other data the images do."""
        if config.scene_kind == "auto" and "blender" in type(parser).__name__.lower():
            config.scene_kind = "object"

    @classmethod
    def decided(cls, config: Any, facts: SceneFacts) -> Any:
        """The settings with what preset and images decide.

        Raises:
            InputError: If settings contradict each other or are out of range, or the grids do not fit into memory.
        """
        check_memory_of_values(config.resolution**3, 1 + config.features)
        return with_preset(config, facts)

    def populate_modules(self) -> None:
        """Build DVGO, the S3IM term and the panel's text about the grids."""
        super().populate_modules()
        self.grid_text = ReadOnlyText(
            "Voxels", "not trained yet", disabled=True, hint="Nodes, and how many hold something."
        )

    def data_warnings(self, dataset: InputDataset) -> list[str]:
        """That other methods are better where cameras look outwards and nothing tells how far, boxes that hold cameras
        which should look at them from outside, and which settings of S3IM's authors style original does not set."""
        if self.config.scene_kind == "object" and self.config.space == "box":
            inside = cameras_in_box(self.field.aabb, dataset.cameras.camera_to_worlds[:, :3, 3])
            if inside:
                return inside
        warnings = []
        if self.config.space == "contraction" and self.config.depth.weight() == 0:
            warnings.append(
                "DVGO is made for objects: in rooms and open scenes where it learns no depth, s3im-nerfacto gives "
                "better pictures in the same time."
            )
        s3im = self.config.s3im
        is_sum = s3im.loss_mult == 1 and s3im.balance == "add" and self.s3im.loss_fn.denominators == "free"
        is_coarser = self.config.scene_kind == "room" and self.config.resolution != _PUBLISHED_RESOLUTION
        if self.config.style == "original" and s3im.loss_mult > 0 and (is_coarser or not is_sum):
            warnings.append(
                f"S3IM's authors trained DVGO with the sum of both losses{_IN_ROOMS if is_coarser else ''}: to repeat "
                "them, give --pipeline.model.s3im.loss-mult 1 --pipeline.model.s3im.balance add"
                f"{' --pipeline.model.s3im.denominators free' if s3im.denominators == 'held' else ''}"
                f"{_FLAGS_IN_ROOMS if is_coarser else ''}."
            )
        return warnings

    def schedule_ends(self) -> dict[str, int]:
        """Those of S3IM, and of the grids' stages."""
        coarse, last = self.config.coarse_steps or 0, max(self.config.scaling_steps or (), default=0)
        return {**super().schedule_ends(), "coarse-steps": coarse + 1, "scaling-steps": coarse + last}

    def after_step(self, optimizers: Any, step: int) -> None:
        """Change the grids as the step says, and tell the viewer's panel."""
        super().after_step(optimizers, step)
        if step % STEPS_PER_SHOW == 0 and self.grid_text.gui_handle is not None:
            x, y, z = self.field.resolution
            self.grid_text.value = f"{x} x {y} x {z}, {self.field.occupied_share():.1%} occupied"

    def bytes_when_grown(self) -> float:
        """What the grids need in training, at their final resolution."""
        config = self.config
        return grid_bytes(config.resolution**3, 1 + config.features, dense_gradient=self.device.type != "cpu")

    def hardware_line(self) -> str:
        """What the grids will be and need, for the line that a run prints at its start."""
        config = self.config
        stages = f"a coarse stage of {config.coarse_steps} steps" if config.coarse_steps else "no coarse stage"
        return (
            f"voxel grids of {1 + config.features} numbers a node, up to {config.resolution}^3 nodes, which take up to "
            f"{self.bytes_when_grown() / 1e9:.2g} GB; {stages}; preset: {config.style}, {config.scene_kind}; "
            f"background: {config.background_color}; depth loss: {config.depth.kind}"
        )
