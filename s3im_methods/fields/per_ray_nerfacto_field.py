"""nerfstudio's nerfacto field, with what is the same for all samples of a ray computed once per ray.

The direction's harmonics and the image's appearance are the same all along a ray: their share of the colour network's
first layer is computed for rays. The result differs by rounding.
"""

from nerfstudio.cameras.rays import RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.fields.base_field import get_normalized_directions
from nerfstudio.fields.nerfacto_field import NerfactoField
from torch import Tensor, nn

from s3im_methods.fields.fused_training import fused_radiance
from s3im_methods.fields.ray_share import after_first_layer, along_rays, share_of


class PerRayNerfactoField(NerfactoField):
    """See the module's docstring."""

    def forward(self, ray_samples: RaySamples, compute_normals: bool = False) -> dict[FieldHeadNames, Tensor]:
        """Densities and colours of samples ``[R, S]``, on a CPU by the kernels of training."""
        directions = ray_samples.frustums.directions
        plain = self.suits_kernels() and not (compute_normals or self._has_other_outputs())
        if plain and along_rays(directions):
            assert ray_samples.camera_indices is not None
            cameras, widths = ray_samples.camera_indices[:, 0, 0], self.deviations(ray_samples)
            found = fused_radiance(self, ray_samples, widths, lambda: self.share_of_rays(directions[:, 0], cameras))
            if found is not None:
                return found
        return super().forward(ray_samples, compute_normals)

    def suits_kernels(self) -> bool:
        """Whether densities are computed as the kernels do it; fields derived from this one have other ways."""
        return type(self) is PerRayNerfactoField

    def deviations(self, ray_samples: RaySamples) -> Tensor | None:
        """How wide samples are in the world, ``[R, S, 1]``; None where all are points."""
        return None

    def get_outputs(
        self, ray_samples: RaySamples, density_embedding: Tensor | None = None
    ) -> dict[FieldHeadNames, Tensor]:
        """Colours of samples; what only nerfstudio's other settings need is left to nerfstudio.

        Args:
            ray_samples: Samples ``[R, S]``.
            density_embedding: Features of the samples, ``[R, S, geo_feat_dim]``.
        """
        directions = ray_samples.frustums.directions
        if self._has_other_outputs() or density_embedding is None or not along_rays(directions):
            return super().get_outputs(ray_samples, density_embedding)
        assert ray_samples.camera_indices is not None
        of_rays = self.share_of_rays(directions[:, 0], ray_samples.camera_indices[:, 0, 0])
        own_share = share_of(self.mlp_head, [density_embedding], [self.own_columns().start], bias=False)
        colours = after_first_layer(self.mlp_head, own_share + of_rays[:, None])
        return {FieldHeadNames.RGB: colours.to(directions)}

    def _has_other_outputs(self) -> bool:
        return self.use_transient_embedding or self.use_semantics or self.use_pred_normals

    def own_columns(self) -> slice:
        """Where the samples' own features are among the colour network's inputs."""
        before = self.direction_encoding.get_out_dim()
        return slice(before, before + self.geo_feat_dim)

    def share_of_rays(self, directions: Tensor, cameras: Tensor) -> Tensor:
        """What rays share of the colour network's first layer, ``[R, width]``, its bias included.

        Args:
            directions: ``[R, 3]``.
            cameras: Indices of the training images that the rays belong to, ``[R]``; they count in training only.
        """
        inputs = [self.direction_encoding(get_normalized_directions(directions)), *self._appearance(cameras)]
        return share_of(self.mlp_head, inputs, [0, self.own_columns().stop][: len(inputs)], bias=True)

    def _appearance(self, cameras: Tensor) -> list[Tensor]:
        table = self.embedding_appearance
        if table is None:
            return []
        if self.training:
            return [table(cameras)]
        if self.use_average_appearance_embedding:
            return [table.mean(dim=0).expand(len(cameras), -1)]
        return [table.embedding.weight.new_zeros(len(cameras), self.appearance_embedding_dim)]


def share_along_rays(field: nn.Module) -> None:
    """Let a nerfacto field in plain torch compute what its rays share once; its parameters stay as they are."""
    if type(field) is NerfactoField and field.mlp_head.tcnn_encoding is None:
        field.__class__ = PerRayNerfactoField
