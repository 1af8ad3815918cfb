"""What the original of TensoRF has besides nerfstudio's, as settings of S3IM-TensoRF.

Settings that are None are taken from the preset, which two settings choose: ``style`` (whose method) and ``scene_kind``
(what is photographed). See :mod:`s3im_methods.models.tensorf_presets`.
"""

from dataclasses import dataclass, field
from typing import Literal

from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig

from s3im_methods.losses import S3IMConfig


@dataclass
class TensoRFSettings:
    """The settings that stand before nerfstudio's own in the bases of S3IM-TensoRF's config."""

    s3im: S3IMConfig = field(default_factory=lambda: S3IMConfig(loss_mult=0.03))
    """Settings of the S3IM loss. With style ours more than the default weight costs PSNR; with style original rooms
    need weight 1."""
    style: Literal["ours", "original", "nerfstudio"] = "ours"
    """Whose method the preset follows: ours is what measures best on our scenes, original is the paper's code (Chen et
    al., ECCV 2022), nerfstudio is nerfstudio's tensorf; any single setting below can still be given."""
    scene_kind: Literal["auto", "room", "object"] = "auto"
    """What the preset is for. room: cameras inside the box, no background. object: cameras around it, a plain
    background. auto: object for blender-data, and for transparent images whose cameras look at one thing from outside
    (the box is enlarged if need be); room for everything else."""
    camera_optimizer: CameraOptimizerConfig = field(default_factory=lambda: CameraOptimizerConfig(mode="off"))
    """Settings of the camera optimiser; it is off as in nerfstudio's tensorf method."""
    background_color: Literal["random", "last_sample", "black", "white", "coin"] | None = None
    """What a ray that meets nothing shows: a colour, random colours in training, the colour of the ray's last sample,
    or coin: black or white by chance for each training batch, the original's choice for rooms."""
    space: Literal["box", "contraction"] | None = None
    """How space is fitted into the grids. box: nothing outside the data parser's box times box-scale is rendered.
    contraction: all of space; what lies beyond that box is squeezed into a shell."""
    box_scale: float | None = None
    """Factor of the parser's box; nerfstudio-data puts the cameras, not the walls, into a box from -1 to 1."""
    near_plane: float | None = None
    """Distance from the camera at which samples begin in training, in scene units."""
    far_plane: float | None = None
    """Distance from the camera at which samples end with space contraction, in scene units."""
    sampling: Literal["steps", "uniform-pdf"] | None = None
    """Where a ray is sampled. steps: equal steps of step-ratio voxels through the whole box. uniform-pdf:
    num-uniform-samples to find what is there, then num-samples where it is."""
    step_ratio: float = 0.5
    """Length of a step as a share of a voxel's side, with sampling steps."""
    max_steps: int = 1000
    """The most steps that a ray may take, with sampling steps; when the grid asks for more, the steps grow longer."""
    density_activation: Literal["softplus", "relu"] | None = None
    """What turns the sum of the density's features into a density."""
    density_shift: float | None = None
    """What is added to that sum before the softplus; the lower, the emptier space is at first."""
    distance_scale: float | None = None
    """What the density is multiplied by: how many of the density's units of length one scene unit has."""
    color_weight_threshold: float | None = None
    """Colour is computed only for samples whose weight in their pixel exceeds this; 0 computes it everywhere."""
    shared_pixels: int = 3
    """Side, in pixels, of the squares that share their first samples when our kernels render an image on a CPU (with
    sampling uniform-pdf and space contraction). 1 gives each pixel its own, as in training."""
    resolution_by_axis: bool | None = None
    """Whether voxels are cubes: as many as a cube of init-resolution (later final-resolution) nodes has, with the nodes
    along each axis following the box. If not, each axis has that many nodes."""
    encoding_octaves: Literal["original", "nerfstudio"] | None = None
    """How features and directions are encoded for the colour network: original has octaves 1 and 2, nerfstudio 1 and 4
    with the input multiplied by 2 pi."""
    head_width: int = 128
    """Width of the two hidden layers of the colour network."""
    alpha_mask_steps: tuple[int, ...] | None = None
    """Training steps after which empty space is found; it is left out afterwards."""
    alpha_mask_threshold: float = 1e-4
    """A node counts as occupied if its opacity over one step is at least this."""
    alpha_mask_resolution: int = 256
    """The mask has as many nodes as the grid, but no more than a cube of this many."""
    shrink_box_steps: tuple[int, ...] | None = None
    """Those of the alpha-mask-steps after which the box is cut down to what is occupied."""
    filter_rays_step: int | None = None
    """After this training step rays that meet only empty space no longer count in the losses; -1 counts all."""
    tv_density: float | None = None
    """Weight of the total variation of the density's planes, summed over the three planes."""
    tv_color: float | None = None
    """Weight of the total variation of the colour's planes, summed over the three planes."""
    tv_decay: float | None = None
    """Share of these weights that is left after regularization-decay-steps, reached exponentially."""
    l1_density: float | None = None
    """Weight of the mean absolute value of the density's planes and lines, summed over them."""
    l1_density_rest: float | None = None
    """Value of l1-density from the first of the alpha-mask-steps on."""
    regularization_decay_steps: int = 30000
    """Steps after which the total variation's weights have shrunk to tv-decay of what they were."""
    upsampling_restarts: Literal["none", "encodings", "all"] | None = None
    """Whose optimiser restarts, with its learning rate's decay, when the grids are upsampled. Optimisers that do not
    restart keep the moments of their grids, interpolated to the new nodes."""
