"""What a batch knows of its rays' depths, in the units in which depth losses and depth metrics compare."""

from typing import Any

import torch
from torch import Tensor, nn

from s3im_methods.data.scene_facts import SceneFacts
from s3im_methods.errors import InputError
from s3im_methods.losses.depth import DepthLossConfig, DepthTargets, sigma_at

NO_DEPTH = (
    "This scene has no depth to train on: give the frames of its transforms.json a depth_file_path, or set "
    "--pipeline.model.depth.kind none."
)

DEPTH_MAPS = ("sensor", "monocular", "composite")
"""Sources of depth that say something of most pixels."""


class DepthAlignment(nn.Module):
    """Corrects depths by ``exp(s) D + b`` with a log-scale s and a shift b per image, at first the identity.

    The scale stays positive, so that near stays near.

    Args:
        num_images: Number of training images.

    Attributes:
        log_scale_and_shift: ``[num_images, 2]``; the shift is in the unit of the depths.

    Example:
        >>> alignment = DepthAlignment(num_images=1)
        >>> alignment.log_scale_and_shift.data[0] = torch.tensor([0.0, 0.5])
        >>> monocular = torch.tensor([True, False])
        >>> alignment(torch.tensor([2.0, 2.0]), monocular, torch.tensor([0, 0])).tolist()
        [2.5, 2.0]
    """

    def __init__(self, num_images: int) -> None:
        super().__init__()
        self.log_scale_and_shift = nn.Parameter(torch.zeros(num_images, 2))

    def forward(self, depth: Tensor, monocular: Tensor, image_indices: Tensor) -> Tensor:
        """Correct the depths of monocular pixels.

        Args:
            depth: ``[B]``; 0 where it is not known, which it stays.
            monocular: ``[B]``, bool: the pixels to correct.
            image_indices: The training image each belongs to, ``[B]``, int64.

        Returns:
            ``[B]``; a depth that a shift has made negative counts as not known.
        """
        log_scale, shift = self.log_scale_and_shift[image_indices].unbind(-1)
        return torch.where(monocular & (depth > 0), depth * log_scale.exp() + shift, depth)


def check_depth_facts(facts: SceneFacts, config: DepthLossConfig) -> None:
    """Refuse a depth loss that cannot be computed on a scene.

    Args:
        facts: Of the scene.
        config: The depth loss's settings, whose weight is above 0.

    Raises:
        InputError: If there is no depth, or sigma is in metres and depth is not.
    """
    if not facts.depth_available:
        raise InputError(NO_DEPTH)
    if config.sigma_unit == "metres" and facts.depth_metres_per_unit is None:
        raise InputError(
            "The depth's sigma is in metres (--pipeline.model.depth.sigma-unit), but the length of this scene's "
            "unit is not known: give it in scene units."
        )


def depth_along_ray(batch: dict[str, Any], directions_norm: Tensor | None) -> Tensor:
    """The true depth of a batch or an image, as the distance along its rays that models render.

    Args:
        batch: Its ``depth_image``, ``[*batch, 1]`` in scene units, is used; 0 where the depth is not known.
        directions_norm: Length of each ray's direction before it was normalised, ``[*batch, 1]``: of a pinhole camera,
            the distance along the ray per unit of z-depth.

    Returns:
        ``[*batch, 1]``, in scene units.

    Raises:
        InputError: If the batch has no depth, or there is no ``directions_norm``.
    """
    if "depth_image" not in batch:
        raise InputError(NO_DEPTH)
    if directions_norm is None:
        raise InputError("z-depth needs its rays' directions_norm: generate them by nerfstudio's cameras.")
    return batch["depth_image"].to(directions_norm.device) * directions_norm


def depth_targets(
    batch: dict[str, Any],
    directions_norm: Tensor | None,
    facts: SceneFacts,
    config: DepthLossConfig,
    step: int,
    alignment: DepthAlignment | None = None,
) -> DepthTargets:
    """What a training batch knows of its rays' depths.

    Args:
        batch: ``depth_image`` and, where the data set has them, ``depth_sigma_scale``, ``depth_widening`` and
            ``depth_confidence``, each ``[B, 1]``; and ``indices``, ``[B, 3]``, whose first column is the image.
        directions_norm: See :func:`depth_along_ray`.
        facts: Of the scene.
        config: The depth loss's settings, for sigma.
        step: The training step.
        alignment: Learned correction of monocular depth, the pixels with a widening above 0.

    Returns:
        All quantities per ray, along the ray and in scene units.

    Raises:
        InputError: If the batch has no depth.
    """
    depth = depth_along_ray(batch, directions_norm)[:, 0]
    sigma_scale, widening, confidence = (
        batch[f"depth_{name}"][:, 0].to(depth.device) if f"depth_{name}" in batch else None
        for name in ("sigma_scale", "widening", "confidence")
    )
    images = batch["indices"][:, 0].to(depth.device) if "indices" in batch else None
    if alignment is not None and widening is not None and images is not None:
        # Scale and shift are those of the map, so the shift of a z-depth grows with the ray's slope.
        assert directions_norm is not None
        along = directions_norm[:, 0]
        depth = alignment(depth / along, widening > 0, images) * along
    sigma = sigma_at(config.sigma, step)
    if config.sigma_unit == "metres":
        sigma /= facts.depth_metres_per_unit or 1.0
    return DepthTargets(
        depth,
        sigma if sigma_scale is None else sigma * sigma_scale,
        0.0 if widening is None else widening,
        confidence,
        images,
    )


def measured_depth(batch: dict[str, Any], directions_norm: Tensor | None) -> Tensor:
    """The depth of an image that a rendered one can be judged by: without its monocular pixels, which are guesses.

    Args:
        batch: ``depth_image`` and, where the data set has it, ``depth_widening``, each ``[H, W, 1]``.
        directions_norm: See :func:`depth_along_ray`.

    Returns:
        Distances along the ray, ``[H, W, 1]``, in scene units; 0 where the depth was not measured.

    Raises:
        InputError: If the batch has no depth.
    """
    depth = depth_along_ray(batch, directions_norm)
    if "depth_widening" in batch:
        depth = torch.where(batch["depth_widening"].to(depth.device) > 0, 0, depth)
    return depth
