"""The signed distance field of surface models: nerfstudio's ``SDFField`` on any machine.

Differences to nerfstudio's: hash grids without tinycudann; a sphere of the scene's own, with the field's coordinates,
its initial surface and its sharpness in units of that sphere; signed distances taken at the middle of each bin, where
the opacity's formula has them (nerfstudio takes them at its start, half a bin too early, so that every surface comes
out half a bin too deep); levels of the grid that are unlocked one after the other; gradients by differences too; no
graph is kept outside training.

Naming: ``sdf`` is the signed distance in scene units, negative inside; ``gradients`` its gradient with respect to scene
points; ``sharpness`` the parameter s of NeuS (Wang et al., NeurIPS 2021) in units of the sphere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import Frustums, RaySamples
from nerfstudio.field_components.encodings import NeRFEncoding
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.fields.sdf_field import LearnedVariance, SDFField, SDFFieldConfig
from nerfstudio.utils.external import TCNN_EXISTS
from torch import Tensor
from torch.nn import functional

from s3im_methods.encodings import fused_available
from s3im_methods.encodings.sdf_hash_grid import SDFHashEncoding
from s3im_methods.fields.unit_space import UnitSpace


@dataclass
class S3IMSDFFieldConfig(SDFFieldConfig):
    """nerfstudio's settings of the signed distance field, and ours."""

    _target: type = field(default_factory=lambda: S3IMSDFField)
    """The class to instantiate."""
    use_grid_feature: bool = True
    """Whether the hash grid's features are an input of the geometry network."""
    implementation: Literal["auto", "tcnn", "fused", "torch"] = "auto"
    """Which implementation of the hash grid to use: tcnn is tinycudann, torch is plain torch, fused is ours for CPUs
    (elsewhere it is plain torch); auto takes tinycudann where it can be imported, else fused."""
    position_frequencies: int = 6
    """Octaves of the frequency encoding of the points beside the grid's features; 0 for none."""
    sdf_at: Literal["midpoint", "start"] = "midpoint"
    """Where in a bin the signed distance is taken: midpoint is where the opacity's formula has it, start is
    nerfstudio's choice, which renders surfaces half a bin too deep."""
    gradients: Literal["analytic", "numerical"] = "analytic"
    """How the gradient of the signed distance is found: analytic by differentiation, numerical by central differences
    over a cell of the finest unlocked level (Neuralangelo), which takes six more evaluations."""
    first_levels: int = 4
    """Levels of the hash grid that are unlocked from the start."""
    unlock_every: int = 0
    """Training steps after which one more level is unlocked; 0 unlocks all from the start."""


class Sharpness(LearnedVariance):
    """NeuS's s, learned in units of a sphere and applied to distances in scene units.

    Args:
        init_val: A tenth of the logarithm of s at the start.
        space: The sphere.
    """

    def __init__(self, init_val: float, space: UnitSpace) -> None:
        super().__init__(init_val)
        self.space = space

    def get_variance(self) -> Tensor:  # type: ignore[override]
        """The factor of signed distances in scene units, ``[1]``."""
        return super().get_variance() / self.space.radius


class S3IMSDFField(SDFField):
    """A signed distance and a colour for every point in a direction.

    Args:
        config: The field's configuration.
        aabb: The scene's box, ``[2, 3]``; it is kept for nerfstudio's sake.
        num_images: Number of training images.
        use_average_appearance_embedding: Whether views that were not trained on get the mean appearance.
        spatial_distortion: Of unit points into the grids' cube; by default that of a bounded or unbounded space.
        center: Centre of the scene's sphere, in scene units.
        radius: Its radius.
        bounded: Whether nothing lies outside the sphere.
    """

    config: S3IMSDFFieldConfig
    encoding: SDFHashEncoding

    def __init__(
        self,
        config: S3IMSDFFieldConfig,
        aabb: Tensor,
        num_images: int,
        use_average_appearance_embedding: bool = False,
        spatial_distortion: Any = None,
        center: Sequence[float] = (0.0, 0.0, 0.0),
        radius: float = 1.0,
        bounded: bool = False,
    ) -> None:
        # nerfstudio asks tinycudann for the encoding of type "hash", and only for that one.
        without_encoding = replace(config, encoding_type="periodic")
        distortion = spatial_distortion or UnitSpace(bounded=bounded)
        super().__init__(without_encoding, aabb, num_images, use_average_appearance_embedding, distortion)
        self.config = config
        self.space = UnitSpace(center, radius, bounded)
        self.deviation_network = Sharpness(config.beta_init, self.space)
        self.unlock(0)

    def initialize_geo_layers(self) -> None:
        """Build the encodings, then nerfstudio's geometry network with its geometric initialisation."""
        config = self.config
        self.implementation = config.implementation
        if self.implementation == "auto":
            self.implementation = "tcnn" if TCNN_EXISTS else "fused" if fused_available() else "torch"
        self.encoding = SDFHashEncoding(
            num_levels=config.num_levels,
            min_res=config.base_res,
            max_res=config.max_res,
            log2_hashmap_size=config.log2_hashmap_size,
            features_per_level=config.features_per_level,
            interpolation="smoothstep" if config.smoothstep else "linear",
            implementation=self.implementation,
        )
        frequencies = config.position_frequencies
        self.position_encoding = NeRFEncoding(
            in_dim=3, num_frequencies=frequencies, min_freq_exp=0.0, max_freq_exp=max(frequencies - 1.0, 0.0)
        )
        super().initialize_geo_layers()

    def unlock(self, step: int) -> None:
        """Unlock the levels of a training step."""
        config = self.config
        levels = config.num_levels
        if config.unlock_every > 0:
            levels = min(levels, config.first_levels + step // config.unlock_every)
        self.encoding.active_levels = levels

    def get_extra_state(self) -> Tensor:
        """What changes by schedule, so that a run that was stopped early is rendered as it was trained."""
        return torch.tensor([float(self.encoding.active_levels or 0), float(self._cos_anneal_ratio)])

    def set_extra_state(self, state: Tensor) -> None:
        """Take over what :meth:`get_extra_state` gave."""
        levels, anneal = state.tolist()
        self.encoding.active_levels = int(levels)
        self.set_cos_anneal_ratio(anneal)

    @property
    def sharpness(self) -> Tensor:
        """NeuS's s in units of the sphere, ``[1]``."""
        return self.deviation_network.get_variance().detach() * self.space.radius

    def forward_geonetwork(self, inputs: Tensor) -> Tensor:
        """Signed distances and features of scene points ``[N, 3]``: ``[N, 1 + geo_feat_dim]``."""
        outputs = super().forward_geonetwork(self.space.unit(inputs))
        return torch.cat([outputs[:, :1] * self.space.radius, outputs[:, 1:]], dim=-1)

    @torch.no_grad()
    def sdf(self, points: Tensor) -> Tensor:
        """Signed distances of scene points ``[N, 3]``, ``[N]`` in scene units."""
        return self.forward_geonetwork(points)[:, 0]

    def numerical_step(self) -> Tensor:
        """Half the distance over which differences are taken: a cell of the finest unlocked level, in scene units."""
        level = (self.encoding.active_levels or self.config.num_levels) - 1
        return self.space.grid_cells(float(self.encoding.scalings[level]))

    def geometry(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is known of scene points ``[N, 3]``.

        Returns:
            Signed distances ``[N, 1]``, features ``[N, geo_feat_dim]``, gradients ``[N, 3]``.
        """
        if self.config.gradients == "numerical":
            sdf, features = self._split(self.forward_geonetwork(points))
            return sdf, features, self._differences(points)
        learns = self.training and torch.is_grad_enabled()
        with torch.enable_grad():
            points = points if points.requires_grad else points.detach().requires_grad_()
            sdf, features = self._split(self.forward_geonetwork(points))
            (gradients,) = torch.autograd.grad(sdf.sum(), points, create_graph=learns)
        if not learns:
            sdf, features = sdf.detach(), features.detach()
        return sdf, features, gradients

    def _split(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        sdf, features = outputs.split([1, self.config.geo_feat_dim], dim=-1)
        return sdf, features

    def _differences(self, points: Tensor) -> Tensor:
        step = self.numerical_step()
        offsets = step * torch.eye(3, dtype=points.dtype, device=points.device)
        around = torch.stack([points[:, None] + offsets, points[:, None] - offsets])
        ahead, behind = self.forward_geonetwork(around.view(-1, 3))[:, 0].view(2, -1, 3)
        return (ahead - behind) / (2 * step)

    def get_outputs(
        self, ray_samples: RaySamples, density_embedding: Tensor | None = None, return_alphas: bool = False
    ) -> dict[FieldHeadNames, Tensor]:
        """Colours, signed distances, gradients, normals and, where asked for, opacities of samples ``[R, S]``."""
        samples = at_midpoints(ray_samples) if self.config.sdf_at == "midpoint" else ray_samples
        shape = samples.frustums.shape
        points = samples.frustums.get_start_positions().reshape(-1, 3)
        directions = samples.frustums.directions.reshape(-1, 3)
        sdf, features, gradients = self.geometry(points)
        assert samples.camera_indices is not None
        cameras = samples.camera_indices.reshape(-1)
        rgb = self.get_colors(self.space.unit(points), directions, gradients, features, cameras)
        gradients = gradients.view(*shape, 3)
        outputs = {
            FieldHeadNames.RGB: rgb.view(*shape, 3),
            FieldHeadNames.SDF: sdf.view(*shape, 1),
            FieldHeadNames.NORMALS: functional.normalize(gradients, dim=-1),
            FieldHeadNames.GRADIENT: gradients,
        }
        if return_alphas:
            outputs[FieldHeadNames.ALPHA] = self.get_alpha(samples, outputs[FieldHeadNames.SDF], gradients)
        return outputs


def at_midpoints(samples: RaySamples) -> RaySamples:
    """The same bins, with their middle for start: nerfstudio's field takes signed distances where a bin starts."""
    frustums = samples.frustums
    middle = (frustums.starts + frustums.ends) / 2
    return replace(
        samples,
        frustums=Frustums(frustums.origins, frustums.directions, middle, frustums.ends, frustums.pixel_area),
    )
