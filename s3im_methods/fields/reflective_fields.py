"""mip-NeRF 360's fields with Ref-NeRF's colours: by networks, and on hash grids."""

from typing import Any, NamedTuple

from nerfstudio.cameras.rays import RaySamples
from nerfstudio.field_components.embedding import Embedding
from nerfstudio.field_components.field_heads import FieldHeadNames
from torch import Tensor

from s3im_methods.fields.appearance import appearance_vectors
from s3im_methods.fields.footprint_fields import FootprintNerfactoField
from s3im_methods.fields.mip_mlp_field import MipDensityField
from s3im_methods.fields.reflection_head import Reflected, ReflectionHead
from s3im_methods.fields.smooth_normals import smooth_normals


class Seen(NamedTuple):
    """What a field found of samples."""

    samples: RaySamples
    """``[R, S]``."""
    outputs: dict[FieldHeadNames, Tensor]
    """Density, colours, and normals of the density and predicted ones, ``[R, S, 1 or 3]``."""
    reflected: Reflected
    """What the colours are made of."""


class _Reflecting:
    """A field whose ``reflection`` takes its features; what the last call found stays in ``seen``."""

    reflection: ReflectionHead
    seen: "Seen | None"

    def forward(self: Any, ray_samples: RaySamples, compute_normals: bool = False) -> dict[FieldHeadNames, Tensor]:
        """The field's outputs of samples ``[*batch]``."""
        outputs = super().forward(ray_samples, compute_normals)  # type: ignore[misc]
        self.seen = Seen(ray_samples, outputs, self.seen)
        return outputs

    def get_outputs(
        self: Any, ray_samples: RaySamples, density_embedding: Tensor | None = None
    ) -> dict[FieldHeadNames, Tensor]:
        """Colours and predicted normals ``[*batch, 3]`` of samples.

        Args:
            ray_samples: ``[*batch]``.
            density_embedding: Their features.
        """
        assert density_embedding is not None
        vectors = appearance_vectors(self, ray_samples)
        found = self.reflection(density_embedding, ray_samples.frustums.directions, vectors)
        self.seen = found
        return {FieldHeadNames.RGB: found.colours, FieldHeadNames.PRED_NORMALS: found.normals}


class ReflectiveGridField(_Reflecting, FootprintNerfactoField):
    """On hash grids, whose density's normals are smooth ones."""

    def forward(self, ray_samples: RaySamples, compute_normals: bool = False) -> dict[FieldHeadNames, Tensor]:
        """The field's outputs of samples ``[R, S]``."""
        outputs = super().forward(ray_samples)
        if compute_normals:
            # ``seen`` holds the same outputs.
            outputs[FieldHeadNames.NORMALS] = smooth_normals(self, ray_samples, outputs[FieldHeadNames.DENSITY])
        return outputs


class ReflectiveMipField(_Reflecting, MipDensityField):
    """By networks.

    Args:
        reflection: The head.
        appearance: A vector per training image; None for none.
        **trunk: See :class:`~s3im_methods.fields.mip_mlp_field.MipDensityField`.
    """

    def __init__(self, reflection: ReflectionHead, appearance: Embedding | None, **trunk: Any) -> None:
        super().__init__(**trunk)
        self.reflection, self.embedding_appearance, self.with_normals = reflection, appearance, True


def make_grid_reflective(field: Any, reflection: ReflectionHead) -> None:
    """Give a footprint field on hash grids Ref-NeRF's colours in place of nerfacto's.

    Args:
        field: Built, with predicted normals.
        reflection: The head.
    """
    for name in ("mlp_head", "mlp_pred_normals", "field_head_pred_normals"):
        delattr(field, name)
    field.__class__ = ReflectiveGridField
    field.reflection = reflection
