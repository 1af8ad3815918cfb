"""Settings of S3IM-NeuS-facto: those of nerfstudio's NeuS-facto, and ours.

Settings that are None are taken from the preset, which ``style``, ``scene_kind`` and the data's masks choose. See
:mod:`s3im_methods.models.neus_facto_presets`.
"""

from dataclasses import dataclass, field
from typing import Literal

from nerfstudio.models.neus_facto import NeuSFactoModelConfig

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.fields.sdf_field import S3IMSDFFieldConfig
from s3im_methods.losses import S3IMConfig
from s3im_methods.losses.depth import DepthLossConfig

Style = Literal["ours", "nerfstudio"]
SceneKind = Literal["auto", "object", "room"]


def _neus_facto() -> type:
    # Imported when a model is built: the model's module imports this one.
    from s3im_methods.models.s3im_neus_facto import S3IMNeuSFactoModel

    return S3IMNeuSFactoModel


@dataclass
class S3IMNeuSFactoModelConfig(NeuSFactoModelConfig):
    """NeuS-facto's settings, and ours; a setting that is None is as the preset says."""

    _target: type = field(default_factory=_neus_facto)
    """The class to instantiate."""
    s3im: S3IMConfig = field(default_factory=S3IMConfig)
    """Settings of the S3IM loss."""
    depth: DepthLossConfig = field(default_factory=lambda: DepthLossConfig(kind="auto"))
    """Settings of the depth loss; a room's depth maps are learned from where it has any, an object's are not."""
    style: Style = "ours"
    """Whose method the preset follows: ours is what measures best on our scenes, nerfstudio is nerfstudio's neus-facto;
    any single setting below can still be given."""
    scene_kind: SceneKind = "auto"
    """What the preset is for: object has the cameras around it, room has them inside; auto looks at where the training
    cameras stand and look."""
    sphere_center: tuple[float, float, float] | None = None
    """Centre, in scene units, of the sphere in whose units the model works: of the object, or of the room."""
    sphere_radius: float | None = None
    """Its radius, in scene units. By default the sphere follows from the training cameras: it fills their views of an
    object, and a room's is as large as the cameras' positions suggest."""
    unit_share: float | None = None
    """Radius of the field's unit sphere as a share of the scene's sphere; an unbounded grid is finest within the unit
    cube, where the cameras of a room should be. With bounds sphere both are the same."""
    near_plane: float = 0.05
    """Distance from the camera at which samples begin in training, in scene units."""
    bounds: Literal["sphere", "near-far", "box"] | None = None
    """Where a ray is sampled: sphere takes what lies within the sphere, near-far what lies between near-plane and
    far-plane, box what lies within the parser's box."""
    far_plane: float | None = None  # type: ignore[assignment]
    """Distance from the camera at which samples end with bounds near-far, in scene units; by default four radii of the
    sphere."""
    sdf_field: S3IMSDFFieldConfig = field(default_factory=S3IMSDFFieldConfig)
    """Settings of the signed distance field."""
    background_model: Literal["grid", "mlp", "none", "nerf++"] | None = None  # type: ignore[assignment]
    """What is behind the surface: nerf++ is a network in inverted distances outside the sphere (NeRF++), grid and mlp
    are nerfstudio's contracted fields, none is background-color alone."""
    background_color: Literal["random", "last_sample", "white", "black"] | None = None  # type: ignore[assignment]
    """What is seen where a ray meets nothing."""
    background_layers: int = 4
    """Layers of the network of background-model nerf++."""
    background_width: int = 128
    """Their width."""
    fg_mask_loss_mult: float | None = None  # type: ignore[assignment]
    """Weight of the cross entropy of accumulation and foreground mask, where the scene has masks or alpha."""
    curvature_loss_mult: float = 0.0
    """Weight of the mean absolute Laplacian of the signed distance (Neuralangelo), times the sphere's radius; above 0
    it takes six more evaluations of the field."""
    cos_anneal_steps: int | None = None
    """Training steps over which the opacity's formula goes from counting surfaces seen from behind to leaving them
    out; nerfstudio's 50000 lies beyond the end of its run."""
    proposal_schedule: Literal["nerfacto", "every-step"] | None = None
    """When the proposal networks learn: nerfacto learns ever more rarely, down to one step in proposal-update-every
    after proposal-warmup steps; every-step is nerfstudio's neus-facto."""

    def sphere(self, facts: SceneFacts) -> tuple[tuple[float, float, float], float]:
        """Centre and radius of the sphere, for a preset that is filled in.

        Args:
            facts: Of the scene; a unit sphere is taken where they have none.
        """
        found = facts.object_sphere if self.scene_kind == "object" else facts.room_sphere
        center, radius = ((0.0, 0.0, 0.0), 1.0) if found is None else (found.center, found.radius)
        return self.sphere_center or center, self.sphere_radius or radius
