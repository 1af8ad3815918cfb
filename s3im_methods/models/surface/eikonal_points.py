"""Points of the eikonal loss where no ray has samples, as inside a solid: nothing else holds the field there."""

import torch
from torch import Tensor
from torch.nn import functional

from s3im_methods.fields.sdf_field import S3IMSDFField


def gradients_in_sphere(field: S3IMSDFField, count: int) -> Tensor:
    """Gradients ``[count, 3]`` of the signed distance at random points, evenly spread over the unit sphere's volume.

    Args:
        field: Of a model.
        count: How many points; one where it is less.
    """
    space, count = field.space, max(count, 1)
    directions = functional.normalize(torch.randn(count, 3, device=space.radius.device), dim=-1)
    radii = torch.rand(count, 1, device=space.radius.device) ** (1 / 3)
    return field.geometry(directions * radii * space.radius + space.center)[2]
