"""Settings that all surface methods share, beside those of nerfstudio's surface models.

A method's config derives from this class first and from nerfstudio's config of its model second, so that these defaults
hold:

    class S3IMNeuSFactoModelConfig(SurfaceSettings, NeuSFactoModelConfig): ...

Settings that are None are taken from the method's presets, see :mod:`s3im_methods.models.surface.presets`.
"""

from dataclasses import dataclass, field
from typing import Literal

from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.losses import S3IMConfig
from s3im_methods.losses.depth import DepthLossConfig


# It does not derive from nerfstudio's SurfaceModelConfig, whose defaults would then stand before a method's own.
@dataclass
class SurfaceSettings:
    """What S3IM, depth, presets, the scene's sphere and the background add to any surface model's settings."""

    s3im: S3IMConfig = field(default_factory=lambda: S3IMConfig(loss_mult=0.1))
    """Settings of the S3IM loss; with more weight its direction replaces that of the absolute error, which surfaces
    need."""
    depth: DepthLossConfig = field(default_factory=lambda: DepthLossConfig(kind="auto"))
    """Settings of the depth loss. By default rooms learn from a sensor's depth, objects do not."""
    style: str = "ours"
    """Whose method the preset follows."""
    scene_kind: Literal["auto", "object", "room"] = "auto"
    """What the preset is for. object: cameras around it. room: cameras inside. auto: decided by where the training
    cameras stand and look; the log shows the choice."""
    sphere_center: tuple[float, float, float] | None = None
    """Centre, in scene units, of the sphere in whose units the model works: of the object, or of the room."""
    sphere_radius: float | None = None
    """Its radius, in scene units. By default the sphere follows from the training cameras: it fills their views of an
    object, and a room's is as large as the cameras' positions suggest."""
    unit_share: float | None = None
    """Radius of the field's unit sphere as a share of the scene's sphere. An unbounded grid is finest within the unit
    cube, which should hold the cameras of a room. With bounds sphere it has to be 1."""
    near_plane: float = 0.05
    """Distance from the camera at which samples begin in training, in scene units."""
    bounds: Literal["sphere", "near-far", "box"] | None = None
    """Where a ray is sampled: sphere takes what lies within the sphere, near-far what lies between near-plane and
    far-plane, box what lies within the parser's box."""
    far_plane: float | None = None
    """Distance from the camera at which samples end with bounds near-far, in scene units; by default four radii of the
    sphere."""
    sdf_field: S3IMSDFFieldConfig = field(default_factory=S3IMSDFFieldConfig)
    """Settings of the signed distance field."""
    background_model: Literal["grid", "mlp", "none", "nerf++"] | None = None
    """What is behind the surface. nerf++: a network in inverted distances outside the sphere (NeRF++). grid and mlp:
    nerfstudio's contracted fields. none: background-color alone."""
    background_color: Literal["random", "last_sample", "white", "black"] | None = None
    """What a ray that meets nothing shows."""
    background_layers: int | None = field(default_factory=lambda: None)
    """Layers of the network of background-model nerf++. If not set: 8 in style paper, 4 otherwise."""
    background_width: int | None = field(default_factory=lambda: None)
    """Width of the layers of background-model nerf++. If not set: 256 in style paper, 128 otherwise."""
    eikonal_loss_mult: float = 0.1
    """Weight of the eikonal loss, which keeps the gradient of the signed distance at length 1."""
    fg_mask_loss_mult: float | None = None
    """Weight of the cross entropy between accumulation and foreground mask, for scenes with masks or alpha."""
    monocular_priors: Literal["auto", "none"] = "auto"
    """Weights of monocular depth and normals that are not given. auto: MonoSDF's in rooms that have such priors; depth
    is left to a sensor if there is one. none: 0."""
    mono_depth_loss_mult: float | None = None  # type: ignore[assignment]
    """Weight of monocular depth, compared after the best scale and shift of each image; by default 0.1 in rooms that
    have it (MonoSDF), else 0."""
    # A factory, because what the class itself holds is for old runs; see below.
    mono_depth_unit: Literal["spread", "file"] = field(default_factory=lambda: "spread")
    """Unit in which monocular depth is compared. spread: a fifth of its standard deviation within images, which is
    about MonoSDF's unit, whatever the files have. file: that of the files."""
    mono_normal_loss_mult: float | None = None  # type: ignore[assignment]
    """Weight of monocular normals; by default 0.05 in rooms that have them (MonoSDF), else 0."""
    mono_decay_steps: int = 0
    """Training steps over which the weights of monocular depth and normals fall to exp(-10), as MonoSDF's end_step; 0
    keeps them, as MonoSDF does in rooms."""
    curvature_loss_mult: float = 0.0
    """Weight of the mean absolute Laplacian of the signed distance (Neuralangelo), times the sphere's radius; above 0
    it takes six more evaluations of the field."""
    hidden_loss_mult: float | None = field(default_factory=lambda: None)
    """Weight of the loss that fills cavities inside an object, which no camera sees and which would be separate parts
    of the mesh. By default 0.1 for objects with s3im-volsdf and s3im-unisurf, else 0."""
    render: Literal["volume", "surface"] = "volume"
    """How images are rendered outside training. volume: samples along each ray are composited. surface: one sample
    where the ray meets the surface, which is faster. It may be changed later, in config.yml or in the viewer."""


# A run from before these settings lacks their lines in its config.yml, and YAML makes objects without a constructor.
SurfaceSettings.background_layers = 4
SurfaceSettings.background_width = 128
SurfaceSettings.mono_depth_unit = "file"
SurfaceSettings.hidden_loss_mult = 0.0
