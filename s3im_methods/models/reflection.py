"""What Ref-NeRF's colours are made of, as pictures, and what its losses on normals are computed from."""

from typing import Any

from nerfstudio.field_components.field_heads import FieldHeadNames
from torch import Tensor

from s3im_methods.fields.tone_mapping import linear_to_srgb
from s3im_methods.losses.reflection import orientation_loss, predicted_normal_loss


def reflection_outputs(field: Any, training: bool) -> dict[str, Tensor]:
    """Outputs of the rays that a reflective field was last asked for; it forgets them.

    Args:
        field: Of :mod:`s3im_methods.fields.reflective_fields`.
        training: Whether losses are wanted, or pictures.

    Returns:
        In training the scalars ``orientation`` and ``normal_difference``; else, of each ray, ``roughness``, up to 1,
        ``[R, 1]``, and ``diffuse`` and ``specular``, as colours, ``[R, 3]``.
    """
    samples, outputs, found = field.seen
    field.seen = None
    weights = samples.get_weights(outputs[FieldHeadNames.DENSITY])
    if training:
        directions, normals = samples.frustums.directions, outputs[FieldHeadNames.NORMALS]
        # A density whose normals cannot turn would only become thinner where they are hard to predict.
        of_normals = weights if normals.requires_grad else weights.detach()
        return {
            "orientation": orientation_loss(weights, found.normals, directions),
            "normal_difference": predicted_normal_loss(of_normals, normals, found.normals),
        }
    roughness, diffuse, specular = (
        (weights * part).sum(dim=-2) for part in (found.roughness, found.diffuse, found.specular)
    )
    return {
        "roughness": roughness.clamp(max=1.0),
        "diffuse": linear_to_srgb(diffuse).clamp(0, 1),
        "specular": linear_to_srgb(specular).clamp(0, 1),
    }
