"""nerfacto's field and proposal networks, in which a sample is as wide as its pixel: mip-NeRF on hash grids."""

from functools import partial
from typing import Any, NamedTuple

from nerfstudio.cameras.rays import Frustums, RaySamples
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.field_components.activations import trunc_exp
from nerfstudio.field_components.encodings import HashEncoding
from nerfstudio.fields.density_fields import HashMLPDensityField
from nerfstudio.fields.nerfacto_field import NerfactoField
from torch import Tensor, nn

from s3im_methods.encodings.level_weights import contracted_footprint, footprint
from s3im_methods.fields.fused_training import fused_densities, fused_outputs
from s3im_methods.fields.level_weighted_mlp import LevelWeightedMLP
from s3im_methods.fields.per_ray_nerfacto_field import PerRayNerfactoField
from s3im_methods.rays.sample_proposals import SampleDensity


class UnitSamples(NamedTuple):
    """Samples in the grids' unit cube.

    Args:
        points: ``[*batch, 3]``; 0 for those outside.
        inside: Whether they are in the cube, bool ``[*batch, 1]``.
        deviations: Standard deviations across the ray, ``[*batch, 1]``.
    """

    points: Tensor
    inside: Tensor
    deviations: Tensor


def unit_samples(frustums: Frustums, field: Any) -> UnitSamples:
    """Samples ``[*batch]`` as a field's grids see them; the field has a ``spread``, see :func:`in_unit_cube`."""
    return in_unit_cube(frustums.get_positions(), footprint(frustums, field.spread), field)


def in_unit_cube(positions: Tensor, deviations: Tensor, field: Any) -> UnitSamples:
    """Places of some width as a field's grids see them.

    Args:
        positions: In the world, ``[*batch, 3]``.
        deviations: How wide they are there, ``[*batch, 1]``.
        field: With ``spatial_distortion`` (None, or the contraction in the maximum norm) and ``aabb``.
    """
    if field.spatial_distortion is not None:
        points = (field.spatial_distortion(positions) + 2.0) / 4.0
        deviations = contracted_footprint(deviations, positions) / 4.0
    else:
        points = SceneBox.get_normalized_positions(positions, field.aabb)
        deviations = deviations / (field.aabb[1] - field.aabb[0]).log().mean().exp()
    inside = ((points > 0.0) & (points < 1.0)).all(dim=-1, keepdim=True)
    return UnitSamples(points * inside, inside, deviations)


class _WithFootprint:
    spread: float

    def density_of_width(self: Any, positions: Tensor, deviations: Tensor) -> Tensor:
        """Densities ``[*batch, 1]`` at positions ``[*batch, 3]`` of given widths ``[*batch, 1]``, in the world."""
        found = fused_densities(self, positions, deviations)
        if found is not None:
            return found
        points, inside, widths = in_unit_cube(positions, deviations, self)
        before = self.mlp_base(points.view(-1, 3), widths.reshape(-1, 1))[:, :1].view(*points.shape[:-1], 1)
        return self.average_init_density * trunc_exp(before.to(points)) * inside

    def get_density(self: Any, ray_samples: RaySamples) -> tuple[Tensor, Tensor]:
        """Densities ``[*batch, 1]`` and features ``[*batch, geo_feat_dim]`` of samples."""
        frustums = ray_samples.frustums
        widths = footprint(frustums, self.spread)
        found = fused_outputs(self, frustums.get_positions(), widths, self.geo_feat_dim)
        if found is not None:
            return found
        samples = unit_samples(ray_samples.frustums, self)
        points = samples.points
        # nerfstudio's normals are the gradient with respect to these.
        self._sample_locations = points if points.requires_grad else points.requires_grad_()
        outputs = self.mlp_base(points.view(-1, 3), samples.deviations.reshape(-1, 1)).view(*points.shape[:-1], -1)
        before, features = outputs.split([1, self.geo_feat_dim], dim=-1)
        self._density_before_activation = before
        return self.average_init_density * trunc_exp(before.to(points)) * samples.inside, features


class FootprintNerfactoField(_WithFootprint, NerfactoField):
    """nerfacto's field, see the module's docstring."""


class PerRayFootprintNerfactoField(_WithFootprint, PerRayNerfactoField):
    """The same, computing what its rays share once."""

    def suits_kernels(self) -> bool:
        """As the base has it."""
        return type(self) is PerRayFootprintNerfactoField

    def deviations(self, ray_samples: RaySamples) -> Tensor:
        """How wide samples are in the world, ``[R, S, 1]``."""
        return footprint(ray_samples.frustums, self.spread)


class FootprintDensityField(HashMLPDensityField):
    """nerfacto's proposal network, see the module's docstring."""

    spread: float

    def get_density(self, ray_samples: RaySamples) -> tuple[Tensor, None]:
        """Densities ``[*batch, 1]`` of samples, on a CPU by the kernels of training."""
        frustums = ray_samples.frustums
        found = fused_densities(self, frustums.get_positions(), footprint(frustums, self.spread))
        if found is not None:
            return found, None
        samples = unit_samples(ray_samples.frustums, self)
        before = self.mlp_base(samples.points.view(-1, 3), samples.deviations.reshape(-1, 1))  # type: ignore[operator]
        density = trunc_exp(before.view(*samples.points.shape[:-1], 1).to(samples.points))
        return self.average_init_density * density * samples.inside, None


def see_footprints(model: Any, spread: float) -> list[SampleDensity]:
    """Let a nerfacto model's field and proposal networks see how wide samples are; their networks begin anew.

    Args:
        model: Built.
        spread: How wide samples count, in standard deviations of the pixel's cone.

    Returns:
        The densities of each proposal.
    """
    config, shares_along_rays = model.config, isinstance(model.field, PerRayNerfactoField)
    field: Any = model.field
    field.__class__ = PerRayFootprintNerfactoField if shares_along_rays else FootprintNerfactoField
    field.mlp_base = LevelWeightedMLP(
        _grid_of(field.mlp_base), 2, config.hidden_dim, 1 + field.geo_feat_dim, config.implementation
    )
    field.spread = spread
    for place, network in enumerate(model.proposal_networks):
        settings = config.proposal_net_args_list[min(place, len(config.proposal_net_args_list) - 1)]
        network.__class__ = FootprintDensityField
        network.mlp_base = LevelWeightedMLP(network.encoding, 2, settings["hidden_dim"], 1, config.implementation)
        # It is the grid's owner now.
        del network.encoding
        network.spread = spread
    networks = list(model.proposal_networks)
    return [partial(_density, networks[min(k, len(networks) - 1)]) for k in range(config.num_proposal_iterations)]


def _density(network: FootprintDensityField, samples: RaySamples) -> Tensor:
    return network.get_density(samples)[0]


def _grid_of(mlp: Any) -> HashEncoding:
    """The grid of nerfacto's first network; a new one where tinycudann has it inside a single object."""
    if isinstance(getattr(mlp, "model", None), nn.Sequential):
        return mlp.model[0]
    return HashEncoding(
        num_levels=mlp.num_levels,
        min_res=mlp.min_res,
        max_res=mlp.max_res,
        log2_hashmap_size=mlp.log2_hashmap_size,
        features_per_level=mlp.features_per_level,
        implementation="tcnn",
    )
