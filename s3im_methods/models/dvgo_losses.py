"""What DVGO's loss is made of besides the colours (Sun et al., CVPR 2022, and the unbounded successor's code)."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from s3im_methods.fields.dvgo_field import DVGOField
from s3im_methods.losses.opacity import opacity_loss
from s3im_methods.losses.voxel_variation import touched_nodes, voxel_variation


class Samples(NamedTuple):
    """Samples of a training step.

    Attributes:
        colours: Of the samples that have one, ``[n, 3]``.
        weights: Of all samples, ``[R, S]``.
        ray: The row of ``weights`` of each coloured sample, ``[n]``.
        step: Its column, ``[n]``.
        points: Its coordinates in the grids' box, ``[n, 3]``.
        distances: Of all samples, ``[R, S]``.
    """

    colours: Tensor
    weights: Tensor
    ray: Tensor
    step: Tensor
    points: Tensor
    distances: Tensor


def regularisers(
    config: Any, field: DVGOField, outputs: dict[str, Any], image: Tensor, target: Tensor
) -> dict[str, Tensor]:
    """The weighted regularisers of a training step, scalars by name; those of weight 0 are left out.

    Args:
        config: Their weights.
        field: The field.
        outputs: Of the rays; ``samples`` and ``accumulation``.
        image: The batch's pixels, ``[R, 3 or 4]``.
        target: Their colours over the background, ``[R, 3]``.
    """
    samples, losses = outputs["samples"], {}
    rays = len(target)
    if config.opacity_loss_mult and image.shape[-1] == 4:
        losses["opacity_loss"] = config.opacity_loss_mult * opacity_loss(outputs["accumulation"], image[:, 3:])
    if config.entropy_mult:
        losses["entropy_loss"] = config.entropy_mult * binary_entropy(outputs["accumulation"])
    if config.point_color_mult:
        error = (samples.colours - target[samples.ray]).square().sum(dim=-1)
        weights = samples.weights.detach()[samples.ray, samples.step]
        losses["point_colour_loss"] = config.point_color_mult * (weights * error).sum() / rays
    if config.distortion_mult:
        losses["distortion_loss"] = config.distortion_mult * distortion(samples.weights)
    # The original's strength: in proportion to the longest side over 128, and to one over the number of rays.
    strength = max(field.resolution) / 128 / rays
    points = field.unit(samples.points)
    for name, grid, weight in (
        ("tv_density", field.density_grid, config.tv_density),
        ("tv_color", field.colour_grid, config.tv_color),
    ):
        if weight and len(points):
            nodes = touched_nodes(points, tuple(grid.values.shape))
            losses[name] = weight * strength * voxel_variation(grid.values, nodes)
    return losses


def binary_entropy(opacity: Tensor) -> Tensor:
    """Mean of ``-p log p - (1 - p) log(1 - p)``, a scalar.

    Example:
        >>> round(float(binary_entropy(torch.tensor([0.5]))), 4)
        0.6931
    """
    p = opacity.clamp(1e-6, 1 - 1e-6)
    return -(p * p.log() + (1 - p) * (1 - p).log()).mean()


def distortion(weights: Tensor) -> Tensor:
    """Distortion of weights ``[R, S]`` over S equal steps of a ray from 0 to 1 (mip-NeRF 360, eq. 15).

    The steps are equal in the contracted space, in which a room's rays are sampled.

    Example:
        >>> distortion(torch.full((1, 1000), 1e-3)).round(decimals=3)
        tensor(0.3330)
    """
    steps = weights.shape[-1]
    middles = (torch.arange(steps, device=weights.device) + 0.5) / steps
    before = weights.cumsum(dim=-1) - weights
    moments = (weights * middles).cumsum(dim=-1) - weights * middles
    apart = 2 * (weights * (middles * before - moments)).sum(dim=-1)
    return (apart + weights.square().sum(dim=-1) / (3 * steps)).mean()
