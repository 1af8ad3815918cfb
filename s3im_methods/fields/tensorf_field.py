"""TensoRF's field with what nerfstudio's port leaves out (Chen et al., ECCV 2022).

The density's activation, with a shift and a scale of distances; empty space that is not asked about; colour only for
the samples that are seen; and contraction of unbounded space.
"""

from typing import Any, Literal

import torch
from nerfstudio.cameras.rays import RaySamples
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.fields.tensorf_field import TensoRFField
from torch import Tensor
from torch.nn import functional

from s3im_methods.encodings.contraction import MaximumNormContraction
from s3im_methods.encodings.tensor_grids import feature_sum
from s3im_methods.fields.alpha_mask import AlphaMask
from s3im_methods.fields.ray_share import after_first_layer, along_rays, share_of

Activation = Literal["softplus", "relu"]


class S3IMTensoRFField(TensoRFField):
    """nerfstudio's field; see the module's docstring.

    Args:
        aabb: Corners of the scene's box in scene units, ``[2, 3]``; with a contraction, of the contracted space.
        activation: What turns the sum of the density's features into a density.
        density_shift: What is added to that sum first (softplus only).
        distance_scale: What the density is multiplied by: how many of the density's units a scene unit has.
        contraction_scale: Half the side of the cube that contraction leaves as it is, in scene units; None for a
            bounded scene.
        **settings: Those of nerfstudio's field.
    """

    def __init__(
        self,
        aabb: Tensor,
        activation: Activation,
        density_shift: float,
        distance_scale: float,
        contraction_scale: float | None,
        **settings: Any,
    ) -> None:
        super().__init__(aabb.clone(), **settings)
        self.activation = activation
        self.density_shift = density_shift
        self.distance_scale = distance_scale
        self.contraction_scale = contraction_scale
        self.contraction = MaximumNormContraction(order=float("inf"))
        self.alpha_mask = AlphaMask()

    def in_grid(self, positions: Tensor) -> Tensor:
        """Positions ``[*batch, 3]`` in scene units as coordinates of the grids' box ``aabb``."""
        return positions if self.contraction_scale is None else self.contraction(positions / self.contraction_scale)

    def _normalized(self, points: Tensor) -> Tensor:
        return SceneBox.get_normalized_positions(points, self.aabb) * 2 - 1

    def density_in_grid(self, points: Tensor) -> Tensor:
        """Density ``[*batch, 1]``, per scene unit, at coordinates ``[*batch, 3]`` of the grids' box."""
        raw = feature_sum(self.density_encoding, self._normalized(points))
        if self.activation == "relu":
            return self.distance_scale * torch.relu(raw)
        return self.distance_scale * functional.softplus(raw + self.density_shift)

    def density_at(self, positions: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Density at positions in scene units; 0 where space is known to be empty.

        Args:
            positions: ``[*batch, 3]``; in training they must lie in the box.
            wanted: Which of them matter, ``[*batch]``; all of them by default. The density of the others is 0.

        Returns:
            Density per scene unit, ``[*batch, 1]``.
        """
        points = self.in_grid(positions)
        if not self.training:
            # A crop box of the viewer lets rays begin and end anywhere.
            inside = ((points >= self.aabb[0]) & (points <= self.aabb[1])).all(dim=-1)
            wanted = inside if wanted is None else wanted & inside
        if self.alpha_mask.exists:
            occupied = self.alpha_mask(points)
            wanted = occupied if wanted is None else wanted & occupied
        if wanted is None:
            return self.density_in_grid(points)
        chosen = wanted.reshape(-1).nonzero()[:, 0]
        density = torch.zeros_like(points[..., :1]).view(-1, 1)
        # Also where none is chosen, so that a batch of empty rays has a gradient, which is 0, and training goes on.
        density = density.index_copy(0, chosen, self.density_in_grid(points.reshape(-1, 3)[chosen]).to(density))
        return density.view(*positions.shape[:-1], 1)

    def get_density(self, ray_samples: RaySamples) -> Tensor:  # type: ignore[override]
        """Density ``[*batch, 1]`` of samples ``[*batch]``."""
        return self.density_in_grid(self.in_grid(ray_samples.frustums.get_positions()))

    def get_outputs(self, ray_samples: RaySamples, density_embedding: Tensor | None = None) -> Tensor:
        """Colours ``[*batch, 3]`` of samples ``[*batch]``."""
        return self.colour(ray_samples.frustums.get_positions(), ray_samples.frustums.directions)

    def colour(self, positions: Tensor, directions: Tensor) -> Tensor:
        """Colours ``[*batch, 3]`` in [0, 1], at positions seen along unit directions, both ``[*batch, 3]``."""
        features = self._appearance(positions)
        encoded = [features, directions, self.feature_encoding(features), self.direction_encoding(directions)]
        return self.field_output_rgb(self.mlp_head(torch.cat(encoded, dim=-1)))

    def _appearance(self, positions: Tensor) -> Tensor:
        return self.B(self.color_encoding(self._normalized(self.in_grid(positions))))

    def colour_where(self, positions: Tensor, directions: Tensor, seen: Tensor) -> Tensor:
        """Colours ``[*batch, 3]`` where ``seen`` (``[*batch]``); black elsewhere.

        What the directions of rays contribute is computed once per ray; the result differs by rounding.
        """
        wanted = seen.reshape(-1).nonzero()[:, 0]
        colours = torch.zeros_like(positions).reshape(-1, 3)
        places = positions.reshape(-1, 3)[wanted]
        # Also where none is wanted: data parallelism needs the colours' parameters in every step's graph.
        if along_rays(directions):
            values = self._colour_on_rays(places, directions[:, 0], wanted // directions.shape[1])
        else:
            values = self.colour(places, directions.reshape(-1, 3)[wanted])
        colours = colours.index_copy(0, wanted, values.to(colours.dtype))
        return colours.view(positions.shape)

    def _colour_on_rays(self, positions: Tensor, directions: Tensor, rays: Tensor) -> Tensor:
        """Colours ``[n, 3]`` at positions ``[n, 3]``, each on one of the rays with directions ``[R, 3]``."""
        features = self._appearance(positions)
        encoded, width = self.feature_encoding(features), features.shape[-1]
        # The columns follow the order of the network's inputs in ``colour``.
        of_rays = [directions, self.direction_encoding(directions)]
        of_rays = share_of(self.mlp_head, of_rays, [width, width + 3 + encoded.shape[-1]], bias=True)
        of_samples = share_of(self.mlp_head, [features, encoded], [0, width + 3], bias=False)
        hidden = of_samples + of_rays[rays]
        return self.field_output_rgb(after_first_layer(self.mlp_head, hidden))
