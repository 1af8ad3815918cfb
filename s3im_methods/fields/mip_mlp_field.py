"""Fields of mip-NeRF and mip-NeRF 360: a network that sees samples as Gaussians, by their integrated encoding."""

from typing import Any

import torch
from nerfstudio.cameras.rays import RaySamples
from nerfstudio.field_components.embedding import Embedding
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.field_components.mlp import MLP
from nerfstudio.fields.base_field import Field
from torch import Tensor, nn
from torch.nn import functional

from s3im_methods.encodings.integrated_position import IntegratedPositionEncoding
from s3im_methods.encodings.octaves import OctaveEncoding
from s3im_methods.fields.appearance import appearance_vectors
from s3im_methods.rays.frustum_gaussians import contract_gaussians, frustum_gaussians

_DENSITY_SHIFT = -1.0
_DIRECTION_OCTAVES = 4
# Colours may leave [0, 1] by so much, so that black and white can be reached.
_COLOUR_PADDING = 0.001
# Every so many-th layer but the last sees the encoding again.
_SKIP = 4


class MipDensityField(Field):
    """Density of samples: the trunk of mip-NeRF's network, or mip-NeRF 360's proposal network.

    Args:
        num_layers: Of the network.
        width: Of each layer.
        num_octaves: Of the encoding.
        unbounded: Whether space is contracted into a ball of radius 2 and the encoding is off the axes, as in mip-NeRF
            360.

    Attributes:
        use_average_appearance_embedding: Whether views that were not trained on have the images' average vector, and
            not 0.
        with_normals: Whether :meth:`get_normals` will be asked.
    """

    def __init__(self, num_layers: int, width: int, num_octaves: int, unbounded: bool) -> None:
        super().__init__()
        self.unbounded = unbounded
        self.encoding = IntegratedPositionEncoding(num_octaves, off_axis=unbounded)
        self.trunk = MLP(
            in_dim=self.encoding.out_dim,
            num_layers=num_layers,
            layer_width=width,
            skip_connections=tuple(range(_SKIP + 1, num_layers - 1, _SKIP)),  # type: ignore[arg-type]
            activation=nn.ReLU(),
            out_activation=nn.ReLU(),
        )
        self.density_head = nn.Linear(width, 1)
        self.use_average_appearance_embedding = self.with_normals = False

    def get_density(self, ray_samples: RaySamples) -> tuple[Tensor, Any]:
        """Densities ``[*batch, 1]`` of samples, and the trunk's features."""
        # Half precision has too few digits for the high octaves.
        with torch.autocast(ray_samples.frustums.origins.device.type, enabled=False):
            gaussians = frustum_gaussians(ray_samples.frustums)
            if self.with_normals and torch.is_grad_enabled():
                # The normals are the gradient with respect to these.
                mean = gaussians.mean
                self._sample_locations = mean if mean.requires_grad else mean.requires_grad_()
            if self.unbounded:
                gaussians = contract_gaussians(gaussians)
            encoded = self.encoding(gaussians)
        features = self.trunk(encoded)
        before = self.density_head(features)
        self._density_before_activation = before
        return functional.softplus(before + _DENSITY_SHIFT), features

    def get_normals(self) -> Tensor:
        """Normals ``[*batch, 3]`` of the density of the last samples; in training their gradients move the density."""
        assert self._sample_locations is not None and self._density_before_activation is not None
        (gradient,) = torch.autograd.grad(
            self._density_before_activation.sum(), self._sample_locations, create_graph=self.training, retain_graph=True
        )
        return -functional.normalize(gradient, dim=-1)

    def get_outputs(self, ray_samples: RaySamples, density_embedding: Tensor | None = None) -> dict:
        """Nothing but the density."""
        return {}


class MipField(MipDensityField):
    """Density and colour of samples.

    Args:
        num_layers: Of the trunk.
        width: Of each of its layers.
        num_octaves: Of the encoding.
        unbounded: See :class:`MipDensityField`.
        head_width: Width of the layer between features and colour.
        appearance: A vector per training image; None for none.
    """

    def __init__(
        self,
        num_layers: int,
        width: int,
        num_octaves: int,
        unbounded: bool,
        head_width: int = 128,
        appearance: Embedding | None = None,
    ) -> None:
        super().__init__(num_layers, width, num_octaves, unbounded)
        self.embedding_appearance = appearance
        self.bottleneck = nn.Linear(width, 256)
        self.direction_encoding = OctaveEncoding(3, _DIRECTION_OCTAVES)
        seen = 3 + self.direction_encoding.get_out_dim() + (0 if appearance is None else appearance.get_out_dim())
        self.colour_head = MLP(
            in_dim=256 + seen,
            num_layers=2,
            layer_width=head_width,
            out_dim=3,
            activation=nn.ReLU(),
            out_activation=nn.Sigmoid(),
        )

    def get_outputs(
        self, ray_samples: RaySamples, density_embedding: Tensor | None = None
    ) -> dict[FieldHeadNames, Tensor]:
        """Colours ``[*batch, 3]`` of samples.

        Args:
            ray_samples: ``[*batch]``.
            density_embedding: The trunk's features.
        """
        assert density_embedding is not None
        directions = ray_samples.frustums.directions
        seen = [self.bottleneck(density_embedding), directions, self.direction_encoding(directions)]
        vectors = appearance_vectors(self, ray_samples)
        if vectors is not None:
            seen.append(vectors)
        colours = self.colour_head(torch.cat(seen, dim=-1))
        return {FieldHeadNames.RGB: colours * (1 + 2 * _COLOUR_PADDING) - _COLOUR_PADDING}
