"""Ref-NeRF's colours (Verbin et al., CVPR 2022): a diffuse part, and a specular one that sees the reflected direction.

What a mirror shows changes with the direction of view in a way that is hard to learn, and little with the reflected
one: that of the light that it shows. So the specular network sees the direction of view reflected at a predicted
normal, encoded with a predicted roughness. The colour is

    clip(sRGB(diffuse + tint * specular))

with diffuse ``sigmoid(raw - ln 3)`` and roughness ``softplus(raw - 1)``.
"""

import math
from typing import NamedTuple

import torch
from nerfstudio.field_components.mlp import MLP
from torch import Tensor, nn
from torch.nn import functional

from s3im_methods.encodings.integrated_direction import IntegratedDirectionEncoding
from s3im_methods.fields.tone_mapping import linear_to_srgb

_PADDING = 0.001


class Reflected(NamedTuple):
    """Of samples ``[*batch]``."""

    colours: Tensor
    """``[*batch, 3]``, a little beyond 0 and 1 at most."""
    normals: Tensor
    """Predicted, of length 1, ``[*batch, 3]``."""
    roughness: Tensor
    """0 for a mirror, ``[*batch, 1]``."""
    diffuse: Tensor
    """Linear light, ``[*batch, 3]``."""
    specular: Tensor
    """Tinted, linear light, ``[*batch, 3]``."""


def reflect(towards_camera: Tensor, normals: Tensor) -> Tensor:
    """The direction of the light that a mirror sends to the camera, ``2 (n . v) n - v``.

    Args:
        towards_camera: v, of length 1, ``[*batch, 3]``.
        normals: n, of length 1, ``[*batch, 3]``.

    Example:
        >>> reflect(torch.tensor([0.6, 0.0, 0.8]), torch.tensor([0.0, 0.0, 1.0])).tolist()
        [-0.6000000238418579, 0.0, 0.800000011920929]
    """
    return 2 * (normals * towards_camera).sum(dim=-1, keepdim=True) * normals - towards_camera


class ReflectionHead(nn.Module):
    """See the module's docstring.

    Args:
        in_dim: Number of a sample's features.
        num_degrees: Of the directional encoding.
        bottleneck: How many of its inputs the specular network has from the features.
        num_layers: Of the specular network.
        width: Of its layers.
        appearance_dim: Length of the images' vectors, 0 for none.
    """

    def __init__(
        self, in_dim: int, num_degrees: int, bottleneck: int, num_layers: int, width: int, appearance_dim: int
    ) -> None:
        super().__init__()
        self.encoding = IntegratedDirectionEncoding(num_degrees)
        self.sizes = [3, 1, 3, 3, bottleneck]
        self.spatial = nn.Linear(in_dim, sum(self.sizes))
        self.specular = MLP(
            in_dim=bottleneck + self.encoding.out_dim + 1 + appearance_dim,
            num_layers=num_layers,
            layer_width=width,
            out_dim=3,
            skip_connections=(num_layers // 2,) if num_layers > 4 else None,
            activation=nn.ReLU(),
            out_activation=nn.Sigmoid(),
        )

    def forward(self, features: Tensor, directions: Tensor, appearance: Tensor | None) -> Reflected:
        """Colours and what they are made of.

        Args:
            features: ``[*batch, in_dim]``.
            directions: From the camera, of length 1, ``[*batch, 3]``.
            appearance: The images' vectors, ``[*batch, appearance_dim]``, or None.
        """
        raw_normals, raw_roughness, raw_diffuse, raw_tint, bottleneck = self.spatial(features).split(self.sizes, -1)
        normals = -functional.normalize(raw_normals, dim=-1, eps=1e-6)
        roughness = functional.softplus(raw_roughness - 1)
        towards = -directions
        facing = (normals * towards).sum(dim=-1, keepdim=True)
        seen = [bottleneck, self.encoding(reflect(towards, normals), roughness), facing]
        if appearance is not None:
            seen.append(appearance)
        specular = torch.sigmoid(raw_tint) * self.specular(torch.cat(seen, dim=-1))
        diffuse = torch.sigmoid(raw_diffuse - math.log(3.0))
        colours = linear_to_srgb(diffuse + specular).clamp(0, 1) * (1 + 2 * _PADDING) - _PADDING
        return Reflected(colours, normals, roughness, diffuse, specular)
