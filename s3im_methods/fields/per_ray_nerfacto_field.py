"""nerfstudio's nerfacto field, with what is the same for all samples of a ray computed once per ray.

The first layer of the colour network is linear in its input, and of this the direction's harmonics and the image's
appearance are the same all along a ray: their share of the layer is computed for rays and added to that of the samples.
The result differs by rounding.
"""

import torch
from nerfstudio.cameras.rays import RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.fields.base_field import get_normalized_directions
from nerfstudio.fields.nerfacto_field import NerfactoField
from torch import Tensor, nn
from torch.nn import functional


class PerRayNerfactoField(NerfactoField):
    """See the module's docstring."""

    def get_outputs(
        self, ray_samples: RaySamples, density_embedding: Tensor | None = None
    ) -> dict[FieldHeadNames, Tensor]:
        """Colours of samples; what only nerfstudio's other settings need is left to nerfstudio.

        Args:
            ray_samples: Samples ``[R, S]``.
            density_embedding: Features of the samples, ``[R, S, geo_feat_dim]``.
        """
        directions = ray_samples.frustums.directions
        # A stride of 0 is how samples of a ray share its direction.
        shared = directions.dim() == 3 and directions.stride(1) == 0
        others = self.use_transient_embedding or self.use_semantics or self.use_pred_normals
        if others or not shared or density_embedding is None:
            return super().get_outputs(ray_samples, density_embedding)
        first = self.mlp_head.layers[0]
        assert isinstance(first, nn.Linear)
        harmonics = self.direction_encoding(get_normalized_directions(directions[:, 0]))
        of_rays = [harmonics, *self._appearance(ray_samples)]
        before, features = harmonics.shape[-1], self.geo_feat_dim
        weights = first.weight[:, :before], first.weight[:, before + features :]
        ray_share = functional.linear(torch.cat(of_rays, dim=-1), torch.cat(weights, dim=-1), first.bias)
        hidden = functional.linear(density_embedding, first.weight[:, before : before + features])
        hidden = hidden + ray_share[:, None]
        for layer in self.mlp_head.layers[1:]:
            hidden = layer(self.mlp_head.activation(hidden))  # type: ignore[misc]
        return {FieldHeadNames.RGB: self.mlp_head.out_activation(hidden).to(directions)}  # type: ignore[misc]

    def _appearance(self, samples: RaySamples) -> list[Tensor]:
        table = self.embedding_appearance
        if table is None:
            return []
        assert samples.camera_indices is not None
        cameras = samples.camera_indices[:, 0, 0]
        if self.training:
            return [table(cameras)]
        if self.use_average_appearance_embedding:
            return [table.mean(dim=0).expand(len(cameras), -1)]
        return [table.embedding.weight.new_zeros(len(cameras), self.appearance_embedding_dim)]


def share_along_rays(field: nn.Module) -> None:
    """Let a nerfacto field in plain torch compute what its rays share once; its parameters stay as they are."""
    if type(field) is NerfactoField and field.mlp_head.tcnn_encoding is None:
        field.__class__ = PerRayNerfactoField
