"""The signed distance field of surface models: nerfstudio's ``SDFField`` on any machine.

Differences to nerfstudio's:

* hash grids without tinycudann;
* a sphere of the scene's own: coordinates, initial surface and sharpness are in its units;
* signed distances at the middle of each bin, as in the opacity's formula. nerfstudio takes them at its start, and
  renders every surface half a bin too deep;
* levels of the grid that are unlocked one after the other, and gradients by differences;
* no graph is kept outside training.

Naming: ``sdf`` is the signed distance in scene units, negative inside; ``gradients`` its gradient with respect to scene
points; ``sharpness`` that of the opacity rule in units of the unit sphere (s of NeuS, Wang et al., NeurIPS 2021), see
:mod:`s3im_methods.fields.unit_space`.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import RaySamples
from nerfstudio.field_components.encodings import NeRFEncoding
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.fields.sdf_field import SDFField, SDFFieldConfig
from torch import Tensor
from torch.nn import functional

from s3im_methods.encodings import SDFHashEncoding, chosen_implementation
from s3im_methods.fields.initial_sphere import start_as_sphere
from s3im_methods.fields.logistic_opacity import LogisticOpacity
from s3im_methods.fields.opacity import OpacityRule
from s3im_methods.fields.sdf_network import geometry, kernels_suit, parameters_of, sdf_network, signed_distances
from s3im_methods.fields.surface_band import ELSEWHERE, outputs_in_band
from s3im_methods.fields.unit_space import UnitSpace


@dataclass
class S3IMSDFFieldConfig(SDFFieldConfig):
    """nerfstudio's settings of the signed distance field, and ours."""

    _target: type = field(default_factory=lambda: S3IMSDFField)
    """The class to instantiate."""
    use_grid_feature: bool = True
    """Whether the hash grid's features are an input of the geometry network."""
    implementation: Literal["auto", "tcnn", "fused", "torch"] = "auto"
    """Which code computes the hash grid. tcnn: tinycudann. torch: plain torch. fused: ours for CPUs, which also
    computes lite methods' geometry networks, and plain torch elsewhere. auto: tinycudann if it can be imported, else
    fused."""
    position_frequencies: int = 6
    """Octaves of the points' frequency encoding beside the grid's features; 0 leaves it out."""
    inside_outside: bool | None = None  # type: ignore[assignment]
    """Whether the initial sphere is a room's: free space inside, solid outside."""
    bias: float | None = None  # type: ignore[assignment]
    """Radius of the initial sphere, in radii of the scene's sphere."""
    beta_init: float | None = None  # type: ignore[assignment]
    """A tenth of the logarithm of the opacity's sharpness at the start (NeuS's s), in units of the unit sphere: 0.3 is
    20."""
    fit_initial_sphere: bool | None = None
    """Whether the last layer is fitted to make the initial surface a sphere; narrow layers need that."""
    sdf_at: Literal["midpoint", "start"] | None = None
    """Where in a bin the signed distance is taken. midpoint: as in the opacity's formula. start: nerfstudio's choice,
    which renders surfaces half a bin too deep."""
    gradients: Literal["analytic", "numerical"] = "analytic"
    """How the gradient of the signed distance is found: analytic by differentiation, numerical by central differences
    over a cell of the finest unlocked level (Neuralangelo), which takes six more evaluations."""
    first_levels: int = 4
    """Levels of the hash grid that are unlocked from the start."""
    unlock_every: int | None = None
    """Training steps after which one more level is unlocked; 0 unlocks all from the start."""
    band: float = 0.0
    """How near to the surface, in units of 1/s, a sample's bin has to come to get a gradient and a colour. Farther
    opacities depend on them only by a share of exp(-band). 0 evaluates all samples. Only lite methods set it, because a
    GPU has to wait for the count."""
    color_weight_threshold: float = 0.0
    """Samples in the band get a colour only if their weight exceeds this; from 0 to 1."""


class S3IMSDFField(SDFField):
    """A signed distance and a colour for every point in a direction.

    It works in the unit sphere around the scene's origin until :meth:`move_to`, begins as nerfstudio's until
    :meth:`start_as_sphere`, and has NeuS's opacity until :meth:`use_opacity`.

    Args:
        config: The field's configuration.
        aabb: The scene's box, ``[2, 3]``; it is kept for nerfstudio's sake.
        num_images: Number of training images.
        use_average_appearance_embedding: Whether views that were not trained on get the mean appearance.
        spatial_distortion: Of unit points into the grids' cube; by default that of an unbounded space.
    """

    config: S3IMSDFFieldConfig
    encoding: SDFHashEncoding
    deviation_network: OpacityRule
    space: UnitSpace
    checks_far = True
    """Whether training evaluates some samples far from the surface too, for the eikonal loss."""
    shows_last_sample = False
    """Whether a ray that meets nothing shows the colour of its last sample."""

    def __init__(
        self,
        config: S3IMSDFFieldConfig,
        aabb: Tensor,
        num_images: int,
        use_average_appearance_embedding: bool = False,
        spatial_distortion: Any = None,
    ) -> None:
        # nerfstudio asks tinycudann for the encoding of type "hash", and only for that one.
        without_encoding = replace(config, encoding_type="periodic")
        distortion = spatial_distortion or UnitSpace()
        super().__init__(without_encoding, aabb, num_images, use_average_appearance_embedding, distortion)
        self.config = config
        assert config.beta_init is not None
        self.space = UnitSpace()
        self.use_opacity(LogisticOpacity(config.beta_init))
        self.move_to(self.space)
        self.unlock(0)

    @property
    def opacity(self) -> OpacityRule:
        """The rule by which signed distances become opacities, under the name that checkpoints have for it."""
        return self.deviation_network

    def use_opacity(self, rule: OpacityRule) -> None:
        """Take another rule."""
        rule.space = self.space
        self.deviation_network = rule

    def move_to(self, space: UnitSpace) -> None:
        """Put the field into another sphere."""
        self.space = space
        self.spatial_distortion = UnitSpace(bounded=space.bounded)
        self.deviation_network.space = space

    def start_as_sphere(self, radius: float) -> None:
        """Make the initial surface of a field that has not been trained a sphere, as far as its settings have it so.

        Args:
            radius: In radii of the unit sphere.
        """
        if self.config.geometric_init:
            start_as_sphere(self, radius, fit=bool(self.config.fit_initial_sphere))

    def initialize_geo_layers(self) -> None:
        """Build the encodings, then nerfstudio's geometry network with its geometric initialisation."""
        config = self.config
        self.implementation = chosen_implementation(config.implementation)
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
        if config.unlock_every:
            levels = min(levels, config.first_levels + step // config.unlock_every)
        self.encoding.active_levels = levels

    def get_extra_state(self) -> Tensor:
        """What changes by schedule, so that a run that was stopped early is rendered as it was trained."""
        return torch.tensor([float(self.encoding.active_levels or 0), float(self.opacity.progress)])

    def set_extra_state(self, state: Tensor) -> None:
        """Take over what :meth:`get_extra_state` gave."""
        levels, self.opacity.progress = state.tolist()
        self.encoding.active_levels = int(levels)

    def set_cos_anneal_ratio(self, anneal: float) -> None:
        """How far the opacity's schedule has come, from 0 to 1: NeuS's models of nerfstudio call it so."""
        self.opacity.progress = anneal

    @property
    def sharpness(self) -> Tensor:
        """The opacity's sharpness in units of the sphere, ``[1]``."""
        return self.opacity.sharpness().detach() * self.space.radius

    def get_alpha(self, ray_samples: RaySamples, sdf: Tensor | None = None, gradients: Tensor | None = None) -> Tensor:
        """Opacities ``[R, S, 1]`` of samples, from signed distances ``[R, S, 1]`` and gradients ``[R, S, 3]``."""
        assert sdf is not None and gradients is not None
        return self.opacity.alphas(sdf, gradients, ray_samples)

    def forward_geonetwork(self, inputs: Tensor) -> Tensor:
        """Signed distances and features of scene points ``[N, 3]``: ``[N, 1 + geo_feat_dim]``.

        Where nerfstudio's exporter asks, without gradients, nothing is solid outside a bounding sphere.
        """
        unit = self.space.unit(inputs)
        outputs = super().forward_geonetwork(unit)
        sdf = outputs[:, :1]
        if self.space.bounded and not torch.is_grad_enabled():
            sdf = torch.maximum(sdf, unit.norm(dim=-1, keepdim=True) - 1)
        return torch.cat([sdf * self.space.radius, outputs[:, 1:]], dim=-1)

    @torch.no_grad()
    def sdf(self, points: Tensor) -> Tensor:
        """Signed distances of scene points ``[N, 3]``, ``[N]`` in scene units."""
        if self._by_kernels(points):
            return signed_distances(sdf_network(self, parameters_of(self)), points)
        return super().forward_geonetwork(self.space.unit(points))[:, 0] * self.space.radius

    def _by_kernels(self, points: Tensor) -> bool:
        # Fields derived from this one compute distances in other ways.
        return type(self) is S3IMSDFField and kernels_suit(self, points)

    def numerical_step(self) -> Tensor:
        """Half the distance over which differences are taken: a cell of the finest unlocked level, in scene units."""
        level = (self.encoding.active_levels or self.config.num_levels) - 1
        return self.space.grid_cells(self.encoding.scalings[level].to(self.space.radius))

    def geometry(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is known of scene points ``[N, 3]``.

        Returns:
            Signed distances ``[N, 1]``, features ``[N, geo_feat_dim]``, gradients ``[N, 3]``.
        """
        if self.config.gradients == "numerical":
            sdf, features = self._split(self.forward_geonetwork(points))
            return sdf, features, self._differences(points)
        learns = self.training and torch.is_grad_enabled()
        if not points.requires_grad and self._by_kernels(points):
            with torch.set_grad_enabled(learns):
                return geometry(self, points)
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
        ahead, behind = self._around(points, step)
        return (ahead - behind) / (2 * step)

    def laplacian(self, samples: RaySamples) -> Tensor:
        """Laplacian of the signed distance at samples ``[R, S]``, by differences: ``[R, S]``, per scene unit."""
        points = self.sample_positions(samples)
        step = self.numerical_step()
        here = self.forward_geonetwork(points)[:, :1]
        ahead, behind = self._around(points, step)
        return ((ahead + behind - 2 * here) / step**2).sum(dim=-1).view(samples.frustums.shape)

    def _around(self, points: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        offsets = step * torch.eye(3, dtype=points.dtype, device=points.device)
        around = torch.stack([points[:, None] + offsets, points[:, None] - offsets])
        ahead, behind = self.forward_geonetwork(around.view(-1, 3))[:, 0].view(2, -1, 3)
        return ahead, behind

    def sample_positions(self, samples: RaySamples) -> Tensor:
        """Where samples ``[R, S]`` are evaluated, ``[R * S, 3]``, in scene units."""
        frustums = samples.frustums
        at = frustums.starts if self.config.sdf_at == "start" else (frustums.starts + frustums.ends) / 2
        return (frustums.origins + frustums.directions * at).reshape(-1, 3)

    def forward(  # type: ignore[override]
        self,
        ray_samples: RaySamples,
        compute_normals: bool = False,
        return_alphas: bool = False,
        elsewhere: Tensor | None = None,
    ) -> dict[FieldHeadNames | str, Tensor]:
        """What :meth:`get_outputs` gives, whatever nerfstudio's ``compute_normals`` is."""
        return self.get_outputs(ray_samples, return_alphas=return_alphas, elsewhere=elsewhere)

    def get_outputs(  # type: ignore[override]
        self,
        ray_samples: RaySamples,
        density_embedding: Tensor | None = None,
        return_alphas: bool = False,
        elsewhere: Tensor | None = None,
    ) -> dict[FieldHeadNames | str, Tensor]:
        """Colours, signed distances, gradients, normals and, where asked for, opacities of samples ``[R, S]``.

        With a band see :func:`~s3im_methods.fields.surface_band.outputs_in_band`. Gradients at points ``[E, 3]``
        elsewhere are under the name ``elsewhere``, where there are such points.
        """
        if self.config.band > 0 and return_alphas:
            return outputs_in_band(self, ray_samples, elsewhere)
        shape = ray_samples.frustums.shape
        points = self.sample_positions(ray_samples)
        sdf, features, gradients = self.geometry(points)
        rgb = self.colors(ray_samples, points, features, gradients)
        gradients = gradients.view(*shape, 3)
        outputs: dict[FieldHeadNames | str, Tensor] = {
            FieldHeadNames.RGB: rgb.view(*shape, 3),
            FieldHeadNames.SDF: sdf.view(*shape, 1),
            FieldHeadNames.NORMALS: functional.normalize(gradients, dim=-1),
            FieldHeadNames.GRADIENT: gradients,
        }
        if elsewhere is not None:
            outputs[ELSEWHERE] = self.geometry(elsewhere)[2]
        if return_alphas:
            outputs[FieldHeadNames.ALPHA] = self.get_alpha(ray_samples, outputs[FieldHeadNames.SDF], gradients)
        return outputs

    def colors(
        self,
        samples: RaySamples,
        points: Tensor,
        features: Tensor,
        gradients: Tensor,
        places: Tensor | slice = slice(None),
    ) -> Tensor:
        """Colours ``[N, 3]`` of the points of some samples.

        Args:
            samples: All samples ``[R, S]``, for their directions and cameras.
            points: ``[N, 3]``.
            features: ``[N, geo_feat_dim]``.
            gradients: ``[N, 3]``.
            places: Which of the ``R * S`` samples these are; all by default.
        """
        assert samples.camera_indices is not None
        directions = samples.frustums.directions.reshape(-1, 3)[places]
        cameras = samples.camera_indices.reshape(-1)[places]
        return self.get_colors(self.space.unit(points), directions, gradients, features, cameras)
