"""What a batch knows of its rays' depths, in the units in which depth losses and depth metrics compare."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from s3im_methods.errors import InputError
from s3im_methods.losses.depth import DepthLossConfig, DepthTargets, sigma_at
from s3im_methods.models.depth_alignment import DepthAlignment

NO_DEPTH = (
    "This scene has no depth to train on: give the frames of its transforms.json a depth_file_path, or set "
    "--pipeline.model.depth.kind none."
)


@dataclass(frozen=True)
class DepthFacts:
    """What a data set says of its depth maps."""

    available: bool
    """Whether it may have any; False only where it says that it has none."""
    is_euclidean: bool
    """Whether the maps hold distances along the ray; else they hold z-depths."""
    metres_per_unit: float | None
    """Length of a scene unit in metres, where it is known."""
    learned_alignment: bool
    """Whether scale and shift of monocular depth are to be learned."""

    @classmethod
    def of(cls, metadata: dict[str, Any]) -> "DepthFacts":
        """Read a data set's metadata: ``depth_available``, ``depth_is_euclidean``, ``depth_metres_per_unit`` and
        ``depth_alignment``, each of which may be missing."""
        return cls(
            available=bool(metadata.get("depth_available", True)),
            is_euclidean=bool(metadata.get("depth_is_euclidean", False)),
            metres_per_unit=metadata.get("depth_metres_per_unit"),
            learned_alignment=metadata.get("depth_alignment") == "learned",
        )

    def check(self, config: DepthLossConfig) -> None:
        """Raise where a loss cannot be computed from such depth maps.

        Raises:
            InputError: If there is none, or sigma is in metres and the maps are not.
        """
        if not self.available:
            raise InputError(NO_DEPTH)
        if config.sigma_unit == "metres" and self.metres_per_unit is None:
            raise InputError(
                "The depth's sigma is in metres (--pipeline.model.depth.sigma-unit), but the length of this scene's "
                "unit is not known: give it in scene units."
            )


def depth_along_ray(batch: dict[str, Any], directions_norm: Tensor | None, facts: DepthFacts) -> Tensor:
    """The true depth of a batch or an image, as the distance along its rays that models render.

    Args:
        batch: Its ``depth_image``, ``[*batch, 1]`` in scene units, is used; 0 where the depth is not known.
        directions_norm: Length of each ray's direction before it was normalised, ``[*batch, 1]``: of a pinhole camera,
            the distance along the ray per unit of z-depth. Needed unless depths are along the ray already.
        facts: What the data set says of its depth.

    Returns:
        ``[*batch, 1]``, in scene units.

    Raises:
        InputError: If the batch has no depth.
    """
    if "depth_image" not in batch:
        raise InputError(NO_DEPTH)
    depth = batch["depth_image"]
    if facts.is_euclidean:
        return depth if directions_norm is None else depth.to(directions_norm.device)
    if directions_norm is None:
        raise InputError("z-depth needs its rays' directions_norm: generate them by nerfstudio's cameras.")
    return depth.to(directions_norm.device) * directions_norm


def depth_targets(
    batch: dict[str, Any],
    directions_norm: Tensor | None,
    facts: DepthFacts,
    config: DepthLossConfig,
    step: int,
    alignment: DepthAlignment | None = None,
) -> DepthTargets:
    """What a training batch knows of its rays' depths.

    Args:
        batch: ``depth_image`` and, where the data set has them, ``depth_sigma_scale``, ``depth_widening`` and
            ``depth_confidence``, each ``[B, 1]``; and ``indices``, ``[B, 3]``, whose first column is the image.
        directions_norm: See :func:`depth_along_ray`.
        facts: What the data set says of its depth.
        config: The depth loss's settings, for sigma.
        step: The training step.
        alignment: Learned correction of monocular depth, the pixels with a widening above 0.

    Returns:
        All quantities per ray, along the ray and in scene units.

    Raises:
        InputError: If the batch has no depth.
    """
    depth = depth_along_ray(batch, directions_norm, facts)[:, 0]
    sigma_scale, widening, confidence = (
        batch[f"depth_{name}"][:, 0].to(depth.device) if f"depth_{name}" in batch else None
        for name in ("sigma_scale", "widening", "confidence")
    )
    images = batch["indices"][:, 0].to(depth.device) if "indices" in batch else None
    if alignment is not None and widening is not None and images is not None:
        # Scale and shift are those of the map, so the shift of a z-depth grows with the ray's slope.
        along = 1.0 if facts.is_euclidean or directions_norm is None else directions_norm[:, 0]
        depth = alignment(depth / along, widening > 0, images) * along
    sigma = sigma_at(config.sigma, step)
    if config.sigma_unit == "metres":
        sigma /= facts.metres_per_unit or 1.0
    return DepthTargets(
        depth,
        sigma if sigma_scale is None else sigma * sigma_scale,
        0.0 if widening is None else widening,
        confidence,
        images,
    )


def measured_depth(batch: dict[str, Any], directions_norm: Tensor | None, facts: DepthFacts) -> Tensor:
    """The depth of an image that a rendered one can be judged by: without its monocular pixels, which are guesses.

    Args:
        batch: ``depth_image`` and, where the data set has it, ``depth_widening``, each ``[H, W, 1]``.
        directions_norm: See :func:`depth_along_ray`.
        facts: What the data set says of its depth.

    Returns:
        Distances along the ray, ``[H, W, 1]``, in scene units; 0 where the depth was not measured.

    Raises:
        InputError: If the batch has no depth.
    """
    depth = depth_along_ray(batch, directions_norm, facts)
    if "depth_widening" in batch:
        depth = torch.where(batch["depth_widening"].to(depth.device) > 0, 0, depth)
    return depth
