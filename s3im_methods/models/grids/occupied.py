"""Where a TensoRF field is empty, found on a grid of nodes (Chen et al., ECCV 2022)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from s3im_methods.console import warn
from s3im_methods.fields.tensorf_field import S3IMTensoRFField
from s3im_methods.models.grids.growth import resolution_by_axis
from s3im_methods.models.tensorf_settings import TensoRFSettings
from s3im_methods.rays.equal_steps import step_length


@torch.no_grad()
def alphas_on_grid(field: S3IMTensoRFField, resolution: Sequence[int], step: Tensor) -> Tensor:
    """Opacity ``1 - exp(-density * step)`` at the nodes of a regular grid over the field's box.

    Args:
        field: The field; what its mask calls empty stays empty.
        resolution: Nodes along x, y and z.
        step: Length of a sampling step, in the units of the field's box, a scalar.

    Returns:
        Opacities in [0, 1], ``[X, Y, Z]``.
    """
    low, high = field.aabb
    shares = [torch.linspace(0, 1, count, device=low.device) for count in resolution]
    x, y, z = (low[axis] + shares[axis] * (high - low)[axis] for axis in range(3))
    slabs = []
    for plane in x:
        points = torch.stack(torch.meshgrid(plane[None], y, z, indexing="ij"), dim=-1)
        density = field.density_in_grid(points)[..., 0] * field.alpha_mask(points)
        slabs.append(1 - torch.exp(-density * step))
    return torch.cat(slabs)


def update_mask(field: S3IMTensoRFField, resolution: Sequence[int], config: TensoRFSettings) -> bool:
    """Find the field's empty space again, unless all of it seems to be empty.

    Args:
        field: The field, whose mask is replaced.
        resolution: Nodes of its grids along x, y and z.
        config: The threshold, the length of a step, and the most nodes of a mask.

    Returns:
        Whether there is a new mask.
    """
    step = step_length(field.aabb, resolution, config.step_ratio)
    nodes = min(float(resolution[0] * resolution[1] * resolution[2]), float(config.alpha_mask_resolution**3))
    if nodes < resolution[0] * resolution[1] * resolution[2]:
        resolution = resolution_by_axis(field.aabb, nodes)
    alphas = alphas_on_grid(field, resolution, step)
    if not (alphas >= config.alpha_mask_threshold).any():
        # Near-empty at first by its shift: a mask now would keep it so for ever.
        warn("TensoRF's alpha mask and box stay as they are: no node is as opaque as the mask's threshold yet.")
        return False
    field.alpha_mask.update(alphas, field.aabb, config.alpha_mask_threshold)
    return True


def node_window(box: Tensor, smaller: Tensor, resolution: Sequence[int]) -> tuple[list[tuple[float, float]], Tensor]:
    """The nodes that a smaller box keeps.

    Args:
        box: Corners of the grids' box, ``[2, 3]``.
        smaller: Corners of the box to cut down to, ``[2, 3]``.
        resolution: Nodes along x, y and z.

    Returns:
        First and last node along each axis, the nearest to the smaller box but at least two, and the box that they
        span, ``[2, 3]``.
    """
    last = torch.tensor(resolution, device=box.device) - 1
    units = (box[1] - box[0]) / last
    ends = ((smaller - box[0]) / units).round()
    first = torch.minimum(ends[0].clamp(min=0), last - 1.0)
    final = torch.minimum(torch.maximum(ends[1], first + 1), last.to(ends))
    window = list(zip(first.tolist(), final.tolist(), strict=True))
    return window, torch.stack([box[0] + first * units, box[0] + final * units])
